"""Simulated beats as a recording gives them: from the QRS onset, with unknown first activation."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.physics.ecg.intervals import qrs_window

REST_MS = 40
"""Rest added before a simulated beat, so that its onset is not truncated."""
LEAD_IN_MS = 20
"""Interval between the start of a recorded ECG and its QRS onset."""
ONSET_SD_MS = 2.0
"""SD of the error of the QRS onset in a noisy recording."""


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


def onset_delays(ecg: np.ndarray) -> Iterator[float]:
    """QRS onset of each beat [12, time], ms from its first sample; NaN if there is none."""
    time = np.arange(-REST_MS, ecg.shape[-1], dtype=float)
    for beat in ecg:
        try:
            yield qrs_window(np.pad(beat, ((0, 0), (REST_MS, 0)), mode="edge"), time)[0]
        except BadInput:
            yield np.nan
