"""Reduction of a recording of several beats to one: the median of aligned beats, without drift."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

PEAK_SHARE = 0.4
"""A QRS reaches this share of the typical largest spatial velocity; a T wave does not."""
REFRACTORY_MS = 250.0
SMOOTH_MS = 24.0
BEFORE_R_MS, BEFORE_SHARE = 400.0, 0.4
AFTER_SHARE = 0.68
"""A beat lasts from BEFORE_R_MS (at most BEFORE_SHARE of the cycle) before the peak to AFTER_SHARE.
"""
LEVEL_MS = (-90.0, -60.0)
"""Interval before the peak, where nothing is active, in which the baseline drift is read."""
ALIGN_MS = 30.0
MIN_CORRELATION = 0.9


@dataclass(frozen=True, eq=False)
class AveragedBeat:
    """One representative beat.

    Attributes:
        ecg: [lead, time] mV. time: [time] ms, zero at the steepest part of the QRS.
        rr_ms: median cycle length; None for a single beat. n_beats: number of averaged beats.
    """

    ecg: np.ndarray
    time: np.ndarray
    rr_ms: float | None
    n_beats: int


def representative_beat(ecg: np.ndarray, rate_hz: float) -> AveragedBeat:
    """The median beat of a recording; a recording of one beat is returned unchanged.

    Beats are aligned by correlation. The drift, linear between the baselines before each QRS, is
    removed. Beats of another shape (correlation with the median below 0.9) are excluded.

    Args:
        ecg: [lead, time] mV. rate_hz: samples per second.

    Raises:
        BadInput: flat, NaN, too short, or beats that are not alike.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (None, None))).astype(np.float64)
    check.between("rate_hz", rate_hz, 200, 50_000, "Hz")
    step = 1000.0 / rate_hz
    peaks = qrs_peaks(ecg, step)
    if len(peaks) < 2:
        time = step * (np.arange(ecg.shape[1]) - peaks[0])
        return AveragedBeat(ecg, time, None, 1)
    rr = float(np.median(np.diff(peaks)) * step)
    level = _drift(ecg, peaks, step)
    before = round(min(BEFORE_R_MS, BEFORE_SHARE * rr) / step)
    after = round(AFTER_SHARE * rr / step)
    beats = _aligned(ecg - level, peaks, (before, after), round(ALIGN_MS / step))
    mean = np.median(beats, axis=0)
    alike = [beat for beat in beats if correlation(beat, mean) >= MIN_CORRELATION]
    if 2 * len(alike) < len(beats):
        raise BadInput(f"ecg: only {len(alike)} of {len(beats)} beats are alike; too noisy?")
    time = step * (np.arange(before + after) - before)
    return AveragedBeat(np.median(alike, axis=0), time, rr, len(alike))


def qrs_peaks(ecg: np.ndarray, step_ms: float) -> np.ndarray:
    """Sample of the largest spatial velocity of each QRS.

    Args:
        ecg: [lead, time] mV. step_ms: between samples.

    Raises:
        BadInput: flat in all leads.
    """
    half = max(1, round(SMOOTH_MS / 2 / step_ms))
    window = np.hanning(2 * half + 3)[1:-1]
    velocity = np.sqrt((np.gradient(ecg, axis=1) ** 2).mean(axis=0))
    velocity = np.convolve(velocity, window / window.sum(), mode="same")
    span = max(1, round(1500.0 / step_ms))
    tops = [velocity[k : k + span].max() for k in range(0, len(velocity), span)]
    height = PEAK_SHARE * float(np.median([top for top in tops if top > 0.3 * max(tops)] or [0]))
    if height <= 0:
        raise BadInput("ecg: flat in all leads; there is no QRS")
    peaks: list[int] = []
    apart = REFRACTORY_MS / step_ms
    for k in np.argsort(-velocity):
        if velocity[k] < height:
            break
        if all(abs(k - other) >= apart for other in peaks):
            peaks.append(int(k))
    return np.sort(np.array(peaks))


def _drift(ecg: np.ndarray, peaks: np.ndarray, step: float) -> np.ndarray:
    """The baseline before each QRS, interpolated linearly: [lead, time] mV."""
    first, last = (round(edge / step) for edge in LEVEL_MS)
    knots = [k for k in peaks if k + first >= 0]
    if not knots:
        return np.zeros_like(ecg)
    levels = np.stack([ecg[:, k + first : k + last + 1].mean(axis=1) for k in knots])
    middle = np.array(knots) + (first + last) / 2
    samples = np.arange(ecg.shape[1])
    return np.stack([np.interp(samples, middle, level) for level in levels.T])


def _aligned(ecg: np.ndarray, peaks: np.ndarray, window: tuple[int, int], reach: int) -> np.ndarray:
    """Complete beats, each shifted to its best correlation with the first: [beat, lead, time]."""
    before, after = window
    inside = [k for k in peaks if k - before - reach >= 0 and k + after + reach <= ecg.shape[1]]
    if not inside:
        raise BadInput("ecg: no complete beat in the record; at least two cycles are needed")
    pattern = ecg[:, inside[0] - before : inside[0] + after]
    beats = []
    for k in inside:
        shifts = range(-reach, reach + 1)
        tried = [ecg[:, k + s - before : k + s + after] for s in shifts]
        beats.append(max(tried, key=lambda beat: float((beat * pattern).sum())))
    return np.stack(beats)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation over all leads and times together; 0 where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / lengths) if lengths else 0.0
