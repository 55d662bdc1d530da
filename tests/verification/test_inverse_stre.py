"""STRE against the dense normal equations of all nodes and instants."""

from functools import cache

import numpy as np
import pytest
from helpers.inverse import two_spheres

from einthoven.base.core.errors import BadInput
from einthoven.inverse.baselines import stre
from einthoven.inverse.baselines.stre import Stre, modal_problem, temporal_modes
from einthoven.inverse.methods.regularisation.criteria import (
    Criterion,
    Fixed,
    Gcv,
    RestrictedLikelihood,
)
from einthoven.inverse.methods.regularisation.penalties import beltrami_penalty
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov2

PROBLEM = cache(two_spheres)


def pairs(n_time: int, window: int) -> np.ndarray:
    """Differences to all neighbours within the window, each pair from both ends: [pair, time]."""
    rows = [
        np.eye(n_time)[t] - np.eye(n_time)[s]
        for t in range(n_time)
        for s in range(max(t - window, 0), min(t + window, n_time - 1) + 1)
        if s != t
    ]
    return np.array(rows)


def test_normal_equations() -> None:
    """A'A U + ls^2 L'L U + lt^2 M U D'D = A' Y for the solution that was found mode by mode."""
    p, window, weight, ratio = PROBLEM(), 2, 0.7, 1e-4
    u = Stre(Fixed(weight), window, ratio).fit(p.given())
    penalty, mass = beltrami_penalty(p.surface), p.surface.areas[:, None]
    d = pairs(len(p.time), window)
    rough = penalty.operator.T @ (penalty.operator @ u.potentials)
    slow = mass * u.potentials @ (d.T @ d)
    left = p.transfer.T @ (p.transfer @ u.potentials) + weight**2 * (rough + ratio * slow)
    right = p.transfer.T @ p.body_potentials
    assert np.linalg.norm(left - right) < 1e-9 * np.linalg.norm(right)
    assert u.diagnostics.numbers["temporal_weight"] == pytest.approx(weight * ratio**0.5)


def test_without_temporal_weight_it_is_tikhonov() -> None:
    p, weight = PROBLEM(), 0.7
    given = p.given()
    one = Stre(Fixed(weight), ratio=1e-12).fit(given).potentials
    other = Tikhonov2(Fixed(weight)).fit(given).potentials
    assert np.linalg.norm(one - other) < 1e-5 * np.linalg.norm(other)


def test_constants_in_space_and_time_pass_whatever_the_weights() -> None:
    p = PROBLEM()
    body = 3.0 + p.body_potentials
    method = Stre(Fixed(5.0), ratio=0.1)
    one = method.fit(p.given()).potentials
    other = method.fit(p.given(body_potentials=body)).potentials
    np.testing.assert_allclose(other, one + 3.0, atol=1e-9)


@pytest.mark.parametrize("window", [1, 3])
def test_temporal_modes_are_those_of_the_window(window: int) -> None:
    values, vectors = temporal_modes(9, window)
    d = pairs(9, window)
    np.testing.assert_allclose(vectors * values @ vectors.T, d.T @ d, atol=1e-12)


def test_evidence_is_the_density_of_all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences between two pairs of weights, against the dense covariance of electrode x time.

    The constant in space and time is free: the likelihood is that of the data orthogonal to it.
    """
    monkeypatch.setattr(stre, "SAME", 1.001)
    p = PROBLEM()
    n_time, n = 6, len(p.surface.points)
    body = p.body_potentials[::4, 8 : 8 + n_time]
    transfer = p.transfer[::4]
    problem = modal_problem(transfer, body, p.surface, window=2)
    d = pairs(n_time, 2)
    rough = beltrami_penalty(p.surface).operator.toarray()
    big = np.kron(np.eye(n_time), transfer)
    flat = np.ones((n * n_time, n * n_time))
    differences = []
    for ratio, weight in ((1e-4, 0.5), (1e-2, 1.5)):
        precision = np.kron(np.eye(n_time), rough.T @ rough)
        precision += ratio * np.kron(d.T @ d, np.diag(p.surface.areas))
        scale = np.trace(precision) / flat.size
        prior = np.linalg.inv(precision + scale * flat)
        covariance = np.eye(len(big)) + big @ prior @ big.T / weight**2
        y = body.T.ravel()
        basis = np.linalg.svd(big.sum(axis=1)[:, None])[0][:, 1:]
        covariance, y = basis.T @ covariance @ basis, basis.T @ y
        quadratic = y @ np.linalg.solve(covariance, y)
        density = len(y) * np.log(quadratic) + np.linalg.slogdet(covariance)[1]
        found = RestrictedLikelihood().score(problem.spectrum(ratio), np.array([weight])).item()
        differences.append(density - found)
    assert differences[0] == pytest.approx(differences[1], abs=1e-3)


@pytest.mark.parametrize("criterion", [RestrictedLikelihood(), Gcv()], ids=lambda c: c.name)
def test_blind_weights_beat_tikhonov_with_the_same_criterion(criterion: Criterion) -> None:
    p = two_spheres(noise=0.1, n_time=60)
    given = p.given()
    errors = [
        np.linalg.norm(method.fit(given).potentials - p.potentials)
        for method in (Stre(criterion), Tikhonov2(criterion))
    ]
    assert errors[0] < 0.9 * errors[1]


def test_bad_settings_are_refused() -> None:
    p = PROBLEM()
    given = p.given()
    with pytest.raises(BadInput, match="window"):
        Stre(window=0).fit(given)
    with pytest.raises(BadInput, match="no score"):
        Stre(Fixed(1.0)).fit(given)
    with pytest.raises(BadInput, match="single"):
        Stre().fit(p.given(body_potentials=p.body_potentials[:, :1], time=p.time[:1]))
