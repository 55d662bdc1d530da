"""Times of beats: respiratory sinus arrhythmia, slow variability, ventricular premature beats."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.config.recording import RecordingSettings
from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recorder.electrode_noise import coloured

SLOW_HZ = (0.06, 0.15)
"""Slow variability: about the waves of blood pressure at 0.1 Hz (Malik 1996,
doi:10.1161/01.CIR.93.5.1043)."""
SLOW_RATE_HZ = 4.0
LEAST_SHARE = 0.5
"""No cycle is shorter than this share of the mean one."""
LEAST_COUPLING_MS = 250.0
"""Before that the ventricles are refractory."""


@dataclass(frozen=True, eq=False)
class BeatTimes:
    """First activation of each beat, ms from the start of the recording; some lie outside of it.

    Attributes:
        normal: [beat]. ectopic: [premature beat].
    """

    normal: np.ndarray
    ectopic: np.ndarray


def slow_density(frequency: np.ndarray) -> np.ndarray:
    """One-sided power density [frequency] 1/Hz of slow variability, of unit power."""
    low, high = SLOW_HZ
    return np.where((frequency >= low) & (frequency <= high), 1.0 / (high - low), 0.0)


def beat_times(
    settings: RecordingSettings,
    draws: np.random.Generator,
    cycle: tuple[float, float],
    span_ms: tuple[float, float],
    breathing: tuple[float, float],
) -> BeatTimes:
    """Beats of a sinus rhythm over a span, at whole milliseconds.

    RR(t) = rr + SDNN (sqrt(2 s) sin(breath(t)) + sqrt(1 - s) slow(t)), s being the share of
    respiration.

    Args:
        settings: share of respiration.
        draws: the generator.
        cycle: mean and SD of the cycle length, ms.
        span_ms: first and last time.
        breathing: respiratory rate in Hz, and its phase in rad at time zero.
    """
    (rr_ms, sdnn_ms), (start, end) = cycle, span_ms
    n_slow = int(np.ceil((end - start) / 1000.0 * SLOW_RATE_HZ)) + 2
    slow = coloured(draws, (), n_slow, SLOW_RATE_HZ, slow_density)
    slow_ms = start + 1000.0 / SLOW_RATE_HZ * np.arange(n_slow)
    share, (breath_hz, breath) = settings.sinus_arrhythmia, breathing
    onsets = [start + np.floor(draws.uniform(0.0, rr_ms))]
    while onsets[-1] < end:
        at = onsets[-1]
        wave = np.sqrt(2.0 * share) * np.sin(2e-3 * np.pi * breath_hz * at + breath)
        wave += np.sqrt(1.0 - share) * np.interp(at, slow_ms, slow)
        onsets.append(at + np.round(max(rr_ms + sdnn_ms * wave, LEAST_SHARE * rr_ms)))
    return BeatTimes(np.array(onsets), np.zeros(0))


def with_ectopics(
    beats: BeatTimes, settings: RecordingSettings, draws: np.random.Generator
) -> BeatTimes:
    """The same rhythm with ventricular premature beats, each in the place of a normal beat.

    The sinus node goes on, so that the pause after a premature beat is compensatory: two cycles
    with it are as long as two without it. No two of them follow each other.

    Args:
        beats: of the sinus rhythm.
        settings: number and coupling. draws: the generator.

    Raises:
        BadInput: too few beats for so many premature ones, or a coupling interval within the
            refractory time.
    """
    onsets, n = beats.normal, settings.n_ectopic
    inside = (onsets[:-2] >= 0.0) & (onsets[2:] < 1000.0 * settings.duration_s)
    free = 1 + np.flatnonzero(inside)  # the beats before and after are recorded, too
    most = (len(free) + 1) // 2
    if n > most:
        raise BadInput(
            f"recording.n_ectopic: {n} premature beats do not fit {settings.duration_s:g} s at "
            f"this heart rate, at most {most}; fewer, or a longer recording?"
        )
    # without neighbours: places are drawn from fewer, and then moved apart
    chosen = np.sort(draws.choice(len(free) - n + 1, n, replace=False)) + np.arange(n)
    places = free[chosen]
    coupling = np.round(settings.coupling * (onsets[places] - onsets[places - 1]))
    if coupling.min() < LEAST_COUPLING_MS:
        raise BadInput(
            f"recording.coupling: {coupling.min():.0f} ms after the beat before, where the "
            f"ventricles are refractory; {LEAST_COUPLING_MS:.0f} ms is the least: raise it"
        )
    return BeatTimes(np.delete(onsets, places), onsets[places - 1] + coupling)
