"""4D-Var: derivatives against differences, the error's covariance against dense algebra, a twin."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.inverse import sphere, two_spheres
from scipy.fft import idct
from scipy.stats import multivariate_normal

from einthoven.base.core.errors import BadInput
from einthoven.inverse.methods.variational.control import Control, StimulusSources
from einthoven.inverse.methods.variational.gauss_newton import Analysis, ControlPrior
from einthoven.inverse.methods.variational.model_error import (
    ErrorSizes,
    ModelError,
    Observed,
    ProjectedPotentials,
    cosine_spectrum,
    displaced,
    fitted,
    matern_spectrum,
)
from einthoven.inverse.methods.variational.search import best_shift
from einthoven.inverse.methods.variational.trajectory import Dynamics
from einthoven.inverse.methods.variational.variational_method import Variational
from einthoven.inverse.methods.variational.variational_posterior import first_crossing
from einthoven.inverse.problem.method import Estimate

BASE = np.array([100.0, 8.0, 0.1, 1.0])
SETTINGS = Variational(
    diffusion=100.0, n_candidates=6, n_modes=60, n_components=40, n_diffusion_modes=0
)


@cache
def heart():  # noqa: ANN201
    return sphere(40.0, 2)


def control(n_modes: int = 3, onset: float = 1.0) -> Control:
    modes = heart().modes(10).functions[:, 1 : n_modes + 1]
    pole = heart().points[[5]]
    return Control(
        heart(), BASE, np.array([0.1, -0.1, 0.05, 0.1]), modes, np.linspace(0.1, 0.2, n_modes),
        StimulusSources(pole, np.array([onset]), np.log([17.0])), gain=2.0, rest=0.3,
    )  # fmt: skip


def dynamics(n_time: int = 41, interval: float = 0.5) -> Dynamics:
    return Dynamics(heart().neighbour_laplacian, interval * np.arange(n_time))


@cache
def twin(noise: float = 0.02):  # noqa: ANN201
    """Potentials of the equation with constants off by 10 to 20 percent, and their recording."""
    problem = two_spheres()
    known = replace(control(0), log_constants=np.array([0.2, -0.1, 0.1, 0.15]), gain=1.0, rest=0.0)
    potentials = dynamics(61).solution(known)
    body = problem.transfer @ potentials
    return problem, potentials, body + noise * np.random.default_rng(3).normal(size=body.shape)


@cache
def estimate() -> Estimate:
    problem, _, body = twin()
    return SETTINGS.fit(problem.given(body_potentials=body, time=dynamics(61).times))


def test_heun_has_order_two() -> None:
    """Richardson: halving the step divides the change by four."""
    smooth = replace(control(), sources=replace(control().sources, log_widths=np.log([40.0])))
    ends = []
    for interval in (0.05, 0.025, 0.0125):
        n = round(8 / interval) + 1
        ends.append(dynamics(n, interval).solution(smooth)[:, -1])
    ratio = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[1] - ends[2])
    assert 1.8 < np.log2(ratio) < 2.2


@pytest.mark.parametrize("column", range(11))
def test_tangent_is_the_derivative_of_the_steps(column: int) -> None:
    at = control()
    step = np.zeros(at.size)
    step[column] = 1e-4
    if column in (7, 8):  # a move of the centre without putting it back onto the surface
        shift = step[column] * at.frames[0, column - 7]
        ends = [
            replace(at, sources=replace(at.sources, centres=at.sources.centres + sign * shift))
            for sign in (1, -1)
        ]
    else:
        ends = [at.moved(sign * step) for sign in (1, -1)]
    solutions = [dynamics().solution(end) for end in ends]
    expected = (solutions[0] - solutions[1]) / 2e-4
    tangent = np.transpose([s.tangent[:, column].copy() for s in dynamics().run(at, tangent=True)])
    assert np.abs(expected).max() > 1e-3
    assert np.linalg.norm(tangent - expected) < 1e-5 * np.linalg.norm(expected)


def test_tangent_run_follows_the_run() -> None:
    with_tangent = [s.u.copy() for s in dynamics().run(control(), tangent=True)]
    np.testing.assert_allclose(np.transpose(with_tangent), dynamics().solution(control()))


def model_error(n_time: int = 12) -> tuple[ModelError, np.ndarray]:
    """An error, and its covariance of [component, time] flattened, by dense algebra."""
    problem = two_spheres(n_time=n_time)
    recording = ProjectedPotentials.of(problem.transfer, problem.body_potentials, 6)
    modes = problem.surface.modes(40)
    error = ModelError(
        Observed(recording, modes, problem.surface), ErrorSizes(0.03, 0.5, 15.0, 3.0)
    )
    space = modes.functions * matern_spectrum(modes, 15.0) @ modes.functions.T
    k = np.arange(n_time)
    basis = np.sqrt(2 / n_time) * np.cos(np.pi * np.outer(k, k + 0.5) / n_time)
    basis[0] /= np.sqrt(2)
    in_time = basis.T * cosine_spectrum(n_time, 3.0) @ basis
    return error, np.kron(space, 0.25 * in_time)


def test_modes_are_orthonormal_harmonics() -> None:
    modes = heart().modes(9)
    gram = modes.functions.T * heart().areas @ modes.functions / heart().areas.sum()
    np.testing.assert_allclose(gram, np.eye(9), atol=1e-8)
    degree = np.repeat([0, 1, 2], [1, 3, 5])
    np.testing.assert_allclose(modes.eigenvalues, degree * (degree + 1) / 40.0**2, 0.1, 1e-12)


def test_error_agrees_with_dense_algebra() -> None:
    """Likelihood, posterior mean and mean posterior variance of the field."""
    error, field = model_error()
    recording = error.observed.recording
    operator = np.kron(recording.reduced, np.eye(12))
    covariance = operator @ field @ operator.T + 0.03**2 * np.eye(len(operator))
    residual = np.random.default_rng(0).normal(size=(6, 12))
    gain = field @ operator.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(error.gain(residual).ravel(), gain @ residual.ravel(), rtol=1e-6)
    variance = np.diag(field - gain @ operator @ field).reshape(-1, 12).mean(axis=1)
    np.testing.assert_allclose(error.variance, variance, rtol=1e-6)
    doubled = [
        multivariate_normal(np.zeros(72), covariance).logpdf(f * residual.ravel()) for f in (1, 2)
    ]
    ours = [error.log_evidence(f * residual) for f in (1, 2)]
    assert ours[0] - ours[1] == pytest.approx(doubled[0] - doubled[1], rel=1e-8)
    unit = error.whitened(np.linalg.cholesky(covariance).T.reshape(72, 6, 12)).reshape(72, 72)
    np.testing.assert_allclose(unit @ unit.T, np.eye(72), atol=1e-8)


def test_marginal_likelihood_finds_the_sizes() -> None:
    """In the median: a draw has few long modes, and a sphere's equal ones are a processor's own."""
    problem = two_spheres(n_time=100)
    modes = problem.surface.modes(60)
    found, start = [], ErrorSizes(0.1, 0.1, 30.0, 3.0, 0.02)
    for seed in range(7):
        rng = np.random.default_rng(seed)
        scaled = np.sqrt(np.outer(matern_spectrum(modes, 12.0), cosine_spectrum(100, 8.0)))
        field = 0.5 * modes.functions @ idct(scaled * rng.normal(size=scaled.shape), norm="ortho")
        body = problem.transfer @ field
        body += 0.02 * rng.normal(size=body.shape)
        recording = ProjectedPotentials.of(problem.transfer, body, 40)
        sizes = fitted(Observed(recording, modes, problem.surface), recording.data, start).sizes
        found.append(sizes[:4])
        assert sizes.transfer < 0.1 * sizes.amplitude
    np.testing.assert_allclose(np.median(found, axis=0), [0.02, 0.5, 12.0, 8.0], rtol=0.2)


def test_gauss_newton_gradient_is_that_of_the_cost() -> None:
    problem, _, body = twin()
    recording = ProjectedPotentials.of(problem.transfer, body, 20)
    error = ModelError(
        Observed(recording, heart().modes(40), heart()), ErrorSizes(0.05, 0.1, 20, 5.0)
    )
    prior = ControlPrior(np.full(4, 0.3), np.full(3, 0.1), np.log(17.0), gain=1.0)
    analysis = Analysis(dynamics(61), control(), prior, error)
    direction = np.random.default_rng(5).normal(size=analysis.control.size)
    direction[[7, 8]] = 0  # the centre, as it is put back onto the surface
    gradient = -analysis.jacobian.T @ error.whitened(analysis.residual).ravel()
    gradient += prior.precision(analysis.control) * prior.deviation(analysis.control)
    costs = [
        replace(analysis, control=analysis.control.moved(s * 1e-5 * direction)).cost
        for s in (1, -1)
    ]
    assert (costs[0] - costs[1]) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-4)


def test_twin_is_found() -> None:
    """Other constants than the prior's: potentials, activation and spread."""
    _, potentials, _ = twin()
    found, said = estimate()
    assert np.linalg.norm(found - potentials) < 0.03 * np.linalg.norm(potentials)
    assert said.numbers["noise"] == pytest.approx(0.02, rel=0.1)
    assert said.numbers["n_sources"] == 1
    inside = np.abs(found - potentials) < 1.645 * said.sd
    assert 0.8 < inside.mean() <= 1
    true, _ = first_crossing(potentials, dynamics(61).times)
    late = said.activation_time - true
    assert np.nanmean(np.abs(late)) < 0.1
    assert np.isfinite(late).mean() > 0.9


