"""The Cauchy-Schwarz bound holds for the forward ECG, and the check can fail."""

import numpy as np
import pytest
from helpers.fem import bare_heart, box_mesh

from einthoven.base.geometry.simplex import cell_gradient, p1_gradients, tet_volumes
from einthoven.base.metrics.bounds import Bound, activation_bound
from einthoven.physics.ecg.forward import forward_potential, source_energy, transfer_matrix


def cauchy_schwarz(source, volume, grad_error, potential_error) -> Bound:
    """For piecewise constant sources [time, cell, 3] at every 1 ms."""
    energy = np.einsum("tci,tci,c->", source, source, volume)
    bound = activation_bound(energy[None], volume, grad_error, potential_error[None], dt=1.0)
    return Bound(bound.left[0], bound.right[0])


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    points, cells = box_mesh(4, 20.0)
    frames = rng.normal(size=(len(cells), 3))
    frames /= np.linalg.norm(frames, axis=1, keepdims=True)
    sigma_i = 0.03 * np.eye(3) + 0.27 * frames[:, :, None] * frames[:, None]
    time = np.arange(0.0, 60.0, 1.0)
    v_m = 50 * np.tanh((time[:, None] - points.sum(axis=1)) / 5)
    grad = rng.normal(size=(3, len(cells), 3))
    guess = grad + 0.3 * rng.normal(size=grad.shape)
    hats = p1_gradients(points, cells)
    source = np.einsum("cij,tcj->tci", sigma_i, cell_gradient(hats, cells, v_m))
    # the worst case for one time: an error parallel to the source
    guess[2] = grad[2] + source[30]
    heart = bare_heart(points, cells)
    true, mine = (transfer_matrix(heart, sigma_i, g) @ v_m.T for g in (grad, guess))
    return source, np.abs(tet_volumes(points, cells)), grad - guess, true - mine, time


def test_bound_holds(case) -> None:
    source, volume, grad_error, potential_error, _ = case
    bound = cauchy_schwarz(source, volume, grad_error, potential_error)
    assert bound.holds.all() and (bound.left > 0).all()


def test_bound_is_sharp_for_an_error_parallel_to_the_source(case) -> None:
    source, volume, grad_error, potential_error, _ = case
    at = slice(30, 31)
    bound = cauchy_schwarz(source[at], volume, grad_error, potential_error[:, at])
    assert bound.sharpness[2] == pytest.approx(1.0, rel=1e-9)
    assert (bound.sharpness[:2] < 0.5).all()


@pytest.mark.parametrize("what", ["source", "volume", "grad_error"])
def test_halved_inputs_violate_it(case, what: str) -> None:
    """The same sharp case with one factor halved: the check has to fail."""
    at = slice(30, 31)
    parts = dict(source=case[0][at], volume=case[1], grad_error=case[2])
    parts[what] = parts[what] / 2
    bound = cauchy_schwarz(**parts, potential_error=case[3][:, at])
    assert not bound.holds[2]


def test_bound_of_a_travelling_wave(case) -> None:
    """V_m = U(t - tau): the constant is the time integral of |G_i grad V_m|^2, the bound holds."""
    _, volume, grad_error, _, _ = case
    points, cells = box_mesh(4, 20.0)
    sigma_i = np.broadcast_to(np.diag([0.3, 0.03, 0.03]), (len(cells), 3, 3))
    tau = 10.0 + points @ [1.0, 0.5, 0.2]
    t = np.arange(-20.0, 20.0, 0.1)
    template = (t, 50 * np.tanh(t / 5))
    heart = bare_heart(points, cells)
    energy = source_energy(heart, sigma_i, tau, template)
    clock = np.arange(-30.0, 90.0, 0.1)
    rate = np.interp(clock[:, None] - 10.0, t[1:] - 0.05, np.diff(template[1]) / 0.1, 0, 0)
    flow = sigma_i[0] @ [1.0, 0.5, 0.2]
    by_hand = (rate**2).sum() * 0.1 * (flow @ flow) * volume.sum()
    assert energy == pytest.approx(by_hand, rel=1e-3)
    wave = forward_potential(heart, sigma_i, tau, grad_error, clock, template)
    bound = activation_bound(np.array([energy]), volume, grad_error, wave[None], dt=0.1)
    assert bound.left.shape == (1, 3) and bound.holds.all()
    halved = activation_bound(np.array([energy]), volume, 1e-3 * grad_error, wave[None], dt=0.1)
    assert not halved.holds.any()
