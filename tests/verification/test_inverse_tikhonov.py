"""Tikhonov and truncated SVD against closed forms; criteria against their definitions."""

from functools import cache

import numpy as np
import pytest
from helpers.inverse import sphere, two_spheres

from einthoven.base.core.errors import NotConverged
from einthoven.base.geometry.surface_operators import cotangent_stiffness, surface_gradient
from einthoven.inverse.methods.regularisation.criteria import (
    CRITERIA,
    Creso,
    Criterion,
    Fixed,
    Gcv,
    LCurve,
    RestrictedLikelihood,
    RobustGcv,
)
from einthoven.inverse.methods.regularisation.standard_form import StandardForm
from einthoven.inverse.methods.regularisation.tikhonov import (
    SpectralMethod,
    Tikhonov0,
    Tikhonov1,
    Tikhonov2,
    TruncatedSvd,
)
from einthoven.inverse.problem.spectrum import TikhonovSpectrum, TruncatedSpectrum

PROBLEM = cache(two_spheres)
SMOOTH = [Tikhonov0(), Tikhonov1(), Tikhonov2()]
CHOOSING = [
    LCurve(),
    Creso(),
    Gcv(),
    RobustGcv(),
    RobustGcv(0.5),
    RestrictedLikelihood(),
]


def estimate(method: SpectralMethod, **changes: np.ndarray) -> np.ndarray:
    p = PROBLEM()
    return method.fit(p.given(**changes)).potentials


def with_weight(method: SpectralMethod, weight: float):
    return type(method)(**method.__dict__ | {"criterion": Fixed(weight)})


@cache
def spectrum(truncated: bool = False) -> TikhonovSpectrum | TruncatedSpectrum:
    p = PROBLEM()
    form = StandardForm.of(p.transfer, Tikhonov2().penalty(p.surface), p.surface.areas)
    found = form.spectrum(p.body_potentials)
    return TruncatedSpectrum(**found.__dict__) if truncated else found


