"""The mean of Bai 2015 as adapted by Schuler and Loewe (10.5281/zenodo.4506463).

`heart_sur.vtp` is one closed wall; the point array `class` says 1 base, 2 epicardium, 3 LV and 4 RV
endocardium, 5 apex. It is in the frame of Bai 2015, whose modes move it.
"""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.core.vtk import read_vtk
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.shape.carry import carry, outward
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.atlases import bai

CLASSES = {1: Surface.BASE, 2: Surface.EPI, 3: Surface.LV_ENDO, 4: Surface.RV_ENDO, 5: Surface.EPI}
MEANS = ("heart_sur.vtp", "heart.vtp")
FARTHEST_MM = 8.0
"""Largest distance from Bai's mean; the wall was smoothed and closed."""


def read(folder: Path, phase: str, n_modes: int) -> ShapeModel:
    """The adapted wall, moved by the first modes of Bai 2015.

    The folder holds `heart_sur.vtp` and the three files of Bai 2015, part `Both`. The phase is
    "ED": the adapted mean is end-diastolic.

    Raises:
        BadInput: a file is missing or malformed.
    """
    if phase != "ED":
        raise BadInput(f"phase {phase}: the adapted mean is end-diastolic (ED)")
    wall = read_wall(folder)
    surfaces = bai.read_surfaces(folder, phase, n_modes)
    return carry(surfaces, wall, sources=bai.MOVED_BY, farthest_mm=FARTHEST_MM)


def read_wall(folder: Path) -> Surfaces:
    """The adapted mean, mm.

    Raises:
        BadInput: no file, or no classes.
    """
    paths = [folder / name for name in MEANS if (folder / name).is_file()]
    if not paths:
        raise BadInput(f"{folder}: no {MEANS[0]}, the closed wall of the adapted mean")
    mesh = read_vtk(paths[0])
    if "class" not in mesh.point_data:
        raise BadInput(f"{paths[0]}: no point array 'class'; is this the surface, not the volume?")
    classes = np.asarray(mesh.point_data["class"]).astype(int)
    if unknown := set(np.unique(classes)) - set(CLASSES):
        raise BadInput(f"{paths[0]}: class {sorted(unknown)} is none of 1 to 5")
    faces = np.asarray(mesh.regular_faces, np.int32)
    # A triangle between classes belongs to the smaller surface: boundaries run beside the base.
    tags = np.array([CLASSES[k] for k in range(1, 6)], np.int8)[classes[faces].min(axis=1) - 1]
    points = np.asarray(mesh.points, float)
    return Surfaces(points, outward(points, faces), tags)
