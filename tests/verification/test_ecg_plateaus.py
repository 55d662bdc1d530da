"""Eq. (3) for hearts whose cells differ in their plateau: one cell everywhere, linearity, off."""

import numpy as np
import pytest
from helpers.heart import activated_patient, durations

from einthoven.base.config.models import LeadFieldSettings
from einthoven.physics.ecg.forward import forward_potential, source_energy
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.cells.condition import BASELINE, Condition
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.plateaus import both_plateaus, shares_of
from einthoven.physics.electrophysiology.cells.template import potential as cell_potential
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

LEADFIELD, TIME = LeadFieldSettings(), np.arange(-20.0, 600.0, 2.0)


def membrane(**settings):
    return Membrane.of(activated_patient(), LEADFIELD, durations(**settings))


def beat():
    patient = activated_patient()
    places = np.array([[0.0, -120.0, 0.0], [150.0, 0.0, 0.0]])
    grad = pseudo_lead_field_grad(patient.heart.centroids, places, 0.06)
    return np.linalg.norm(patient.heart.points, axis=1), grad, TIME


@pytest.mark.parametrize(("duration", "low"), [(300.889, 1.0), (250.0, 0.4)])
def test_one_plateau_everywhere_is_the_sweep_of_one_cell(duration, low):
    cells, (tau, grad, time) = membrane(mean_ms=duration, plateau_mean=low), beat()
    t = cells.template[0]
    alone = shares_of(np.array([duration]), np.array([low]))[0] @ both_plateaus(BASELINE).v_m
    v_m = cell_potential(t, alone)
    expected = forward_potential(cells.heart, cells.sigma_i, tau, grad, time, (t, v_m))
    found = cells.potential(tau, grad, time)
    # the notch begins within 3 ms, of which the second sweep takes straight pieces of 0.5 ms
    assert np.abs(found - expected).max() < 4e-3 * np.abs(expected).max()
    energy = source_energy(cells.heart, cells.sigma_i, tau, (t, v_m))
    assert cells.energy(tau) == pytest.approx(energy, rel=2e-3)


def test_ecgs_are_linear_in_plateaus():
    gradient = {"plateau_mean": 0.5, "apex_to_base_ms": 40.0, "mean_ms": 290.0}
    flat, one, two = (membrane(plateau_rv_to_lv=by, **gradient) for by in (0.0, -0.2, -0.4))
    phi = [cells.potential(*beat()) for cells in (flat, one, two)]
    change = phi[1] - phi[0]
    assert np.abs(change).max() > 1e-3 * np.abs(phi[0]).max()
    np.testing.assert_allclose(phi[2] - phi[0], 2 * change, atol=1e-9 * np.abs(phi[0]).max())


def test_a_lower_plateau_near_an_electrode_lifts_its_st_segment():
    """The wave is over at 120 ms; then current flows from high to low plateaus."""
    patient, (tau, _, time) = activated_patient(), beat()
    near_rv = np.array([[200.0, 0.0, 0.0]])  # the RV lies at +x
    grad = pseudo_lead_field_grad(patient.heart.centroids, near_rv, 0.06)
    usual, low = (membrane(**own) for own in ({}, {"plateau_mean": 0.5, "plateau_rv_to_lv": -0.6}))
    st = (time > tau.max() + 30) & (time < tau.max() + 80)
    lift = (low.potential(tau, grad, time) - usual.potential(tau, grad, time))[0, st]
    assert lift.min() > 0


def test_without_plateaus_all_is_as_before():
    usual = membrane(mean_ms=290.0, endo_to_epi_ms=-20.0)
    assert usual.shares.shape[1] == len(family().v_m)
    one = membrane(mean_ms=290.0, endo_to_epi_ms=-20.0, plateau_mean=1e-300)
    assert one.shares.shape[1] > len(family().v_m)
    found, expected = one.potential(*beat()), usual.potential(*beat())
    # the second sweep has finer steps with plateaus
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_the_same_cells_beat_at_other_rates():
    cells, (tau, *_) = membrane(plateau_mean=0.5, plateau_endo_to_epi=0.5), beat()
    assert cells.last_repolarisation(tau) == pytest.approx(tau.max() + 308, abs=60)
    fast = Membrane(cells.heart, cells.sigma_i, cells.shares, Condition(600.0, 1.0))
    assert fast.last_repolarisation(tau) < cells.last_repolarisation(tau) - 10
    assert np.isfinite(fast.potential(*beat())).all()
