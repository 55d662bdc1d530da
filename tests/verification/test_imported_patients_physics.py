"""Real hearts in a real torso, from files to a plausible 12-lead ECG."""

import numpy as np
import pytest
from helpers_imported_hearts import (
    boundary_of_a_tetrahedral_heart,
    mean_of_a_real_atlas,
    write_dalhousie_patient,
)

from einthoven.config import Config
from einthoven.config.models import Anatomy
from einthoven.core.tags import Surface, Tissue
from einthoven.ecg import forward, intervals, leads
from einthoven.electrophysiology import scenarios
from einthoven.electrophysiology.cells import template as action_potential
from einthoven.electrophysiology.purkinje import tree as purkinje
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.ldrb import assign_fibers
from einthoven.geometry.gradient_recovery import recovered_gradient
from einthoven.geometry.simplex import tet_volumes
from einthoven.imported.anatomy import import_patient
from einthoven.leadfield import conductivity, solve
from einthoven.mesh.tetrahedra import tetrahedralise

SETUP = {name: dict(section) for name, section in Config()}
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
    return request.param, import_patient(row, folder / "defect.png", Anatomy())


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
    names, electrodes = body.site_names[:9], body.site_points[:9]
    surfaces = (body.points, body.faces, body.face_tags)
    mesh = tetrahedralise(*surfaces, electrodes, **SETUP["mesh"])
    arrays = mesh.arrays()
    volumes = tet_volumes(mesh.points, mesh.cells)
    muscle_ml = volumes[mesh.cell_tags == Tissue.MYOCARDIUM].sum() / 1000
    assert muscle_ml == pytest.approx(MUSCLE_ML[name], rel=0.01)
    assert volumes.sum() / 1e6 == pytest.approx(22.0, abs=0.1)
    fibers = assign_fibers(arrays, **SETUP["fibers"])
    section = {k: v for k, v in SETUP["purkinje"].items() if k != "seed"}
    tree = purkinje.grow_tree(arrays, ventricular_coordinates(arrays), seed=7, **section)
    beat, _ = scenarios.activation("sinus", arrays, fibers._asdict(), vars(tree))
    physics = {k: v for k, v in SETUP["leadfield"].items()
               if k not in ("electrodes_per_job", "gradient")}  # fmt: skip
    z, residual = solve.lead_fields(arrays, fibers.f0, electrodes, **physics)
    assert residual.max() < 1e-8
    nodes, tets = mesh.points[: mesh.n_heart_nodes], mesh.cells[: mesh.n_heart_cells]
    sigma_i = conductivity.intracellular(fibers.f0, 0.3, 0.03)
    clock, template = np.arange(-20.0, 500.0), action_potential.template(0.1)
    gradient = recovered_gradient(nodes, tets, z[:, : len(nodes)])
    phi = forward.forward_potential(
        nodes, tets, sigma_i, beat["activation_time"], gradient, clock, template
    )
    ecg = leads.twelve_lead(names, phi)
    assert np.isfinite(ecg).all()
    assert 70 < intervals.qrs_duration(ecg, clock) < 120
    amplitude = np.ptp(ecg, axis=1)
    assert 0.3 < amplitude.min() and amplitude.max() < 7.0  # mV; a small, slim torso
    v1, v6 = ecg[6], ecg[11]
    if name == "bai":  # R grows to the left; the RV of the other is as thick as its LV
        assert v6.max() / -v6.min() > v1.max() / -v1.min()
