"""Noise at the nine electrodes of a 12-lead ECG, from which that of the leads follows.

Spectra and ratios of levels are those of 89 healthy adults at rest (PTB-XL, patient_id % 3 != 0;
`tools/measure_recording_noise.py`, docs/explanation/recorded-ecgs.md). Muscle, skin and amplifier
have one spectrum there, S(f) ~ 1 / (1 + (f / 7 Hz)^2). Baseline wander is a drift, S(f) ~ f^-2,
and respiration, which is common to all electrodes up to its amplitude and sign.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.fft import irfft, next_fast_len

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.physics.ecg.leads import lead_matrix

N_ELECTRODES = len(STANDARD_ELECTRODES)
MUSCLE_SHARES = np.array([1.45, 1.03, 0.56, 0.78, 0.98, 0.94, 0.76, 0.64, 0.56])
WANDER_SHARES = np.array([0.6, 0.6, 1.1, 0.9, 1.0, 1.1, 1.1, 1.2, 1.1])
"""Levels of RA, LA, LL, V1 to V6, relative to their root mean square."""
DRIFT_HZ, DRIFT_BAND_HZ = (0.05, 2.0), (0.1, 1.0)
"""Range of the drift, and the part of it whose SD is `wander_uv`; below 0.1 Hz it is extrapolated,
as ten seconds do not show it."""
MUSCLE_FROM_HZ = 1.0
MOTION_MS, MOTION_RISE_MS = (150.0, 700.0), 40.0
"""Time constants in which an electrode comes to rest, and in which it moves."""
BASELINE_MS = (-50.0, -20.0)
"""Interval before the QRS onset in which a beat's baseline is read (`ecg.beats`)."""


@dataclass(frozen=True, eq=False)
class ElectrodeNoise:
    """Noise levels of one or several patients, each at the nine electrodes.

    Attributes:
        settings: rates and spectra.
        drift_mv, respiration_mv, muscle_mv, mains_mv: [patient, 9] SDs, signed amplitudes of
            respiration and mains.
        respiration_hz: [patient].
    """

    settings: RecordingSettings
    drift_mv: np.ndarray
    respiration_mv: np.ndarray
    muscle_mv: np.ndarray
    mains_mv: np.ndarray
    respiration_hz: np.ndarray

    @classmethod
    def of_patients(
        cls, settings: RecordingSettings, draws: np.random.Generator, n_patients: int = 1
    ) -> Self:
        """Levels that differ between patients, and between the electrodes of one.

        Args:
            settings: levels of the median patient and their spreads.
            draws: the generator. n_patients: how many.
        """
        shape = (n_patients, N_ELECTRODES)

        def level(level_uv: float, spread: float, shares: np.ndarray | float) -> np.ndarray:
            of_all = np.exp(spread * draws.standard_normal((n_patients, 1)))
            of_each = np.exp(settings.electrode_spread * draws.standard_normal(shape))
            # the root mean square over the electrodes stays that of the patient
            of_each *= shares
            of_each /= np.sqrt(np.mean(of_each**2, axis=1, keepdims=True))
            return 1e-3 * level_uv * of_all * of_each

        wander = level(settings.wander_uv, settings.wander_spread, WANDER_SHARES)
        muscle = level(settings.muscle_uv, settings.muscle_spread, MUSCLE_SHARES)
        mains = level(settings.mains_uv, settings.mains_spread, 1.0)
        signed = draws.standard_normal(shape)
        signed /= np.sqrt(np.mean(signed**2, axis=1, keepdims=True))
        breaths = 1.0 + settings.respiration_spread * draws.uniform(-1.0, 1.0, n_patients)
        share = settings.respiration_share
        return cls(
            settings,
            drift_mv=np.sqrt(1.0 - share) * wander,
            respiration_mv=np.sqrt(2.0 * share) * wander * signed,
            muscle_mv=muscle,
            mains_mv=mains * draws.choice([-1.0, 1.0], shape),
            respiration_hz=breaths * settings.respiration_per_min / 60.0,
        )

    def potential(
        self,
        draws: np.random.Generator,
        n_times: int,
        rate_hz: float,
        breath: np.ndarray | None = None,
    ) -> np.ndarray:
        """Noise potentials.

        Args:
            draws: the generator.
            n_times: number of samples. rate_hz: samples per second.
            breath: [patient] rad, phase of respiration at the first sample; None: drawn.

        Returns:
            [patient, 9, time] mV, electrodes in the order of `STANDARD_ELECTRODES`.
        """
        n_patients = len(self.respiration_hz)
        time = np.arange(n_times) / rate_hz
        if breath is None:
            breath = draws.uniform(0.0, 2 * np.pi, n_patients)
        phase = 2 * np.pi * self.respiration_hz[:, None] * time + breath[:, None]
        found = self.respiration_mv[..., None] * np.sin(phase)[:, None]
        shape = self.drift_mv.shape
        found += self.drift_mv[..., None] * coloured(draws, shape, n_times, rate_hz, drift_density)
        corner = self.settings.muscle_corner_hz
        muscle = coloured(draws, shape, n_times, rate_hz, lambda f: muscle_density(f, corner))
        found += self.muscle_mv[..., None] * muscle
        hum = (
            2 * np.pi * self.settings.mains_hz * time
            + draws.uniform(0, 2 * np.pi, n_patients)[:, None]
        )
        found += self.mains_mv[..., None] * np.sin(hum)[:, None]
        return found + self._motions(draws, n_times, rate_hz)

    def _motions(self, draws: np.random.Generator, n_times: int, rate_hz: float) -> np.ndarray:
        """Motions of single electrodes at random times: [patient, 9, time] mV."""
        found = np.zeros((*self.drift_mv.shape, n_times))
        time = 1000.0 * np.arange(n_times) / rate_hz
        expected = self.settings.motion_per_min * n_times / rate_hz / 60.0
        for patient in found if expected else ():
            for _ in range(draws.poisson(expected)):
                since = time - draws.uniform(0.0, time[-1])
                rest = draws.uniform(*MOTION_MS)
                size = 1e-3 * self.settings.motion_uv * draws.standard_normal()
                rise = 1.0 - np.exp(-np.maximum(since, 0.0) / MOTION_RISE_MS)
                patient[draws.integers(N_ELECTRODES)] += (
                    size * rise * np.exp(-np.maximum(since, 0.0) / rest)
                )
        return found


