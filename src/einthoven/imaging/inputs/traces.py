"""Activation time and APD90 from traces of the transmembrane potential."""

import numpy as np

REPOLARISED = 0.1
"""Share of the amplitude that is left at 90 % repolarisation."""


def activation_index(v_m: np.ndarray) -> np.ndarray:
    """A_i = min_j V_ij > 0 of Landajuela 2022: the first sample above 0 mV.

    [..., time] mV, 1 ms per sample from 0 -> [...] ms; the length of the trace if it is never above
    zero, so that a missed wave counts as late (the authors' argmax would call it the earliest).
    """
    above = np.asarray(v_m) > 0
    return np.where(above.any(axis=-1), above.argmax(axis=-1), above.shape[-1]).astype(float)


def apd90_of(v_m: np.ndarray) -> np.ndarray:
    """Duration from the first sample above 0 mV to 90 % repolarisation: [..., time] mV -> [...] ms.

    90 % of the way from the trace's largest to its least value, with the crossing between two
    samples, 1 ms apart, interpolated. NaN where the trace is never above zero or ends before that.
    """
    v_m = np.asarray(v_m, float)
    least, largest = v_m.min(axis=-1, keepdims=True), v_m.max(axis=-1, keepdims=True)
    level = least + REPOLARISED * (largest - least)
    start = activation_index(v_m)
    n_times = v_m.shape[-1]
    late = np.arange(n_times) > start[..., None]
    below = late & (v_m <= level)
    end = below.argmax(axis=-1)
    found = below.any(axis=-1) & (start < n_times)
    sample = np.where(found, end, 1)[..., None]
    before, after = (np.take_along_axis(v_m, sample - k, axis=-1)[..., 0] for k in (1, 0))
    slope = np.where(before > after, before - after, 1.0)
    crossing = sample[..., 0] - 1 + (before - level[..., 0]) / slope
    return np.where(found, crossing - start, np.nan)
