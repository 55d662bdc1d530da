"""The digital twin: exact derivatives of wave and ECG, and a beat that is found again."""

from functools import cache

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.twin.forward import BIN_MS, ForwardModel
from einthoven.imaging.twin.prior import onset_modes
from einthoven.imaging.twin.wave import WaveModel
from einthoven.imaging.twin.wave_twin import TwinSettings, fit_twin
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import all_leads, twelve_lead
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.family import action_potential
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.hopf_lax import last_legs
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

TIME = np.arange(0.0, 130.0)
ELECTRODES = 110.0 * np.array(
    [[-1, -0.4, 0.9], [1, -0.4, 0.9], [0.4, -0.3, -1.1], [-0.5, -0.9, 0.1], [-0.1, -1, 0.1],
     [0.2, -1, 0], [0.5, -0.9, -0.1], [0.8, -0.6, -0.1], [1, -0.2, -0.1]]
)  # fmt: skip


@cache
def models() -> tuple[WaveModel, ForwardModel, np.ndarray]:
    """A small heart with pseudo lead fields, and its activation in sinus rhythm."""
    patient = activated_patient()
    grad = pseudo_lead_field_grad(patient.heart.centroids, ELECTRODES, 0.2)
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), ELECTRODES, grad)
    config = ActivationSettings()
    sinus = activate(patient, "sinus", config).activation_time.astype(float)
    forward = ForwardModel.of(patient, fields, LeadFieldSettings(), TIME)
    return WaveModel(patient, config), forward, sinus


def test_weights_of_the_last_legs_give_their_times() -> None:
    wave, _, sinus = models()
    patient, heart = wave.patient, wave.patient.heart
    tensors = speed_tensor_sq(patient.fibers.f0, 0.6, 0.4)
    eikonal = Eikonal.of(heart.points, heart.cells, tensors)
    legs = last_legs(eikonal.mesh, eikonal.travel.squares, sinus)
    assert np.allclose(legs.weights.sum(axis=1), 1) and legs.weights.min() >= 0
    step = heart.points - np.einsum("nk,nkd->nd", legs.weights, heart.points[legs.parents])
    metric = np.linalg.inv(tensors[legs.cell])
    time = (legs.weights * sinus[legs.parents]).sum(axis=1)
    time += np.sqrt(np.einsum("ni,nij,nj->n", step, metric, step))
    assert np.abs(time - legs.time).max() < 1e-9


def test_potential_is_that_of_the_forward_ecg() -> None:
    wave, forward, sinus = models()
    heart, f0 = wave.patient.heart, wave.patient.fibers.f0
    grad = pseudo_lead_field_grad(heart.centroids, ELECTRODES, 0.2)
    template = action_potential(BASELINE, BIN_MS)
    phi = forward_potential(
        heart, intracellular(f0, LeadFieldSettings()), sinus, grad, TIME, template
    )
    ecg = twelve_lead(STANDARD_ELECTRODES, phi)
    assert np.abs(all_leads(forward.ecg(sinus)) - ecg).max() < 1e-7 * np.abs(ecg).max()


def test_derivative_has_the_order_of_central_differences() -> None:
    """Along a random direction of onsets, speeds and conductivities, through wave and ECG."""
    wave, forward, sinus = models()
    rng = np.random.default_rng(1)
    directions = onset_modes(wave.patient.heart.points, TwinSettings(n_modes=12))
    speeds = 0.05 * rng.standard_normal(4)
    at = wave.wave(sinus, directions, speeds)
    sigmas, toward = np.array([0.2, -0.3]), 0.1 * rng.standard_normal(18)
    slope = forward.potential(*at, sigmas).jacobian @ toward

    def ecg(step: float) -> np.ndarray:
        onsets = sinus + step * directions @ toward[:12]
        tau = wave.activation_time(onsets, speeds + step * toward[12:16])
        return forward.ecg(tau, sigmas + step * toward[16:])

    steps = np.array([4e-3, 2e-3, 1e-3])
    errors = [
        np.sqrt(np.mean(((ecg(h) - ecg(-h)) / (2 * h) - slope) ** 2) / np.mean(slope**2))
        for h in steps
    ]
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order > 1.7, (order, errors)
    assert errors[-1] < 1e-3


def test_slope_of_one_node() -> None:
    """Of the ECG by nodal times: no kink of the wave is between, so that the order is clean."""
    _, forward, sinus = models()
    toward = np.random.default_rng(2).standard_normal((len(sinus), 1))
    slope = forward.potential(sinus, toward).jacobian[..., 0]
    steps = np.array([4e-3, 2e-3, 1e-3])
    errors = []
    for h in steps:
        above, below = (forward.ecg(sinus + sign * h * toward[:, 0]) for sign in (1, -1))
        errors.append(np.linalg.norm((above - below) / (2 * h) - slope) / np.linalg.norm(slope))
    assert 1.8 < np.polyfit(np.log(steps), np.log(errors), 1)[0] < 2.6
    assert errors[-1] < 1e-4


def test_a_beat_is_found_again() -> None:
    """Another beat's ECG, from a map that is off by a smooth random field of 8 ms."""
    wave, forward, sinus = models()
    truth = activate(wave.patient, "lbbb", ActivationSettings()).activation_time.astype(float)
    modes = onset_modes(wave.patient.heart.points, TwinSettings(onset_sd_ms=8.0, n_modes=20))
    start = truth + modes @ np.random.default_rng(0).standard_normal(20)
    ecg = all_leads(forward.ecg(truth))
    twin = fit_twin(wave, forward, ecg, start, TwinSettings(n_modes=40, max_steps=6))
    assert twin.correlation > 0.995
    assert np.corrcoef(twin.ecg.ravel(), ecg.ravel())[0, 1] > 0.995
    error, before = (np.abs(tau - truth).mean() for tau in (twin.activation_time, start))
    assert error < 0.8 * before
    assert np.all(twin.activation_sd >= 0)
    assert twin.activation_sd.mean() < 8.0


def test_what_cannot_be_fitted_is_refused() -> None:
    wave, forward, sinus = models()
    with pytest.raises(BadInput, match="flat in all leads"):
        fit_twin(wave, forward, np.zeros((12, len(TIME))), sinus)
    with pytest.raises(BadInput, match=r"ecg: shape \(12, 7\)"):
        fit_twin(wave, forward, np.ones((12, 7)), sinus)
