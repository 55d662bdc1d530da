"""A tetrahedral heart with its own fibres and activation, from its file to the patient's mesh."""

import numpy as np
import pytest
from helpers.import_catalogue import linear_times, measured_mesh, swirl

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import AnatomySettings, Config, FiberSettings, MeshSettings
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.anatomy import Anatomy as Stage
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.prepare import prepared
from einthoven.physics.electrophysiology.scenarios import activate

pytestmark = pytest.mark.slow
ANATOMY = AnatomySettings(heart_edge_mm=8.0)
MESH = MeshSettings(heart_edge_mm=7.0, torso_edge_mm=30.0)


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """Imported, written, read again and meshed: it lies elsewhere, and on other nodes."""
    folder = tmp_path_factory.mktemp("own")
    anatomy = import_patient(measured_mesh(folder), folder / "no.png", ANATOMY)
    anatomy.save(folder / "anatomy.npz")
    anatomy = Stage.load(folder / "anatomy.npz")
    mesh = tetrahedralise(anatomy.surfaces, anatomy.site_points[:9], MESH, anatomy.patient)
    return Patient.of(anatomy, mesh), folder


def in_file(places, patient):
    """The frame of the file: the axes are the same, the origin is not."""
    return places + patient.anatomy.frame["origin_mm"]


def test_what_was_done_is_told(patient):
    told = "\n".join(patient[0].anatomy.repairs)
    assert "fibers of its own mesh, carried over at most" in told
    assert "activation (sinus) of its own mesh" in told


def test_a_linear_activation_arrives_to_first_order(patient):
    found, _ = patient
    times = activate(found, "sinus", ActivationSettings()).activation_time
    wanted = linear_times(in_file(found.heart.points, found))
    shift = np.median(times - wanted)
    gap = found.anatomy.measured.time_at(found.heart.points)[1]
    # to the rounding of single precision inside the old mesh, by the gap outside it
    assert (np.abs(times - wanted - shift) <= 1.1 * gap + 1e-3).all()
    assert (gap < 1e-6).mean() > 0.5 and times.min() == 0


def test_fibres_arrive_whatever_their_signs(patient):
    found, folder = patient
    fibers = assign_fibers(found, FiberSettings())
    wanted = swirl(in_file(found.heart.centroids, found))
    cosine = np.abs(np.einsum("ci,ci->c", fibers.f0, wanted))
    assert np.degrees(np.arccos(np.clip(np.median(cosine), 0, 1))) < 3.0
    measured = found.anatomy.measured
    signs = np.random.default_rng(5).choice([-1.0, 1.0], (len(measured.points), 1))
    turned = np.asarray(signs * found.anatomy.measured_fiber, np.float32)
    other = Patient.of(Stage.of(found.anatomy.arrays() | {"measured_fiber": turned},
                                found.anatomy.attrs(), "memory"), found.mesh)  # fmt: skip
    np.testing.assert_allclose(assign_fibers(other, FiberSettings()).f0, fibers.f0, atol=1e-4)


def test_a_prediction_takes_them_too(patient):
    found, folder = patient
    found.mesh.save(folder / "mesh.npz")
    ready = prepared(folder, folder, Config(), ("mesh", "fibers")).patient
    assert ready.activation("sinus").backend == "measured"
    wanted = swirl(in_file(ready.heart.centroids, ready))
    assert np.median(np.abs(np.einsum("ci,ci->c", ready.fibers.f0, wanted))) > 0.998
    assert (folder / "activation_sinus.npz").exists()
