"""Activation-based inverse ECG: derivatives, planted beats, and what its intervals are worth."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.inverse import TwoSpheres, sphere, two_spheres

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.geometry.geodesic import geodesic_distances
from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.inverse.methods.activation.activation_method import ActivationMethod
from einthoven.inverse.methods.activation.beat import N_COMMON, ActivationWave, BeatProblem
from einthoven.inverse.methods.activation.fastest_route import FastestRoute
from einthoven.inverse.methods.activation.gauss_newton import GaussNewtonSettings
from einthoven.inverse.methods.activation.waveform import Waveform
from einthoven.inverse.problem.method import Estimate

TIME = np.arange(0.0, 400.0, 4.0)
N_MODES = 49
AMPLITUDE = 2.0


@cache
def planted() -> tuple[TwoSpheres, ActivationWave]:
    """A beat from one focus whose front is not round and whose durations vary."""
    problem = two_spheres()
    x = problem.surface.points / 40.0
    activation = 30 + 45 * np.arccos(np.clip(x[:, 2], -1, 1)) / np.pi * (2 + 0.3 * x[:, 0])
    beat = ActivationWave(activation, 210 - 15 * x[:, 1], Waveform(6.0, 10.0, 40.0), AMPLITUDE)
    return replace(problem, time=TIME, potentials=beat.sources(TIME)), beat


def recorded(noise: float, seed: int = 0) -> np.ndarray:
    problem, _ = planted()
    body = problem.transfer @ problem.potentials
    return body + noise * np.random.default_rng(seed).normal(size=body.shape)


METHOD = ActivationMethod(n_modes=N_MODES, start=FastestRoute(n_sites=24, max_foci=2))


@cache
def estimate(noise: float) -> Estimate:
    problem, _ = planted()
    return METHOD.fit(problem.given(body_potentials=recorded(noise)))


def test_waveform_derivatives_against_differences() -> None:
    waveform = Waveform(5.0, 12.0, 50.0)
    activation, duration = np.array([40.0, 90.0]), np.array([200.0, 230.0])
    h = 1e-4
    by_times = waveform.by_times(TIME, activation, duration)
    by_widths = waveform.by_widths(TIME, activation, duration)

    def central(there: np.ndarray, back: np.ndarray) -> np.ndarray:
        return (there - back) / (2 * h)

    values = waveform.values
    moved = central(values(TIME, activation + h, duration), values(TIME, activation - h, duration))
    np.testing.assert_allclose(by_times[0], moved, atol=1e-8)
    longer = central(values(TIME, activation, duration + h), values(TIME, activation, duration - h))
    np.testing.assert_allclose(by_times[1], longer, atol=1e-8)
    for k, step in enumerate(h * np.eye(3)):
        wider, narrower = waveform.scaled(step), waveform.scaled(-step)
        difference = central(
            wider.values(TIME, activation, duration), narrower.values(TIME, activation, duration)
        )
        np.testing.assert_allclose(by_widths[k], difference, atol=1e-8)


def test_normal_equations_against_a_jacobian_by_differences() -> None:
    problem, beat = planted()
    body = recorded(0.05)
    recording = BeatProblem.of(problem.transfer, body, problem.surface, TIME, 6)
    beat = recording.in_modes(replace(beat, amplitude=1.5))
    n, h = 2 * 6 + N_COMMON, 1e-4
    modes = recording.modes.functions

    def prediction(step: np.ndarray) -> np.ndarray:
        return (recording.transfer @ beat.moved(modes, step).sources(TIME)).ravel()

    # coefficients of modes are of the size of a time times the root of the area
    scale = np.r_[np.full(12, 100.0), np.ones(N_COMMON)]
    steps = h * np.diag(scale)
    columns = [(prediction(s) - prediction(-s)) / (2 * h) for s in steps]
    jacobian = np.stack(columns, axis=1) / scale
    gradient, normal = recording.normal_equations(beat)
    expected = jacobian.T @ recording.residual(beat).ravel()
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    size = np.sqrt(np.diag(normal))
    np.testing.assert_allclose(
        normal / np.outer(size, size), jacobian.T @ jacobian / np.outer(size, size), atol=1e-5
    )
    assert normal.shape == (n, n)


def test_misfit_counts_what_no_source_reaches() -> None:
    problem, beat = planted()
    body = recorded(0.05)
    recording = BeatProblem.of(problem.transfer, body, problem.surface, TIME, 6)
    all_electrodes = body - problem.transfer @ beat.sources(TIME)
    assert recording.misfit(beat) == pytest.approx(np.sum(all_electrodes**2), rel=1e-3)


def test_planted_beat_is_found_and_error_falls_with_the_noise() -> None:
    problem, beat = planted()
    errors = []
    for noise in (0.2, 0.05, 0.01):
        u, diagnostics = estimate(noise)
        assert diagnostics.numbers["noise_sd_mv"] == pytest.approx(noise, rel=0.1)
        assert diagnostics.activation_time is not None
        errors.append(np.sqrt(np.mean((diagnostics.activation_time - beat.activation) ** 2)))
        relative = np.linalg.norm(u - problem.potentials) / np.linalg.norm(problem.potentials)
        assert relative < 0.05 * (1 + 10 * noise)
    assert errors[2] < errors[1] < errors[0] < 4.0  # of a wave that takes 90 ms
    assert errors[2] < 1.0
    assert diagnostics.numbers["amplitude_mv"] == pytest.approx(AMPLITUDE, rel=0.01)
    assert diagnostics.numbers["upstroke_ms"] == pytest.approx(6.0, rel=0.1)


def test_intervals_of_potentials_cover() -> None:
    problem, _ = planted()
    u, diagnostics = estimate(0.05)
    assert diagnostics.sd is not None
    said = diagnostics.sd > 0.01 * AMPLITUDE
    inside = np.abs(u - problem.potentials)[said] < 1.645 * diagnostics.sd[said]
    assert 0.8 < inside.mean() <= 1.0


def test_sources_of_another_kind_are_mixed() -> None:
    """With the potentials of sources A P in place of A, the same beat and P times its sources."""
    problem, _ = planted()
    n = len(problem.surface.points)
    mixing = 0.6 * np.eye(n) + np.full((n, n), 0.4 / n)
    body = problem.transfer @ (mixing @ problem.potentials)
    body += 0.05 * np.random.default_rng(3).normal(size=body.shape)
    given = problem.given(body_potentials=body)
    given.__dict__["potential_of_source"] = mixing  # where the cached property keeps its own
    u, _ = METHOD.fit(given)
    expected = mixing @ problem.potentials
    assert np.linalg.norm(u - expected) < 0.1 * np.linalg.norm(expected)


def test_too_few_steps_raise() -> None:
    problem, _ = planted()
    hasty = replace(METHOD, iteration=GaussNewtonSettings(max_steps=2))
    with pytest.raises(NotConverged, match="standard deviations"):
        hasty.fit(problem.given(body_potentials=recorded(0.05)))


def test_potentials_of_the_wrong_sign_are_refused() -> None:
    problem, _ = planted()
    with pytest.raises(BadInput, match="sign"):
        FastestRoute(n_sites=6).beat(
            problem.transfer, -np.abs(recorded(0.0)), problem.surface, TIME
        )


def test_geodesics_of_a_sphere() -> None:
    """Great circles; the error falls with the edge until the few directions tell."""
    errors = []
    for n in (2, 3, 4):
        ball = sphere(50.0, n)
        distance = geodesic_distances(ball.points, ball.faces, np.array([0]))[0]
        cosine = ball.points @ ball.points[0] / 50.0**2
        errors.append(np.abs(distance - 50.0 * np.arccos(np.clip(cosine, -1, 1))).max())
    assert errors[-1] < 0.005 * 50.0 * np.pi
    assert errors[2] < errors[1] < errors[0]


@pytest.mark.parametrize("n_modes", [16, 200])
def test_modes_of_a_sphere(n_modes: int) -> None:
    """Spherical harmonics: l (l + 1) / R^2, 2 l + 1 times; by the sparse and the dense solver."""
    ball = sphere(50.0, 3)
    modes = laplacian_modes(ball.points, ball.faces, n_modes)
    degrees = np.repeat(np.arange(4), 2 * np.arange(4) + 1)
    expected = degrees * (degrees + 1) / 50.0**2
    np.testing.assert_allclose(modes.eigenvalues[:16], expected, rtol=0.02, atol=1e-9)
    gram = modes.functions.T @ (ball.areas[:, None] * modes.functions)
    np.testing.assert_allclose(gram, np.eye(n_modes), atol=1e-9)
