"""Spikes of a pacemaker in a recording: found, and bridged by a line.

A spike is a corner in time: the second difference of 2 ms is high there, and low before and after.
The corners of a narrow QRS have others beside them. A disturbance is as sharp, but does not come
before every third beat.
"""

import numpy as np

from einthoven.base.core.names import INDEPENDENT_ROWS

CORNER_STEP_MS = 2.0
"""Step of the second difference, the sampling of clinical recordings (500 Hz)."""
MIN_CORNER_MV = 0.08
"""Smallest spike: root mean square over leads of the second difference."""
BEFORE_MS, MIN_ABOVE_BEFORE = (-40.0, -10.0), 5.0
AFTER_MS, MIN_ABOVE_AFTER = (26.0, 60.0), 2.0
"""Intervals from the spike, and how often its corner exceeds every corner in them. The pulse itself
and what filters make of it last up to 24 ms; the QRS that follows may have steep parts."""
LEAD_MS = (4.0, 250.0)
"""Interval after a spike in which the steepest part of its QRS lies."""
MIN_SHARE = 0.3
"""Smallest share of beats with a spike. A demand pacemaker paces some beats; disturbances that look
like spikes are single: of 145 healthy adults' recordings (PTB-XL) none has them before more than
a tenth of the beats."""
MIN_BEATS = 2
"""Smallest number of beats with a spike: in a record of one beat nothing tells a spike from a QRS
as steep as simulated ones are."""
RISE_SHARE = 0.04
"""A spike begins where the ECG changes by this share of its steepest change. It is bridged to the
end of AFTER_MS' pause: filters of recorders leave an exponential tail of some 20 ms, which would be
taken for the QRS onset."""


def spike_candidates(ecg: np.ndarray, step_ms: float) -> np.ndarray:
    """Samples of sharp corners that stand alone.

    Args:
        ecg: [12, time] mV. step_ms: between samples.
    """
    corner = _corners(ecg, step_ms)
    before = _highest(corner, BEFORE_MS, step_ms)
    after = _highest(corner, AFTER_MS, step_ms)
    near = _highest(corner, (BEFORE_MS[1], AFTER_MS[0]), step_ms)
    enough = (corner >= MIN_CORNER_MV) & (corner >= near)
    found = np.flatnonzero(
        enough & (corner >= MIN_ABOVE_BEFORE * before) & (corner >= MIN_ABOVE_AFTER * after)
    )
    apart = AFTER_MS[0] / step_ms
    return np.array([k for j, k in enumerate(found) if j == 0 or k - found[j - 1] > apart], int)


def without_spikes(ecg: np.ndarray, step_ms: float, spikes: np.ndarray) -> np.ndarray:
    """The recording with each spike bridged by a line.

    Args:
        ecg: [12, time] mV. step_ms: between samples. spikes: samples of their highest corners.
    """
    bridged = np.array(ecg, dtype=np.float64)
    half = max(1, round(CORNER_STEP_MS / step_ms))
    change = np.sqrt((np.diff(bridged[INDEPENDENT_ROWS], axis=1) ** 2).mean(axis=0))
    first, last = (round(edge / step_ms) for edge in (BEFORE_MS[1], AFTER_MS[0]))
    for k in spikes:
        start = max(k + first, 0)
        changes = change[start : k + last]
        steep = start + np.flatnonzero(changes > RISE_SHARE * changes.max())
        left, right = max(int(steep[0]) - half, 0), min(k + last, ecg.shape[1] - 1)
        share = (np.arange(left, right + 1) - left) / (right - left)
        ends = bridged[:, left], bridged[:, right]
        bridged[:, left : right + 1] = np.outer(ends[0], 1 - share) + np.outer(ends[1], share)
    return bridged


def precede_beats(spikes: np.ndarray, peaks: np.ndarray, step_ms: float) -> bool:
    """Whether enough beats follow a spike.

    Args:
        spikes: samples of candidates. peaks: samples of the steepest part of each QRS, found
            without the spikes. step_ms: between samples.
    """
    delay = (peaks[:, None] - spikes[None, :]) * step_ms
    paced = ((delay >= LEAD_MS[0]) & (delay <= LEAD_MS[1])).any(axis=1)
    return bool(np.count_nonzero(paced) >= max(MIN_BEATS, MIN_SHARE * len(peaks)))


def _corners(ecg: np.ndarray, step_ms: float) -> np.ndarray:
    """Root mean square over the independent leads of the second difference: [time] mV."""
    half = max(1, round(CORNER_STEP_MS / step_ms))
    padded = np.pad(np.asarray(ecg, np.float64)[INDEPENDENT_ROWS], ((0, 0), (half, half)), "edge")
    second = padded[:, 2 * half :] - 2 * padded[:, half:-half] + padded[:, : -2 * half]
    return np.sqrt((second**2).mean(axis=0))


def _highest(x: np.ndarray, interval_ms: tuple[float, float], step_ms: float) -> np.ndarray:
    """Highest value in an interval around each sample; infinite beyond the ends of the record."""
    first, last = (round(edge / step_ms) for edge in interval_ms)
    reach = max(abs(first), abs(last))
    padded = np.pad(x, reach, constant_values=np.inf)  # no spikes where one cannot look around
    windows = np.lib.stride_tricks.sliding_window_view(padded, last - first + 1)
    start = reach + first
    return np.asarray(windows[start : start + len(x)].max(axis=1))
