"""Real hearts for tests; the folder of data lies beside the repository and may be absent."""

import os
from pathlib import Path

import numpy as np
import pytest

from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
VALVE_CAPS = (Surface.LV_CAP, Surface.RV_CAP)


def data_file(name):
    """Path of a file of real data; the test is skipped where it is absent, but fails in CI."""
    if not (DATA / name).exists():
        if os.environ.get("EINTHOVEN_REQUIRE_DATA") == "1":
            pytest.fail(f"EINTHOVEN_REQUIRE_DATA=1, but no {DATA / name}")
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
    """Points, faces, face_tags of a drawn heart without its valve caps."""
    heart = heart_surfaces(np.array(coeffs, float), edge_mm)
    kept = ~np.isin(heart.face_tags, VALVE_CAPS)
    return heart.points, heart.faces[kept], heart.face_tags[kept]


DALHOUSIE_AXES = "LIP"
"""The torso's x points left, y to the feet, z to the back."""
DALHOUSIE_LANDMARKS_XZ = {
    "ICS4": (0, -290), "NIPPLE_L": (95, -290), "CLAVICLE_L": (80, -175), "CLAVICLE_R": (-80, -175),
    "SHOULDER_L": (175, -180), "SHOULDER_R": (-175, -180), "ILIAC_L": (95, -480),
    "ILIAC_R": (-95, -480),
}  # fmt: skip
"""Left and head coordinates in mm, read off a picture of the torso."""


def write_dalhousie_patient(folder, heart):
    """A real heart in the Dalhousie torso, all files in the torso's frame; the row of a sheet.

    Args:
        folder: to write into.
        heart: points [vertex, 3] mm in any frame, faces, tags or None.
    """
    import pyvista as pv

    from einthoven.base.geometry.barycentric import cast_ray
    from einthoven.base.geometry.carp import read_carp
    from einthoven.base.geometry.surfaces import Surfaces
    from einthoven.body.anatomy.pose import PhysicalPose
    from einthoven.body.anatomy.shape.tagged_heart import placed_heart
    from einthoven.body.imported.frame import to_patient_frame
    from einthoven.body.imported.sheet import Row
    from einthoven.body.imported.wall_tags import tag_wall

    data_file("dalhousie/daltorso.pts")
    for suffix in (".pts", ".fac"):
        text = (DATA / f"dalhousie/daltorso{suffix}").read_text()
        (folder / f"torso{suffix}").write_text(text)
    torso, epi = (read_carp(DATA / f"dalhousie/{name}.pts") for name in ("daltorso", "dalepi"))
    turn = to_patient_frame(DALHOUSIE_AXES)
    skin = torso.points @ turn
    points, faces, tags = heart
    known = tag_wall(points, faces) if tags is None else tags
    own, rotation, origin = placed_heart(Surfaces(points, faces, known), 6.0)
    pose = PhysicalPose.from_coeffs(np.zeros(6)).rotation
    in_heart = (points - origin) @ rotation - own.centre
    centre = (epi.points @ turn).mean(axis=0)
    placed = (in_heart @ pose.T + centre) @ turn.T
    surface = pv.PolyData.from_regular_faces(placed, faces)
    if tags is not None:
        surface.cell_data["class"] = tags
    surface.save(folder / "heart.vtp")
    lines = ["name,x,y,z"]
    for name, (x, z) in DALHOUSIE_LANDMARKS_XZ.items():
        place = cast_ray(skin, torso.cells, [x, -1000.0, z], [0.0, 1.0, 0.0]) @ turn.T
        lines.append(",".join([name, *(f"{value:.3f}" for value in place)]))
    (folder / "places.csv").write_text("\n".join(lines) + "\n")
    words = "class base=5 epi=2 lv=3 rv=4" if tags is not None else ""
    return Row("imported", "heart.vtp", "torso.pts", "places.csv", "mm", DALHOUSIE_AXES, words,
               str(folder))  # fmt: skip
