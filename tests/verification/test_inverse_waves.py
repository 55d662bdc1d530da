"""The wave prior: orthonormal time, exact conditioning, calibration, and the heart's pose."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from helpers.inverse import sphere, two_spheres

from einthoven.base.core.errors import BadInput
from einthoven.inverse.methods.waves.evidence import Hyperparameters, WaveData
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose
from einthoven.inverse.methods.waves.pose_search import DECISIVE
from einthoven.inverse.methods.waves.prior import surface_modes, wave_spectrum
from einthoven.inverse.methods.waves.scoring import Slopes
from einthoven.inverse.methods.waves.time_basis import octave_cosines
from einthoven.inverse.methods.waves.wave_method import Waves
from einthoven.inverse.methods.waves.wave_posterior import WavePosterior
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.numerics.bem.transfer import heart_to_torso

NAMES = ("wavenumber", "speed", "smoothness", "noise_sd", "rest", "model_error")
CHOSEN = Hyperparameters(0.03, 1.0, 1.0, noise_sd=0.02, rest=0.0)


@pytest.mark.parametrize("n_samples", [50, 101])
def test_cosines_are_an_orthonormal_basis(n_samples):
    basis = octave_cosines(n_samples, 2.0)
    assert np.abs(basis.matrix @ basis.matrix.T - np.eye(n_samples)).max() < 1e-12
    below = np.pi / 2.0  # the Nyquist frequency, rad/ms
    assert 0 <= basis.angular_frequency[0] < basis.angular_frequency[-1] < below


def test_a_cosine_lies_in_the_octave_of_its_frequency():
    time = 2.0 * np.arange(400)
    basis = octave_cosines(400, 2.0)
    power = (basis.matrix @ np.cos(0.1 * time)) ** 2
    of_band = np.bincount(basis.band, power) / power.sum()
    frequency = basis.angular_frequency[of_band.argmax()]
    assert of_band.max() > 0.9 and 0.5 < frequency / 0.1 < 2


def test_too_short_recordings_are_refused():
    with pytest.raises(BadInput, match="6 samples are too few"):
        octave_cosines(6, 1.0)


def test_modes_of_a_sphere_are_its_harmonics():
    modes = surface_modes(sphere(40.0, 3))
    degree = np.repeat(np.arange(4), 2 * np.arange(4) + 1)
    expected = np.sqrt(degree * (degree + 1)) / 40.0
    np.testing.assert_allclose(modes.wavenumber[:16], expected, rtol=0.02, atol=1e-5)


def test_faster_in_time_is_finer_in_space():
    wavenumber = np.linspace(0, 1, 200)
    spectra = [wave_spectrum(wavenumber, omega, 0.02, 1.0, 2.0) for omega in (0.0, 0.1, 0.4)]
    mean = [(spectrum * wavenumber).sum() for spectrum in spectra]
    assert mean[0] < mean[1] < mean[2]
    assert spectra[1].sum() == pytest.approx(1)


def _small() -> tuple[WaveData, np.ndarray, np.ndarray]:
    """A recording of two spheres, its transfer matrix and body potentials."""
    problem = two_spheres(noise=0.02)
    basis = octave_cosines(len(problem.time), 4.0)
    modes = surface_modes(problem.surface)
    changes = [0.1 * np.roll(problem.transfer, k, axis=0) for k in (1, 2)]
    args = (modes, basis, problem.transfer, problem.body_potentials, changes)
    return WaveData.of(*args), problem.transfer, problem.body_potentials


@pytest.mark.parametrize("chosen", [CHOSEN, replace(CHOSEN, rest=0.1, model_error=0.2)])
def test_posterior_is_the_conditional_gaussian(chosen):
    """Mean and SD against the dense conditioning of one coefficient; likelihood too."""
    recording, _, _ = _small()
    modes = surface_modes(two_spheres().surface)
    posterior, total = WavePosterior(modes, recording, chosen), 0.0
    spread = np.zeros((len(modes.shapes), len(recording.basis.matrix)))
    mean = np.zeros_like(spread)
    for band, (_, octave) in zip(posterior.bands, recording.octaves):
        signal = (recording.gains * band.spectrum) @ recording.gains.T
        values, vectors = np.linalg.eigh(signal)
        mixed = np.clip(values, 0, values[-2])  # the largest is the level's
        root = (vectors * np.sqrt(mixed * values[-2])) @ vectors.T
        unit = signal + chosen.model_error**2 * root
        y = recording.coefficients[:, octave]
        noise = chosen.noise_sd**2 + chosen.rest**2 * (y**2).mean()
        covariance = band.scale * unit + noise * np.eye(len(unit))
        cross = band.scale * (modes.shapes * band.spectrum) @ recording.gains.T
        mean[:, octave] = cross @ np.linalg.solve(covariance, y)
        prior = band.scale * (modes.shapes**2 @ band.spectrum)
        left = prior - np.einsum("ij,ji->i", cross, np.linalg.solve(covariance, cross.T))
        spread[:, octave] = left[:, None]
        total += 0.5 * np.einsum("ij,ij->", y, np.linalg.solve(covariance, y))
        total += 0.5 * len(octave) * np.linalg.slogdet(covariance)[1]
    matrix = recording.basis.matrix
    np.testing.assert_allclose(posterior.mean, mean @ matrix, atol=1e-8)
    np.testing.assert_allclose(posterior.sd, np.sqrt(spread @ matrix**2), atol=1e-7)
    assert sum(band.cost for band in posterior.bands) == pytest.approx(total, abs=1e-6)


def test_draws_have_the_mean_and_deviation_of_the_posterior():
    recording, _, _ = _small()
    posterior = WavePosterior(surface_modes(two_spheres().surface), recording, CHOSEN)
    generator = np.random.default_rng(0)
    draws = np.array([posterior.draw(generator) for _ in range(300)])
    error = np.abs(draws.mean(axis=0) - posterior.mean) / posterior.sd
    assert np.sqrt((error**2).mean()) < 2.0 / np.sqrt(300)
    assert np.median(draws.std(axis=0) / posterior.sd) == pytest.approx(1.0, abs=0.03)


def test_doubt_of_the_geometry_widens_mean_and_draws_alike():
    recording, _, _ = _small()
    modes = surface_modes(two_spheres().surface)
    doubt = np.array([[0.1, 0.0], [0.05, 0.1]])
    known, doubtful = (WavePosterior(modes, recording, CHOSEN, root) for root in (None, doubt))
    assert (doubtful.sd >= known.sd).all()
    generator = np.random.default_rng(0)
    draws = np.array([doubtful.draw(generator) for _ in range(60)])
    assert np.median(draws.std(axis=0) / doubtful.sd) == pytest.approx(1.0, abs=0.1)


def test_slopes_of_the_likelihood_are_its_differences():
    recording, _, _ = _small()
    chosen, names = replace(CHOSEN, rest=0.1, model_error=0.2), NAMES
    changes = [0.1 * change for change in recording.gain_changes]
    gradient, information = Slopes(recording, chosen, changes, names).gradient_and_information()

    def cost(k: int, step: float) -> float:
        if k < len(changes):
            return replace(recording, gains=recording.gains + step * changes[k]).cost(chosen)
        name = names[k - len(changes)]
        more = {name: getattr(chosen, name) * np.exp(step)}
        return recording.cost(replace(chosen, **more))

    differences = [(cost(k, 1e-3) - cost(k, -1e-3)) / 2e-3 for k in range(len(gradient))]
    # the best scale is that of a grid of 0.05, beside which the likelihood is not quite flat
    np.testing.assert_allclose(gradient, differences, rtol=0.1, atol=2.0)
    assert np.linalg.eigvalsh(information).min() > 0


def test_intervals_hold_waves_of_the_model():
    """Fields drawn from the prior: hyperparameters found, 90 % intervals that hold 90 %."""
    problem = two_spheres()
    modes, basis = surface_modes(problem.surface), octave_cosines(64, 2.0)
    generator = np.random.default_rng(3)
    field = np.zeros((len(modes.wavenumber), 64))
    for k in range(64):
        frequency = np.pi * k / 128.0
        share = wave_spectrum(modes.wavenumber, frequency, 0.03, 1.5, 2.0)
        field[:, k] = np.sqrt(share) * generator.standard_normal(len(share))
    potentials = modes.shapes @ field @ basis.matrix
    body = problem.transfer @ potentials
    body = body + 0.01 * generator.standard_normal(body.shape)
    found, told = Waves().fit(
        problem.given(body_potentials=body, time=2.0 * np.arange(64), transmembrane=False)
    )
    held = np.abs(found - potentials) < 1.645 * told.sd
    assert 0.86 < held.mean() < 0.94
    assert told.numbers["noise_sd"] == pytest.approx(0.01, rel=0.1)
    assert 0.75 < told.numbers["speed"] < 3.0


def test_a_coarser_heart_is_moved_alike():
    body, *_ = _shifted(np.zeros(3))
    coarse, pose = body.coarser(100), HeartPose((8.0, -5.0, 4.0, 10.0, 20.0, -5.0, 0.1))
    assert len(coarse.heart.points) == 100
    field = [b.at(pose) @ b.moved(HeartPose.at_rest()) for b in (body, coarse)]
    filed = body.at(HeartPose.at_rest()) @ body.heart.points
    assert np.linalg.norm(field[1] - field[0]) < 0.1 * np.linalg.norm(field[0] - filed)


def sought(body: HeartInTorso, transfer, measured, time) -> InverseProblem:
    """The problem of a heart that may lie elsewhere."""
    torso = SourceSurface(body.torso_points, body.torso_faces)
    return InverseProblem(
        transfer, measured, body.heart, time, torso=torso, at_electrodes=body.at_electrodes,
        pose_known=False,
    )  # fmt: skip


def _shifted(shift: np.ndarray) -> tuple[HeartInTorso, np.ndarray, np.ndarray, np.ndarray]:
    """A body with the heart filed in a wrong place, and potentials on heart and body."""
    heart, torso = sphere(35.0, 2), sphere(90.0, 2)
    time = np.arange(0.0, 120.0, 3.0)
    place = SourceSurface(heart.points * [1.0, 0.8, 1.2] + [15.0, 0.0, 0.0], heart.faces)
    arrival = 0.8 * np.linalg.norm(heart.points - [0.0, 20.0, -30.0], axis=1)
    potentials = 1 / (1 + np.exp(-(time - 20.0 - arrival[:, None]) / 4.0))
    everywhere = sp.eye_array(len(torso.points), format="csr")
    true = heart_to_torso((place.points, place.faces), (torso.points, torso.faces)).matrix
    noise = 1e-3 * np.random.default_rng(0).standard_normal((len(torso.points), len(time)))
    filed = SourceSurface(place.points + shift, place.faces)
    body = HeartInTorso(filed, torso.points, torso.faces, everywhere)
    return body, true @ potentials + noise, potentials, time


@pytest.mark.slow
@pytest.mark.parametrize("shift", [[-6.0, 5.0, 6.0], [-12.0, 10.0, 12.0]])
def test_the_pose_is_found_from_body_potentials_alone(shift):
    body, measured, potentials, time = _shifted(np.array(shift))
    filed = body.at(HeartPose.at_rest())
    problem = sought(body, filed, measured, time)
    without, _ = Waves().fit(replace(problem, pose_known=True))
    found, told = Waves().fit(problem)
    moved = np.array([told.numbers[f"shift_{axis}_mm"] for axis in "xyz"])
    assert np.linalg.norm(moved + shift) < 0.6 * np.linalg.norm(shift)
    errors = [np.linalg.norm(one - potentials) for one in (found, without)]
    assert errors[0] < 0.8 * errors[1]
    residual = np.linalg.norm(measured - told.transfer @ found) / np.linalg.norm(measured)
    assert told.residual_rel == pytest.approx(residual)
    centroids = [points.mean(axis=0) for points in (told.heart_points, body.heart.points)]
    np.testing.assert_allclose(centroids[0] - centroids[1], moved, atol=0.5)


@pytest.mark.slow
def test_a_heart_that_is_where_it_is_filed_stays_there():
    body, measured, _, time = _shifted(np.zeros(3))
    filed = body.at(HeartPose.at_rest())
    problem = sought(body, filed, measured, time)
    without, _ = Waves().fit(replace(problem, pose_known=True))
    found, told = Waves().fit(problem)
    np.testing.assert_array_equal(found, without)
    assert told.heart_points is None and told.numbers["shift_mm"] == 0
    assert 0 < told.numbers["pose_gain"] < DECISIVE


def test_a_body_with_another_transfer_matrix_is_refused():
    body, measured, _, time = _shifted(np.zeros(3))
    filed = body.at(HeartPose.at_rest())
    problem = sought(body, filed - filed.mean(axis=0), measured, time)
    with pytest.raises(BadInput, match="not that of heart and torso"):
        Waves().fit(problem)
