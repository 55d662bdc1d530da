"""One beat of a recording: its isoelectric segment, start, end and drift."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.beats import qrs_peaks

WINDOW_MS = 20.0
"""Length of an isoelectric segment."""
BEFORE_MS = 150.0
"""Farthest start of that segment before the steepest part of the QRS."""
SMOOTH_MS = 10.0
"""Length of the moving mean of potentials before their change is taken, against noise."""
QUIET = 0.1
"""Largest change in the segment, as a share of the fastest change of the QRS."""
QRS_SHARE, QRS_GAP_MS = 0.15, 20.0
"""Least change within a QRS, as a share of the fastest, and the longest pause in it."""
AFTER_SHARES = (0.35, 0.75)
"""Shares of the cycle after the QRS between which the beat ends: after T, before the next P."""


@dataclass(frozen=True)
class BeatWindow:
    """Part of a recording, ms from its first sample."""

    start_ms: float
    end_ms: float
    """Start and end of the beat, from isoelectric segment to T wave, without the P wave, whose
    sources are not on a surface around the ventricles."""
    baseline_ms: tuple[float, float] | None
    """Start and end of the isoelectric segment; None: no such segment."""
    n_beats: int
    """Number of beats in the recording."""


def first_beat(potentials: np.ndarray, rate_hz: float) -> BeatWindow:
    """Find the first complete beat after an isoelectric segment; a single beat is taken whole.

    The potentials are those of good channels: [channel, time] mV.

    Raises:
        BadInput: all channels are flat.
    """
    step = 1000.0 / rate_hz
    potentials = potentials - potentials.mean(axis=0)  # the reference's own waves are no QRS
    peaks = qrs_peaks(potentials, step)
    if len(peaks) == 1:
        baseline = _isoelectric(potentials, rate_hz, int(peaks[0]))
        start = 0.0 if baseline is None else baseline[0]
        return BeatWindow(start, potentials.shape[1] * step, baseline, 1)
    cycle = float(np.median(np.diff(peaks)))
    for peak in peaks:
        baseline = _isoelectric(potentials, rate_hz, int(peak))
        low, high = (int(peak + share * cycle) for share in AFTER_SHARES)
        if baseline is not None and high < potentials.shape[1]:
            level = level_of(potentials, rate_hz, baseline)[:, None]
            rms = np.sqrt(((potentials - level) ** 2).mean(axis=0))
            end = low + int(_mean(rms[low:high], step).argmin())
            return BeatWindow(baseline[0], end * step + WINDOW_MS, baseline, len(peaks))
    return BeatWindow(0.0, potentials.shape[1] * step, None, len(peaks))


def _isoelectric(potentials: np.ndarray, rate_hz: float, peak: int) -> tuple[float, float] | None:
    """Start and end, ms, of the quietest segment before the QRS whose steepest sample is `peak`."""
    step = 1000.0 / rate_hz
    change = _change(potentials, step)
    first = max(0, peak - round(BEFORE_MS / step))
    means = _mean(change[first:peak], step)
    if not len(means) or means.min() > QUIET * change.max():
        return None
    start = first + int(means.argmin())
    return start * step, start * step + WINDOW_MS


def qrs_of(potentials: np.ndarray, time: np.ndarray) -> tuple[float, float]:
    """Start and end, ms, of the QRS of one beat: the fast changes around the fastest.

    potentials [channel, time] mV, time [time] ms.
    """
    step = float(time[1] - time[0])
    change = _change(potentials, step)
    fast = np.flatnonzero(change > QRS_SHARE * change.max())
    gaps = np.flatnonzero(np.diff(fast) * step > QRS_GAP_MS)
    pieces = np.split(fast, gaps + 1)
    fastest = next(piece for piece in pieces if change.argmax() in piece)
    return float(time[fastest[0]]), float(time[fastest[-1]])


def level_of(potentials: np.ndarray, rate_hz: float, segment_ms: tuple[float, float]) -> np.ndarray:
    """Mean of a segment: [channel] mV.

    Raises:
        BadInput: no sample lies in it.
    """
    low, high = (round(t * rate_hz / 1000.0) for t in segment_ms)
    part = potentials[:, max(low, 0) : high]
    if not part.shape[1]:
        raise BadInput(f"baseline: {segment_ms[0]:g} to {segment_ms[1]:g} ms lie outside the "
                       f"recording of {potentials.shape[1] * 1000.0 / rate_hz:g} ms; "
                       "choose a segment inside it")  # fmt: skip
    return part.mean(axis=1)


def drift_of(potentials: np.ndarray, rate_hz: float, beat: BeatWindow) -> float:
    """Change of level over the beat as a share of its highest RMS value, 1.

    The level after the beat is that of its last `WINDOW_MS`.
    """
    if beat.baseline_ms is None:
        return float("nan")
    before = level_of(potentials, rate_hz, beat.baseline_ms)
    after = level_of(potentials, rate_hz, (beat.end_ms - WINDOW_MS, beat.end_ms))
    low, high = (round(t * rate_hz / 1000.0) for t in (beat.start_ms, beat.end_ms))
    rms = np.sqrt(((potentials[:, low:high] - before[:, None]) ** 2).mean(axis=0))
    return float(np.sqrt(((after - before) ** 2).mean()) / rms.max())


def _change(potentials: np.ndarray, step_ms: float) -> np.ndarray:
    """RMS over channels of the change per sample, smoothed: [time] mV."""
    smooth = uniform_filter1d(potentials, max(1, round(SMOOTH_MS / step_ms)), axis=1)
    return np.sqrt((np.gradient(smooth, axis=1) ** 2).mean(axis=0))


def _mean(values: np.ndarray, step_ms: float) -> np.ndarray:
    """Moving mean over WINDOW_MS: [start]; empty where it does not fit."""
    n = max(2, round(WINDOW_MS / step_ms))
    if len(values) < n:
        return np.empty(0)
    return np.convolve(values, np.full(n, 1.0 / n), mode="valid")