def test_gradients_of_linear_functions_and_the_stiffness() -> None:
    surface = sphere(40.0, 2)
    gradient = surface_gradient(surface.points, surface.faces)
    corner = surface.points[surface.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(normal, axis=1, keepdims=True) / 2
    normal /= 2 * area
    slope = np.array([0.3, -1.2, 0.7])
    found = (gradient @ (surface.points @ slope)).reshape(-1, 3)
    np.testing.assert_allclose(found, slope - normal * (normal @ slope)[:, None], atol=1e-12)
    energy = gradient.T @ (np.repeat(area, 3)[:, None] * gradient.toarray())
    stiffness = cotangent_stiffness(surface.points, surface.faces).toarray()
    np.testing.assert_allclose(energy, stiffness, atol=1e-12)


@pytest.mark.parametrize("method", SMOOTH, ids=lambda m: f"{m.name}-{m.__dict__.get('laplacian')}")
@pytest.mark.parametrize("factor", [0.01, 1.0])
def test_normal_equations(method: SpectralMethod, factor: float) -> None:
    """(A'A + lambda^2 L'L) u = A' y to round-off."""
    p = PROBLEM()
    operator = method.penalty(p.surface).operator.toarray()
    weight = factor * np.linalg.norm(p.transfer, 2) / np.linalg.norm(operator, 2)
    u = estimate(with_weight(method, weight))
    left = p.transfer.T @ (p.transfer @ u) + weight**2 * (operator.T @ (operator @ u))
    right = p.transfer.T @ p.body_potentials
    assert np.linalg.norm(left - right) < 1e-10 * np.linalg.norm(right)
    dense = p.transfer.T @ p.transfer + weight**2 * operator.T @ operator
    expected = np.linalg.solve(dense, right)
    assert np.linalg.norm(u - expected) < 1e-6 * np.linalg.norm(expected)


@pytest.mark.parametrize("method", SMOOTH[1:], ids=lambda m: m.name)
def test_constants_pass_whatever_the_weight(method: SpectralMethod) -> None:
    p = PROBLEM()
    beat = 1.0 + np.sin(p.time / 20.0)
    u = estimate(with_weight(method, 1e9), body_potentials=np.outer(p.transfer.sum(axis=1), beat))
    np.testing.assert_allclose(u, np.broadcast_to(beat, u.shape), rtol=1e-9)
    # And a constant added to any data is added to the result.
    shifted = estimate(
        with_weight(method, 0.1),
        body_potentials=p.body_potentials + 3.0 * p.transfer.sum(axis=1, keepdims=True),
    )
    np.testing.assert_allclose(shifted, estimate(with_weight(method, 0.1)) + 3.0, atol=1e-9)


def test_referenced_data_give_potentials_without_mean() -> None:
    """Data against the mean of the electrodes: the constant is unknown, its mean is set to 0."""
    p = PROBLEM()
    transfer, body = (q - q.mean(axis=0) for q in (p.transfer, p.body_potentials))
    u = estimate(with_weight(Tikhonov1(), 1e-3), transfer=transfer, body_potentials=body)
    assert np.abs(p.surface.areas @ u).max() < 1e-9 * p.surface.areas.sum()
    full = estimate(with_weight(Tikhonov1(), 1e-3))
    mean = p.surface.areas @ full / p.surface.areas.sum()
    assert np.linalg.norm(u - (full - mean)) < 0.2 * np.linalg.norm(full - mean)


def test_filter_factors_of_a_diagonal_problem() -> None:
    """A = diag(s), L = 1: u = s y / (s^2 + lambda^2), and s >= lambda keeps y / s."""
    s, weights = np.array([3.0, 1.0, 0.1]), np.array([0.5, 2.0])
    smooth = TikhonovSpectrum(s, np.ones(3), np.ones(3), 0.0, 3)
    np.testing.assert_allclose(
        smooth.filters(weights) / s, s / (s**2 + weights[:, None] ** 2), rtol=1e-15
    )
    np.testing.assert_allclose(
        smooth.filters(weights) + smooth.remainders(weights), 1.0, rtol=1e-15
    )
    sharp = TruncatedSpectrum(**smooth.__dict__)
    np.testing.assert_array_equal(sharp.filters(weights), [[1, 1, 0], [1, 0, 0]])


def test_truncated_svd_is_the_pseudo_inverse_of_its_rank() -> None:
    p = PROBLEM()
    root = np.sqrt(p.surface.areas)
    u, s, v = np.linalg.svd(p.transfer / root)
    k = 7
    expected = (v[:k].T / s[:k] @ u[:, :k].T @ p.body_potentials) / root[:, None]
    found = estimate(with_weight(TruncatedSvd(), float(np.sqrt(s[k - 1] * s[k]))))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_misfit_and_penalty_of_the_spectrum_are_those_of_the_solution() -> None:
    p, weight = PROBLEM(), 3.0
    u = estimate(with_weight(Tikhonov2(), weight))
    misfit = np.linalg.norm(p.body_potentials - p.transfer @ u) ** 2
    rough = np.linalg.norm(Tikhonov2().penalty(p.surface).operator @ u) ** 2
    assert spectrum().misfit_sq(weight).item() == pytest.approx(misfit, rel=1e-9)
    assert spectrum().penalty_sq(weight).item() == pytest.approx(rough, rel=1e-9)


def test_curvature_is_that_of_the_curve() -> None:
    """Against differences of (log |y - A u|, log |L u|) along log lambda."""
    h, weights = 1e-3, np.geomspace(1e-2, 1e1, 9)
    steps = weights[:, None] * np.exp(h * np.array([-1.0, 0.0, 1.0]))
    misfit, rough = (
        0.5 * np.log(f(steps.ravel()).reshape(steps.shape))
        for f in (spectrum().misfit_sq, spectrum().penalty_sq)
    )
    dx, dy = ((c[:, 2] - c[:, 0]) / (2 * h) for c in (misfit, rough))
    ddx, ddy = ((c[:, 2] - 2 * c[:, 1] + c[:, 0]) / h**2 for c in (misfit, rough))
    expected = (dx * ddy - dy * ddx) / (dx**2 + dy**2) ** 1.5
    np.testing.assert_allclose(LCurve().curvature(spectrum(), weights), expected, rtol=2e-3)


def test_creso_is_the_derivative_that_it_says() -> None:
    """C = d/dt (t |L u|^2) - d/dt |y - A u|^2, and dC/dt, by differences."""
    t, h = np.geomspace(1e-3, 1e1, 7), 1e-4

    def product_minus_misfit(t: np.ndarray) -> np.ndarray:
        root = np.sqrt(t)
        return t * spectrum().penalty_sq(root) - spectrum().misfit_sq(root)

    second = product_minus_misfit(t * (1 + h)) + product_minus_misfit(t * (1 - h))
    second = (second - 2 * product_minus_misfit(t)) / (t * h) ** 2
    np.testing.assert_allclose(Creso().slope(spectrum(), t), second, rtol=1e-3)


def test_evidence_is_the_density_of_the_data() -> None:
    """Twice the negative logarithm of N(0, sd^2 (1 + B B' / lambda^2)), sd at its maximum."""
    rng = np.random.default_rng(4)
    s, y = np.array([2.0, 0.7, 0.2]), rng.normal(size=(5, 6))
    small = TikhonovSpectrum(s, (y[:3] ** 2).sum(axis=1), np.full(3, 6), (y[3:] ** 2).sum(), 30)
    scores = []
    for weight in (0.3, 1.1):
        variances = np.r_[1 + s**2 / weight**2, 1.0, 1.0]
        sd_sq = (y**2 / variances[:, None]).mean()
        density = -0.5 * np.log(2 * np.pi * sd_sq * variances[:, None])
        density = density - 0.5 * y**2 / (sd_sq * variances[:, None])
        scores.append(
            -2 * density.sum() - RestrictedLikelihood().score(small, np.array([weight])).item()
        )
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)


