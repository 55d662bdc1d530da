"""Simulated beats as a recording gives them: from their QRS onset, the first activation unknown."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.physics.ecg.intervals import qrs_window

REST_MS = 40
"""Of rest is put before a simulated beat, so that its onset is not cut off."""
LEAD_IN_MS = 20
"""An ECG of split recorded begins so long before its QRS onset."""
ONSET_SD_MS = 2.0
"""By which the onset of a noisy recording is missed."""


class Recorded(NamedTuple):
    """Beats whose time 0 is not known."""

    ecg: np.ndarray
    """[beat, 12, time] mV from `LEAD_IN_MS` before the QRS onset; a beat without one as it was."""
    delay: np.ndarray
    """[beat] ms from the first activation to the QRS onset; NaN where that is not found."""


def as_recorded(ecg: np.ndarray) -> Recorded:
    """Move beats to where a recording would begin, with an error of the onset.

    Args:
        ecg: [beat, 12, time] mV, 1 ms a sample from the first activation.
    """
    delay = np.array(list(onset_delays(ecg)))
    off = ONSET_SD_MS * generator(1, "imaging", "onsets").standard_normal(len(delay))
    start = np.rint(np.where(np.isfinite(delay), delay + off - LEAD_IN_MS, 0.0)).astype(int)
    at = (np.arange(ecg.shape[-1]) + start[:, None]).clip(0, ecg.shape[-1] - 1)
    return Recorded(np.take_along_axis(ecg, at[:, None], axis=2), delay)


def onset_delays(ecg: np.ndarray) -> Iterator[float]:
    """QRS onset of each beat [12, time], ms from its first sample; NaN where it is not found."""
    time = np.arange(-REST_MS, ecg.shape[-1], dtype=float)
    for beat in ecg:
        try:
            yield qrs_window(np.pad(beat, ((0, 0), (REST_MS, 0)), mode="edge"), time)[0]
        except BadInput:
            yield np.nan
