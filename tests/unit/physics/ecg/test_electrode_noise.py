"""Noise at the electrodes: laws of the leads, levels, spectra, mean beats."""

import numpy as np
import pytest
from scipy.signal import welch

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.physics.ecg.recorder.electrode_noise import (
    ElectrodeNoise,
    coloured,
    drift_density,
    mean_beat_noise,
    muscle_density,
)

TIME = np.arange(-250.0, 500.0)
SPREADS = ("wander_spread", "muscle_spread", "mains_spread", "electrode_spread")
ALIKE = dict.fromkeys(SPREADS, 0.0)
"""All patients and electrodes have the levels of the settings."""
SILENT = {"wander_uv": 0.0, "muscle_uv": 0.0, "mains_uv": 0.0, "motion_per_min": 0.0}


def potential(seed=3, n_patients=4, n_times=2000, rate_hz=500.0, **settings):
    noise = ElectrodeNoise.of_patients(
        RecordingSettings(**settings), np.random.default_rng(seed), n_patients
    )
    return noise.potential(np.random.default_rng(seed + 1), n_times, rate_hz)


def beats(seed=5, n_beats=(10,) * 6, time=TIME, **settings):
    return mean_beat_noise(
        RecordingSettings(**settings), np.random.default_rng(seed), time, np.array(n_beats)
    )


def test_leads_obey_einthoven_and_goldberger():
    noise = dict(zip(LEADS, np.moveaxis(beats(motion_per_min=60.0), 1, 0)))
    assert np.allclose(noise["I"] + noise["III"], noise["II"], atol=1e-12)
    assert np.allclose(noise["aVR"] + noise["aVL"] + noise["aVF"], 0.0, atol=1e-12)
    assert np.abs(noise["I"]).max() > 1e-3


@pytest.mark.parametrize("level", ["wander_uv", "muscle_uv", "mains_uv", "motion_uv"])
def test_noise_scales_with_its_level(level):
    one, three = (
        potential(**SILENT | {"motion_per_min": 60.0, "motion_uv": 0.0} | {level: value})
        for value in (20.0, 60.0)
    )
    assert np.allclose(three, 3.0 * one) and np.abs(one).max() > 1e-3


def test_no_levels_are_no_noise():
    assert not potential(**SILENT).any()
    assert not beats(**SILENT).any()


def test_muscle_noise_has_the_stated_level_and_spectrum():
    """Density falls to half at the corner, and as f^-2 far above."""
    noise = potential(n_patients=40, n_times=8000, **SILENT | ALIKE | {"muscle_uv": 10.0})
    rms = 1000.0 * np.sqrt(np.mean(noise**2))
    assert rms == pytest.approx(10.0, rel=0.03)  # 1.2 % of the power is above 250 Hz
    frequency, density = welch(noise, 500.0, nperseg=1000, axis=2)
    mean = density.mean(axis=(0, 1))
    at = {hz: mean[np.argmin(np.abs(frequency - hz))] for hz in (2.0, 7.0, 40.0, 80.0)}
    corner = (1 + (2 / 7) ** 2) / 2
    assert at[7.0] / at[2.0] == pytest.approx(corner, rel=0.1)
    assert at[40.0] / at[80.0] == pytest.approx((80**2 + 49) / (40**2 + 49), rel=0.1)


def test_wander_has_the_stated_level_between_a_tenth_and_one_hertz():
    settings = SILENT | ALIKE | {"wander_uv": 50.0, "respiration_share": 0.4}
    noise = potential(n_patients=12, n_times=40000, rate_hz=100.0, **settings)
    spectrum = np.abs(np.fft.rfft(noise * np.sqrt(8 / 3) * np.hanning(40000), axis=2)) ** 2
    frequency = np.fft.rfftfreq(40000, 1 / 100.0)
    inside = (frequency >= 0.1) & (frequency <= 1.0)
    power = 2 * spectrum[..., inside].sum(axis=2).mean() / 40000**2
    assert 1000 * np.sqrt(power) == pytest.approx(50.0, rel=0.05)


@pytest.mark.parametrize("density", [drift_density, lambda f: muscle_density(f, 7.0)])
def test_coloured_noise_has_the_variance_of_its_spectrum(density):
    noise = coloured(np.random.default_rng(1), (400,), 4000, 200.0, density)
    frequency = np.fft.rfftfreq(8000, 1 / 200.0)
    expected = density(frequency).sum() * frequency[1]
    assert noise.var() == pytest.approx(expected, rel=0.05)


def test_mains_has_one_phase_in_all_electrodes():
    noise = potential(n_patients=1, n_times=1000, **SILENT | {"mains_uv": 30.0})[0]
    assert np.linalg.matrix_rank(noise, tol=1e-9) == 1
    frequency = np.fft.rfftfreq(1000, 1 / 500.0)
    assert frequency[np.abs(np.fft.rfft(noise, axis=1)).argmax(axis=1)] == pytest.approx(50.0)


def test_levels_differ_between_patients_as_the_spread_says():
    settings = RecordingSettings(muscle_spread=0.5)
    noise = ElectrodeNoise.of_patients(settings, np.random.default_rng(2), 4000)
    level = np.log(np.sqrt(np.mean(noise.muscle_mv**2, axis=1)))
    assert level.std() == pytest.approx(0.5, rel=0.05)
    assert np.exp(np.median(level)) * 1000 == pytest.approx(settings.muscle_uv, rel=0.05)
    shares = np.sqrt(np.mean(noise.muscle_mv**2, axis=0))
    assert STANDARD_ELECTRODES[int(np.argmax(shares))] == "RA"


def test_mean_of_n_beats_has_the_noise_of_one_over_the_root_of_n():
    one, sixteen = beats(n_beats=(1,) * 6), beats(n_beats=(16,) * 6)
    assert np.allclose(one, 4.0 * sixteen)


def test_a_mean_beat_has_no_noise_at_its_baseline():
    """The level before the QRS is near zero, as lines between baselines make it."""
    noise = beats(n_beats=(1,) * 20)
    level = noise[..., (TIME >= -50) & (TIME <= -20)].mean(axis=-1)
    assert np.std(level) < 0.03 * np.std(noise)


def test_drift_of_a_straight_line_is_removed():
    """Slow respiration leaves less in a mean beat than fast respiration of the same size."""
    slow, fast = (
        beats(n_beats=(1,) * 40, **SILENT | {"wander_uv": 100.0, "respiration_share": 1.0}
              | {"respiration_per_min": rate, "respiration_spread": 0.0}) for rate in (5.0, 30.0)
    )  # fmt: skip
    assert np.std(slow) < 0.1 * np.std(fast)


def test_the_same_seed_gives_the_same_noise_and_another_one_other_noise():
    assert np.array_equal(beats(seed=5), beats(seed=5))
    assert not np.allclose(beats(seed=5), beats(seed=6))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"time": np.array([0.0, 1.0, 3.0])}, "not uniform"),
        ({"time": np.arange(-2000.0, 500.0)}, "outside one beat"),
        ({"n_beats": (0, 3)}, "1 or more"),
    ],
)
def test_bad_input_is_named(fault, words):
    with pytest.raises(BadInput, match=words):
        beats(**fault)
