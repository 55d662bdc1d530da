"""QRS duration and amplitude of a 12-lead ECG with one beat."""

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

SLOPE_FRACTION = 0.06
"""Onset and offset: where the spatial velocity leaves and falls back to this share of its peak.

It is chosen so that one normal recording (CardioSoft, 12SL) gets the device's onset and offset
within 1 ms. The slope of a P or T wave may exceed it, but lies farther than MAX_GAP_MS from the
QRS."""
SLOPE_WINDOW_MS = 4.0
"""Span of the central difference; it smooths quantisation and widens the QRS by at most 4 ms."""
MAX_GAP_MS = 16.0
"""Longest pause inside the QRS (all leads near a turning point)."""
RAISED = (1.0, 1.5, 2.0, 3.0)
"""Multiples of the threshold, tried in turn: after slow activation (pacing without Purkinje fibres)
the T wave starts before the QRS ends, and no pause falls below the lowest threshold."""
MAX_QRS_MS = 330.0
"""A longer run is QRS and T wave together."""


def qrs_window(ecg: np.ndarray, time: np.ndarray) -> tuple[float, float]:
    """Global onset and offset of the QRS, over all leads.

    The spatial velocity v(t), the root mean square over leads of the slope, is compared with a
    fixed fraction of its peak, as the slope criteria of Laguna et al. (Comput. Biomed. Res. 27,
    1994, p. 45) do lead by lead. Starting at the peak, the QRS extends both ways until v stays
    below the threshold for longer than MAX_GAP_MS; the crossing is interpolated linearly.

    Args:
        ecg: [lead, time] mV, one beat, with rest before and an ST segment after the QRS.
        time: [time] ms, uniform, step at most 5 ms.

    Returns:
        onset, offset: ms.

    Raises:
        BadInput: flat or cut-off signal, NaN, or a bad time axis.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (None, len(time)))).astype(np.float64)
    dt = _step(time)
    velocity = _spatial_velocity(ecg, dt)
    peak = int(np.argmax(velocity))
    if velocity[peak] <= 0:
        raise BadInput("ecg: flat in all leads; there is no QRS")
    for threshold in velocity[peak] * SLOPE_FRACTION * np.array(RAISED):
        run = _run_with_peak(velocity > threshold, peak, MAX_GAP_MS / dt)
        ends = [name for name, k in (("start", 0), ("end", len(time) - 1)) if k in run]
        if not ends and (run[-1] - run[0]) * dt <= MAX_QRS_MS:
            break
    else:
        where = f"is cut off at the {ends[0]} of" if ends else "has no end in"
        raise BadInput(f"ecg: the QRS {where} the record; widen the time axis")
    onset = _crossing(time, velocity, run[0] - 1, threshold)
    offset = _crossing(time, velocity, run[-1], threshold)
    return onset, offset


def qrs_duration(ecg: np.ndarray, time: np.ndarray) -> float:
    """Duration of the QRS over all leads; errors as in `qrs_window`.

    Args:
        ecg: [lead, time] mV, one beat, with rest before and an ST segment after the QRS.
        time: [time] ms, uniform, step at most 5 ms.

    Returns:
        ms.
    """
    onset, offset = qrs_window(ecg, time)
    return offset - onset


def qrs_amplitude(ecg: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Peak-to-peak amplitude of each lead within the QRS.

    Arguments and errors as in `qrs_window`.

    Returns:
        [lead] mV.
    """
    onset, offset = qrs_window(ecg, time)
    return np.ptp(ecg[:, (time >= onset) & (time <= offset)], axis=1)


def _run_with_peak(above: np.ndarray, peak: int, max_gap: float) -> np.ndarray:
    """Samples above the threshold around the peak, with pauses of at most `max_gap` samples."""
    samples = np.flatnonzero(above)
    runs = np.split(samples, np.flatnonzero(np.diff(samples) > max_gap) + 1)
    return next(run for run in runs if run[0] <= peak <= run[-1])


def _spatial_velocity(ecg: np.ndarray, dt: float) -> np.ndarray:
    """Root mean square over leads of the slope: [time] mV/ms."""
    half = max(1, round(SLOPE_WINDOW_MS / 2 / dt))
    padded = np.pad(ecg, ((0, 0), (half, half)), mode="edge")
    slope = (padded[:, 2 * half :] - padded[:, : -2 * half]) / (2 * half * dt)
    return np.sqrt((slope**2).mean(axis=0))


def _crossing(time: np.ndarray, velocity: np.ndarray, left: int, threshold: float) -> float:
    """Time between samples `left` and `left` + 1 at which v takes the threshold, ms."""
    v0, v1 = velocity[left], velocity[left + 1]
    return float(time[left] + (time[left + 1] - time[left]) * (threshold - v0) / (v1 - v0))


def _step(time: np.ndarray) -> float:
    steps = np.diff(check.finite("time", check.shape("time", time, (None,))))
    if len(steps) < 10 or steps[0] <= 0 or np.ptp(steps) > 1e-6 * abs(steps[0]) + 1e-9:
        raise BadInput("time: must increase in equal steps, at least eleven values")
    return check.between("time step in ms", float(steps.mean()), 1e-3, 5.0, "is time in s?")
