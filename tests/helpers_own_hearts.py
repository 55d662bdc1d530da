"""Real hearts for tests; the folder of data lies beside the repository and may be absent."""

from pathlib import Path

import numpy as np
import pytest

from einthoven.anatomy.heart import heart_surfaces
from einthoven.core.tags import Surface

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LIDS = (Surface.LV_LID, Surface.RV_LID)


def data_file(name):
    """Path of a file of real data; the test is skipped where it is absent."""
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not on this machine")
    return DATA / name


def mean_of_a_real_atlas():
    """Points, faces, face_tags of the Bai 2015 mean heart: curved base, labels with teeth."""
    import pyvista as pv

    surface = pv.read(data_file("cobiveco-geo1/heart.vtp"))
    corners = np.sort(np.asarray(surface.point_data["class"])[surface.regular_faces], axis=1)
    classes = np.where(corners[:, 0] == 1, 1, corners[:, 1])
    tags = np.array([0, Surface.BASE, Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO])[classes]
    return np.asarray(surface.points, float), surface.regular_faces, tags


def boundary_of_a_tetrahedral_heart():
    """Points and faces of the LLNL heart: one flat base, no labels."""
    import pyvista as pv

    mesh = pv.read(data_file("llnl-recording-points/heart_mesh.vtk"))
    surface = mesh.extract_surface(algorithm="dataset_surface")
    return np.asarray(surface.points, float), surface.regular_faces


def wall_of_the_embedded_atlas(coeffs=(), edge_mm=4.0):
    """Points, faces, face_tags of a drawn heart without its lids."""
    heart = heart_surfaces(np.array(coeffs, float), edge_mm)
    kept = ~np.isin(heart.face_tags, LIDS)
    return heart.points, heart.faces[kept], heart.face_tags[kept]
