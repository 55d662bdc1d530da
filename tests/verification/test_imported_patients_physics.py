"""Real hearts in a real torso, from files to a plausible 12-lead ECG."""

import numpy as np
import pytest
from helpers.imported_hearts import (
    boundary_of_a_tetrahedral_heart,
    mean_of_a_real_atlas,
    write_dalhousie_patient,
)

from einthoven.base.config import Config
from einthoven.base.config.models import AnatomySettings
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.intervals import qrs_duration
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.leadfield.solve import solve_lead_fields

CONFIG = Config()
MUSCLE_ML = {"bai": 144.8, "llnl": 108.9}
"""Volumes of the meshes as they are published."""


@pytest.fixture(scope="module", params=["bai", "llnl"])
def patient(request, tmp_path_factory):
    heart = {
        "bai": mean_of_a_real_atlas,
        "llnl": lambda: (*boundary_of_a_tetrahedral_heart(), None),
    }[request.param]()
    folder = tmp_path_factory.mktemp(request.param)
    row = write_dalhousie_patient(folder, heart)
    return request.param, import_patient(row, folder / "defect.png", AnatomySettings())


def test_import_keeps_the_muscle_and_finds_all_electrodes(patient):
    name, anatomy = patient
    assert anatomy.volumes_ml["myocardium"] == pytest.approx(MUSCLE_ML[name], rel=0.01)
    assert anatomy.site_names[:9].tolist() == "RA LA LL V1 V2 V3 V4 V5 V6".split()
    left, _, head = anatomy.site_points[:9].T
    assert left[0] < 0 < left[1] and left[3] < left[4] < left[5] < left[6] < left[7] < left[8]
    assert head[2] < head[3:].min() and head[:2].min() > head[3:].max()
    skin = anatomy.faces[anatomy.face_tags == Surface.SKIN]
    assert len(np.unique(skin)) == 352  # the torso stays as it is
    assert np.linalg.det(anatomy.heart_rotation) == pytest.approx(1)


@pytest.mark.slow
def test_ecg_of_a_real_heart_in_a_real_torso(patient):
    name, body = patient
    electrodes = body.electrodes(0, 9)
    mesh = tetrahedralise(body.surfaces, electrodes.points, CONFIG.mesh, body.patient)
    volumes = tet_volumes(mesh.points, mesh.cells)
    muscle_ml = volumes[mesh.cell_tags == Tissue.MYOCARDIUM].sum() / 1000
    assert muscle_ml == pytest.approx(MUSCLE_ML[name], rel=0.01)
    assert volumes.sum() / 1e6 == pytest.approx(22.0, abs=0.1)
    bare = Patient.of(body, mesh)
    fibers, coordinates = assign_fibers(bare, CONFIG.fibers), ventricular_coordinates(bare)
    tree = grow_tree(Patient.of(mesh, coordinates), CONFIG.purkinje)
    whole = Patient.of(body, mesh, fibers, coordinates, tree)
    beat = activate(whole, "sinus", CONFIG.activation)
    fields = solve_lead_fields(whole, electrodes, CONFIG.leadfield)
    assert fields.residual.max() < 1e-8
    found = simulate_ecg(whole, fields, beat, SimulationSettings(CONFIG.ecg, CONFIG.leadfield))
    ecg = found.ecg[0]
    assert np.isfinite(ecg).all()
    assert 70 < qrs_duration(ecg, found.time) < 120
    amplitude = np.ptp(ecg, axis=1)
    assert 0.3 < amplitude.min() and amplitude.max() < 7.0  # mV; a small, slim torso
    v1, v6 = ecg[6], ecg[11]
    if name == "bai":  # R grows to the left; the RV of the other is as thick as its LV
        assert v6.max() / -v6.min() > v1.max() / -v1.min()