def test_best_shift() -> None:
    model = np.random.default_rng(0).normal(size=(3, 50))
    k, gain, share = best_shift(-0.5 * model[:, 17:37], model)
    assert (k, gain, share) == (17, pytest.approx(-0.5), pytest.approx(1.0))


def test_crossing_is_interpolated_and_may_be_missing() -> None:
    u = np.array([[0.0, 0.25, 0.75, 1.0], [0.0, 0.1, 0.2, 0.3]])
    at, index = first_crossing(u, np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(at, [2.5, np.nan])
    assert index[0] == 2


def test_a_wrong_unit_of_time_is_named() -> None:
    problem, _, body = twin()
    with pytest.raises(BadInput, match="ms_per_unit"):
        SETTINGS.fit(problem.given(body_potentials=body, time=1e3 * dynamics(61).times))


def test_displaced_transfer_is_its_derivative_along_the_surface() -> None:
    """Of a density linear in space: the tangential part of its gradient, and constants stay."""
    surface = sphere(40.0, 3)
    density = surface.points @ np.array([1.0, 2.0, -1.0])
    changes = displaced((density * surface.areas)[None], surface)
    np.testing.assert_allclose(changes.sum(axis=2), 0, atol=1e-6 * np.abs(changes).sum())
    normal = surface.points / 40.0
    gradient = np.array([1.0, 2.0, -1.0])
    tangential = gradient - normal * (normal @ gradient)[:, None]
    tangential -= surface.areas @ tangential / surface.areas.sum()
    error = changes[:3, 0].T / surface.areas[:, None] - tangential
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(tangential)