def test_gcv_is_leave_one_out_where_all_leverages_are_equal() -> None:
    """A circulant hat matrix: GCV is the mean squared error of predicting each datum by others."""
    n, weight = 8, 0.6
    rng = np.random.default_rng(5)
    row = rng.normal(size=n)
    matrix = np.array([np.roll(row, k) for k in range(n)])
    y = rng.normal(size=n)
    u, s, v = np.linalg.svd(matrix)
    data = TikhonovSpectrum(s, (u.T @ y) ** 2, np.ones(n), 0.0, n)
    errors = []
    for k in range(n):
        others = np.arange(n) != k
        a = matrix[others]
        x = np.linalg.solve(a.T @ a + weight**2 * np.eye(n), a.T @ y[others])
        errors.append((y[k] - matrix[k] @ x) ** 2)
    gcv = Gcv().score(data, np.array([weight])).item()
    assert gcv * n == pytest.approx(np.mean(errors), rel=1e-9)
    assert RobustGcv(gamma=1.0).score(data, np.array([weight])).item() == pytest.approx(gcv)


@pytest.mark.parametrize("criterion", CHOOSING, ids=lambda c: c.name)
def test_blind_choice_is_near_the_best(criterion: Criterion) -> None:
    """White noise of 0.01: the error is at most 1.5 times that of the oracle's weight."""
    p = PROBLEM()

    def error(weight: float) -> float:
        return float(np.linalg.norm(estimate(with_weight(Tikhonov2(), weight)) - p.potentials))

    best = min(error(weight) for weight in np.geomspace(1e-2, 1e2, 25))
    assert error(criterion.choose(spectrum())) < 1.5 * best


def test_truncated_svd_takes_every_criterion() -> None:
    sharp, smooth = spectrum(truncated=True), spectrum()
    for criterion in CHOOSING:
        weight = criterion.choose(sharp)
        assert 5 <= sharp.filters(np.array([weight])).sum() <= 25
    assert LCurve().choose(sharp) == LCurve().choose(smooth)


def test_failures_have_names() -> None:
    exact = TikhonovSpectrum(np.ones(1), np.ones(1), np.ones(1), 0.0, 2)
    with pytest.raises(NotConverged, match="no corner"):
        LCurve().choose(exact)
    with pytest.raises(NotConverged, match="no minimum"):
        Gcv().choose(exact)


def test_names() -> None:
    assert all(cls.name == name for name, cls in CRITERIA.items())
