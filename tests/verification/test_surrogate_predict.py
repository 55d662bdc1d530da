"""A prediction: gradients at the cells, their timing, and the ECG that follows."""

from dataclasses import replace
from types import SimpleNamespace

import helpers.surrogate as balls
import numpy as np
import pytest
from helpers.fem import bare_heart, electrodes_at
from helpers.heart import HOMOGENEOUS

from einthoven.base.config.learning import MlpSettings, RefractionSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.anatomy import Pose
from einthoven.data.patient.stages import Activation
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.predictor import Predictor
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.train import train_surrogate
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import SimulationSettings
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.physics.leadfield.conductivity import intracellular

COMMON = dict(width=32, n_frequencies=4, epochs=2, points_per_batch=64, electrodes_per_batch=0,
              batch_patients=2)  # fmt: skip
CONFIGS = {"mlp": MlpSettings(**COMMON), "refraction": RefractionSettings(**COMMON, rank=8)}
TIMES = EcgSettings(start_ms=-10.0, duration_ms=60.0, dt_ms=2.0)


def cube(patient) -> SimpleNamespace:
    """A patient whose heart is one cube of six tetrahedra."""
    corners = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = patient["heart_origin"] + 10.0 * (corners - 0.5)
    cells = np.array([[0, 4, 6, 7], [0, 4, 5, 7], [0, 2, 6, 7], [0, 2, 3, 7], [0, 1, 5, 7],
                      [0, 1, 3, 7]])  # fmt: skip
    pose = Pose(patient["heart_rotation"], patient["heart_origin"], patient["torso_box"])
    field = SimpleNamespace(field_points=patient["points"], field_fiber=patient["fiber"],
                            electrode_points=patient["electrode_points"])  # fmt: skip
    return SimpleNamespace(
        name="p0003", heart=bare_heart(points, cells), anatomy=SimpleNamespace(pose=pose),
        fibers=SimpleNamespace(f0=np.tile([0.0, 0.6, 0.8], (6, 1))), field=field, diseased=None,
        fitted=None,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["mlp", "refraction"])
def case(request, tmp_path_factory):
    """A trained pair and a patient with electrodes."""
    root, model = tmp_path_factory.mktemp("predict"), request.param
    patients = [balls.ball_patient(i, n_points=120, n_electrodes=9) for i in range(4)]
    splits = ["train", "train", "train", "test"]
    encoder = balls.write_ball_store(root / "store.zarr.zip", patients, splits)
    train_surrogate(model, CONFIGS[model], encoder, root / "store.zarr.zip", root / "model")
    predictor = Predictor(encoder, SurrogateEnsemble.of_folder(root / "model", model))
    return predictor, cube(patients[3]), electrodes_at(patients[3]["electrode_points"],
                                                       STANDARD_ELECTRODES)  # fmt: skip


@pytest.fixture(scope="module")
def predicted(case) -> Prediction:
    predictor, patient, electrodes = case
    geometry = predictor.encoder.geometry("p0003")
    return predictor.predict(patient, geometry, electrodes, field=True)


def test_ecg_is_the_forward_ecg_of_the_predicted_gradient(case, predicted) -> None:
    patient, heart = case[1], case[1].heart
    activations = [
        Activation(patient="p0003", scenario=name, source_nodes=np.array([0]),
                   source_times=np.zeros(1),
                   activation_time=heart.points[:, axis] - heart.points[:, axis].min())
        for name, axis in (("sinus", 0), ("lbbb", 2))
    ]  # fmt: skip
    settings = SimulationSettings(TIMES, LeadFieldSettings(), HOMOGENEOUS)
    found = with_ecg(predicted, patient, activations, settings)
    assert found.heart_grad.shape == (9, 6, 3) and found.field_grad.shape == (9, 120, 3)
    assert list(found.scenarios) == ["sinus", "lbbb"]
    sigma_i = intracellular(patient.fibers.f0, LeadFieldSettings())
    for k, activation in enumerate(activations):
        tau, beat = activation.activation_time, template(ECG_STEP_MS)
        potential = forward_potential(heart, sigma_i, tau, found.heart_grad, found.time, beat)
        np.testing.assert_allclose(found.potential[k], potential, rtol=1e-4, atol=1e-7)
        leads = twelve_lead(list(found.electrode_names), potential)
        np.testing.assert_allclose(found.ecg[k], leads, rtol=1e-4, atol=1e-7)
    assert np.ptp(found.ecg) > 0


def test_timing_is_stated_with_its_parts(predicted) -> None:
    seconds = predicted.seconds
    parts = seconds["seconds_inputs"] + seconds["seconds_network"]
    assert seconds["seconds_per_lead"] == pytest.approx(parts / 9)
    assert seconds["seconds_single_lead"] > seconds["seconds_inputs"] > 0
    assert predicted.about["n_points"] == 6 and predicted.about["threads"] == 1


def test_arrays_are_reproducible_and_survive_a_file(case, predicted, tmp_path) -> None:
    predictor, patient, electrodes = case
    geometry = predictor.encoder.geometry("p0003")
    again = predictor.predict(patient, geometry, electrodes, field=True)
    replace(again, latent=None).save(tmp_path / "p.npz")
    for found in (again, Prediction.load(tmp_path / "p.npz")):
        np.testing.assert_array_equal(found.heart_grad, predicted.heart_grad)
        np.testing.assert_array_equal(found.field_grad, predicted.field_grad)


def test_field_samples_are_predicted_only_if_asked_for(case, predicted) -> None:
    """A patient may have some that nobody wants to know."""
    predictor, patient, electrodes = case
    found = predictor.predict(patient, predictor.encoder.geometry("p0003"), electrodes)
    np.testing.assert_array_equal(found.heart_grad, predicted.heart_grad)
    with pytest.raises(BadInput, match="has no field_grad"):
        found.needed("field_grad")


def test_fibres_of_another_mesh_are_refused(case) -> None:
    predictor, patient, electrodes = case
    wrong = SimpleNamespace(**vars(patient) | {"fibers": SimpleNamespace(f0=np.zeros((5, 3)))})
    with pytest.raises(BadInput, match="fiber: shape"):
        predictor.predict(wrong, predictor.encoder.geometry("p0003"), electrodes)
