"""The mean of Bai 2015 as adapted by Schuler and Loewe enters as an atlas and can be meshed.

Its modes cannot be had offline: smooth fields with the published shares of variance and total
variation move it, so that amplitudes are those of the real atlas.
"""

import helpers.atlas as stand_in
import numpy as np
import pytest
from helpers.imported_hearts import data_file

from einthoven.base.config.models import AnatomySettings, CohortSettings, MeshSettings
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces, meshed
from einthoven.body.anatomy.shape.carry import unit_model
from einthoven.body.anatomy.shape.heart_check import heart_volumes
from einthoven.body.anatomy.shape.model import model_arrays, save_atlas
from einthoven.body.atlases import schuler
from einthoven.body.mesh.surfaces import check_surfaces
from einthoven.body.mesh.tetrahedra import tetrahedralise


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    mean = schuler.read_wall(data_file("cobiveco-geo1/heart.vtp").parent)
    spread = stand_in.variances(len(mean.points))[:10]
    moves = stand_in.smooth_modes(mean.points, 10) * np.sqrt(spread)[:, None, None]
    wall = unit_model(mean, moves)
    path = tmp_path_factory.mktemp("real") / "real.npz"
    arrays = model_arrays(wall) | model_arrays(meshed(wall, 4.0), "_4")
    save_atlas(path, "heart", arrays, name="real mean", source="Zenodo 4506463", licence="CC-BY")
    return str(path), wall


@pytest.mark.slow
def test_real_mean_keeps_its_volume_and_its_individuals_are_hearts(atlas):
    path, wall = atlas
    mean = heart_surfaces(np.zeros(10), 4.0, path)
    muscle = enclosed_volume(wall.mean, wall.faces) / 1000
    assert mean.volumes_ml["myocardium"] == pytest.approx(muscle, rel=0.01)
    assert mean.volumes_ml == pytest.approx(heart_volumes(mean))
    rng = np.random.default_rng(0)
    for _ in range(30):
        heart_surfaces(rng.uniform(-1, 1, 10), 4.0, path)  # checks itself


@pytest.mark.slow
def test_patient_with_a_real_heart_in_our_torso_is_meshed(atlas):
    path, _ = atlas
    for index in range(2):
        body = build_anatomy(
            draw_patient(index, CohortSettings()), AnatomySettings(heart_atlas=path)
        )
        check_surfaces(body.surfaces)
        mesh = tetrahedralise(body.surfaces, body.site_points[:9], MeshSettings())
        heart = tet_volumes(mesh.points, mesh.cells[: mesh.n_heart_cells]).sum() / 1000
        assert heart == pytest.approx(body.volumes_ml["myocardium"], rel=0.01)