def drift_density(frequency: np.ndarray) -> np.ndarray:
    """One-sided power density [frequency] 1/Hz of the drift; it has unit power in 0.1 to 1 Hz."""
    low, high = DRIFT_BAND_HZ
    inside = (frequency >= DRIFT_HZ[0]) & (frequency <= DRIFT_HZ[1])
    return np.where(inside, 1.0 / np.maximum(frequency, DRIFT_HZ[0]) ** 2, 0.0) / (
        1 / low - 1 / high
    )


def muscle_density(frequency: np.ndarray, corner_hz: float) -> np.ndarray:
    """One-sided power density [frequency] 1/Hz of muscle noise, of unit power from 1 Hz on."""
    power = corner_hz * (np.pi / 2 - np.arctan(MUSCLE_FROM_HZ / corner_hz))
    density = 1.0 / (1.0 + np.square(frequency / corner_hz)) / power
    return np.where(frequency >= MUSCLE_FROM_HZ, density, 0.0)


def coloured(
    draws: np.random.Generator,
    shape: tuple[int, ...],
    n_times: int,
    rate_hz: float,
    density: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Gaussian noise of a spectrum.

    The record is cut from one of twice its length, because a discrete spectrum has a period.

    Args:
        draws: the generator. shape: of the independent signals.
        n_times: number of samples. rate_hz: samples per second.
        density: frequency [frequency] Hz -> one-sided power density, 1/Hz.

    Returns:
        [*shape, time].
    """
    n_long = next_fast_len(2 * n_times, real=True)
    frequency = np.fft.rfftfreq(n_long, 1.0 / rate_hz)
    scale = np.sqrt(density(frequency) * rate_hz * n_long / 4.0)
    parts = draws.standard_normal((2, *shape, len(frequency)))
    return irfft(scale * (parts[0] + 1j * parts[1]), n_long)[..., :n_times]


def mean_beat_noise(
    settings: RecordingSettings,
    draws: np.random.Generator,
    time: np.ndarray,
    n_beats: np.ndarray,
    rr_ms: float = 900.0,
) -> np.ndarray:
    """Noise that is left in mean beats of recordings, such as `aligned_beat` gives them.

    It is drawn as the noise of one beat of each recording, without the straight line between the
    baselines before this beat and the next, and divided by the square root of the number of beats.
    Mains and muscle noise are not filtered.

    Args:
        settings: levels.
        draws: the generator.
        time: [time] ms from the QRS onset, uniform.
        n_beats: [recording] averaged beats of each, 1 or more.
        rr_ms: from beat to beat.

    Returns:
        [recording, 12, time] mV in the order of `core.names.LEADS`; limb leads obey Einthoven's
        law.

    Raises:
        BadInput: times that are not uniform, or reach more than a beat before or after this one.
    """
    time, n_beats = check.finite("time", np.asarray(time, float)), np.asarray(n_beats)
    step = float(time[1] - time[0]) if len(time) > 1 else 0.0
    if step <= 0 or not np.allclose(np.diff(time), step):
        raise BadInput("time: not uniform and rising; give ms from the QRS onset, such as 0, 1, 2")
    check.between("rr_ms", rr_ms, 250, 3000, "ms")
    if time[0] < BASELINE_MS[0] - rr_ms or time[-1] > BASELINE_MS[0] + rr_ms:
        raise BadInput(f"time: {time[0]:g} to {time[-1]:g} ms is outside one beat of {rr_ms:g} ms "
                       "to each side; cut it, or raise rr_ms")  # fmt: skip
    if n_beats.ndim != 1 or (n_beats < 1).any():
        raise BadInput("n_beats: give one number of beats, 1 or more, for each recording")
    before = int(np.ceil((rr_ms - BASELINE_MS[0]) / step))
    n_times = 2 * before + 1
    around = step * (np.arange(n_times) - before)
    noise = ElectrodeNoise.of_patients(settings, draws, len(n_beats))
    potential = noise.potential(draws, n_times, 1000.0 / step)
    leads = lead_matrix(STANDARD_ELECTRODES) @ potential
    leads -= _baseline(leads, around, rr_ms)
    first = before + round(time[0] / step)
    return leads[..., first : first + len(time)] / np.sqrt(n_beats)[:, None, None]


def _baseline(leads: np.ndarray, time: np.ndarray, rr_ms: float) -> np.ndarray:
    """Straight lines between the baselines of the beat before, this one and the next."""
    knots = rr_ms * np.array([-1.0, 0.0, 1.0])
    low, high = BASELINE_MS
    levels = [leads[..., (time >= k + low) & (time <= k + high)].mean(axis=-1) for k in knots]
    place = (time - np.mean(BASELINE_MS)) / rr_ms  # -1, 0, 1 at the knots
    late = np.clip(place, 0.0, 1.0)
    early = np.clip(-place, 0.0, 1.0)
    weights = np.stack([early, 1.0 - early - late, late])
    return np.stack(levels, axis=-1) @ weights
