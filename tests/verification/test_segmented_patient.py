"""A cine stack as in ACDC goes through `einthoven import` to a mesh and lead fields."""

import numpy as np
import pytest
import pyvista as pv
from helpers.label_images import SHORT_AXIS, grid_around, label_image, write_nifti

from einthoven.app.cli import main
from einthoven.base.config import Config
from einthoven.base.config.models import AnatomySettings as AnatomyConfig
from einthoven.base.config.models import CohortSettings
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.physics.leadfield.solve import solve_lead_fields

CONFIG = Config()
PLACE = np.array([12.0, -340.0, 55.0])
"""Position of the scanner's origin, mm."""


@pytest.fixture(scope="module")
def body():
    return build_anatomy(draw_patient(1, CohortSettings()), AnatomyConfig())


def write_patient(folder, body):
    """A labelled stack, the skin in metres and RAS, and nine electrodes; arguments of import."""
    wall = Surfaces(body.points + PLACE, body.faces, body.face_tags)
    wall = wall.only(body.face_tags != Surface.SKIN)
    used = wall.points[np.unique(wall.faces)]
    grid = grid_around(used, body.heart_rotation, SHORT_AXIS)
    write_nifti(folder / "stack.nii.gz", label_image(wall, grid), grid)
    to_ras_m = np.array([-1.0, -1.0, 1.0]) / 1000
    skin = pv.PolyData.from_regular_faces((body.points + PLACE) * to_ras_m, body.skin).clean()
    skin.save(folder / "skin.ply")
    rows = zip(body.site_names[:9], ((body.site_points[:9] + PLACE) * to_ras_m).tolist())
    lines = ["name,x,y,z", *(f"{name},{x},{y},{z}" for name, (x, y, z) in rows)]
    (folder / "sites.csv").write_text("\n".join(lines))
    (folder / "config.yaml").write_text("{}\n")
    files = {name: str(folder / file) for name, file in (
        ("--torso", "skin.ply"), ("--electrodes", "sites.csv"), ("--config", "config.yaml"),
        ("--to", "out"))}  # fmt: skip
    return ["import", str(folder / "stack.nii.gz"), "--labels", "acdc", "--unit", "m", "--axes",
            "RAS", *(word for pair in files.items() for word in pair)]  # fmt: skip


@pytest.mark.slow
def test_a_stack_becomes_a_patient_with_lead_fields(tmp_path, body, capsys):
    assert main(write_patient(tmp_path, body)) == 0
    told = capsys.readouterr().out
    assert "stack: ok, lv" in told and "surfaces known to" in told and "RV wall: no label" in told
    anatomy = Anatomy.load(tmp_path / "out/stack/anatomy.npz")
    for part in ("lv", "rv", "myocardium"):
        assert anatomy.volumes_ml[part] == pytest.approx(body.volumes_ml[part], rel=0.05)
    from_v1 = [found.heart_origin - found.site_points[3] for found in (anatomy, body)]
    assert np.linalg.norm(from_v1[0] - from_v1[1]) < 5.0  # the base is known to half a slice
    assert anatomy.surface_sd_mm().max() == pytest.approx(8 / np.sqrt(12), rel=0.02)
    electrodes = anatomy.electrodes(0, 9)
    mesh = tetrahedralise(anatomy.surfaces, electrodes.points, CONFIG.mesh, anatomy.patient)
    volumes = tet_volumes(mesh.points, mesh.cells)
    muscle_ml = volumes[mesh.cell_tags == Tissue.MYOCARDIUM].sum() / 1000
    assert muscle_ml == pytest.approx(anatomy.volumes_ml["myocardium"], rel=0.01)
    bare = Patient.of(anatomy, mesh)
    fibers, coordinates = assign_fibers(bare, CONFIG.fibers), ventricular_coordinates(bare)
    whole = Patient.of(anatomy, mesh, fibers, coordinates)
    fields = solve_lead_fields(whole, electrodes, CONFIG.leadfield)
    assert fields.residual.max() < 1e-8


@pytest.mark.slow
def test_without_a_torso_the_wall_is_written_for_a_sheet(tmp_path, body, capsys):
    image = write_patient(tmp_path, body)[1]
    assert main(["import", image, "--labels", "acdc", "--to", str(tmp_path / "out")]) == 0
    assert "heart.vtp (mm, axes LPS)" in capsys.readouterr().out
    wall = pv.read(tmp_path / "out/stack/heart.vtp")
    assert wall.is_manifold and {"face_tags", "surface_sd_mm"} <= set(wall.cell_data)
    assert main(["import", image, "--labels", "acdc", "--torso", "skin.ply"]) == 2
    assert "needs --torso and --electrodes" in capsys.readouterr().err
