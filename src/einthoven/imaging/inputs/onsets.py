"""Simulated beats as a recording gives them: from the QRS onset, with unknown first activation."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

REST_MS = 40
"""Rest added before a simulated beat, so that its onset is not truncated."""
LEAD_IN_MS = 20
"""Interval between the start of a recorded ECG and its QRS onset."""
ONSET_SD_MS = 2.0
"""SD of the error of the QRS onset in a noisy recording."""
SLOPE_SHARE, SLOPE_SPAN_MS, MAX_GAP_MS = 0.06, 4, 16
"""Onset by which imaging networks align beats: where the spatial velocity leaves this share of its
peak, the span of its difference, and the longest pause within the QRS. It is 2 to 10 ms later than
the onset that cardiologists mark (`ecg.intervals`). The shipped model was trained with it."""
RAISED, MAX_QRS_MS = (1.0, 1.5, 2.0, 3.0), 330
"""Multiples of that share, tried in turn: where the T wave begins before the QRS ends, and no pause
falls below the share, a longer run is both together."""


class Recorded(NamedTuple):
    """Beats with unknown time 0."""

    ecg: np.ndarray
    """[beat, 12, time] mV from `LEAD_IN_MS` before the QRS onset; unchanged without an onset."""
    delay: np.ndarray
    """[beat] ms from the first activation to the QRS onset; NaN without an onset."""


def as_recorded(ecg: np.ndarray) -> Recorded:
    """Shift beats to start before their QRS onset, with a random error of the onset.

    They are [beat, 12, time] mV, 1 ms per sample from the first activation.
    """
    delay = np.array(list(onset_delays(ecg)))
    error = ONSET_SD_MS * generator(1, "imaging", "onsets").standard_normal(len(delay))
    start = np.rint(np.where(np.isfinite(delay), delay + error - LEAD_IN_MS, 0.0)).astype(int)
    sample = (np.arange(ecg.shape[-1]) + start[:, None]).clip(0, ecg.shape[-1] - 1)
    return Recorded(np.take_along_axis(ecg, sample[:, None], axis=2), delay)


def steep_onset_ms(ecg: np.ndarray, time: np.ndarray) -> float:
    """Time at which the QRS gets steep, to which imaging networks align beats.

    Args:
        ecg: [12, time] mV, one beat. time: [time] ms, 1 ms per sample.

    Raises:
        BadInput: a flat ECG, or a QRS that is cut off or cannot be separated from the T wave.
    """
    half = SLOPE_SPAN_MS // 2
    padded = np.pad(ecg, ((0, 0), (half, half)), mode="edge")
    slope = (padded[:, 2 * half :] - padded[:, : -2 * half]) / (2 * half)
    velocity = np.sqrt((slope**2).mean(axis=0))
    peak = int(velocity.argmax())
    if velocity[peak] <= 0:
        raise BadInput("ecg: flat in all leads; there is no QRS")
    for threshold in velocity[peak] * SLOPE_SHARE * np.array(RAISED):
        steep = np.flatnonzero(velocity > threshold)
        runs = np.split(steep, np.flatnonzero(np.diff(steep) > MAX_GAP_MS) + 1)
        first, last = next((run[0], run[-1]) for run in runs if run[0] <= peak <= run[-1])
        if first > 0 and last < len(time) - 1 and last - first <= MAX_QRS_MS:
            before, after = velocity[first - 1], velocity[first]
            return float(time[first - 1] + (threshold - before) / (after - before))
    raise BadInput("ecg: the QRS is cut off, or has no end; widen the time axis")


def onset_delays(ecg: np.ndarray) -> Iterator[float]:
    """QRS onset of each beat [12, time], ms from its first sample; NaN if there is none."""
    time = np.arange(-REST_MS, ecg.shape[-1], dtype=float)
    for beat in ecg:
        try:
            yield steep_onset_ms(np.pad(beat, ((0, 0), (REST_MS, 0)), mode="edge"), time)
        except BadInput:
            yield np.nan
