"""QRS duration and amplitude of a 12-lead ECG with one beat."""

from typing import NamedTuple

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

ONSET_SHARE, END_SHARE = 0.03, 0.04
"""Onset and end: where the spatial velocity leaves and falls back to this share of its peak; chosen
on the tuned half of LUDB's manual marks (docs/studies/2026-11-24-delineators.md). The slope of a P
or T wave may exceed it, but lies farther than MAX_GAP_MS from the QRS."""
NOISE_MULTIPLE = 4.0
"""The threshold is at least this multiple of the velocity of the quietest stretch beside the QRS:
noise before it, noise and the slope of the ST segment after it. Chosen on the same half."""
MAX_SHARE = 0.15
"""Share of the peak that the multiple of the quietest stretch may reach; what is less quiet is a
record of nothing but a QRS."""
QUIET_MS = 24.0
"""Duration of that stretch."""
SLOPE_WINDOW_MS = 8.0
"""Span of the central difference; it smooths noise and widens the QRS by at most 4 ms at each side.
"""
MAX_FOOT_MS = 4.0
"""Longest foot of the QRS below the threshold. With 8 ms the mean of LUDB's marks is met better
still, but healthy men's QRS would last 106 ms in the median, against 92 to 100 in the literature.
"""
STILL = 0.05
"""The foot ends at this share of the threshold at the latest, so that round-off does not matter."""
MAX_GAP_MS = 16.0
"""Longest pause inside the QRS (all leads near a turning point)."""
RAISED_BEFORE, RAISED_AFTER = (1.0, 1.5, 2.0, 3.0), (1.0, 1.5, 2.0, 3.0, 4.5, 6.0)
"""Multiples of the threshold, tried in turn. The P wave may run into the QRS; after slow activation
(pacing without Purkinje fibres) the T wave starts before the QRS ends. Then no pause falls below
the lowest threshold."""
USUAL_SIDE_MS, MAX_SIDE_MS = 150.0, 220.0
"""Usual and longest part of the QRS before or after its steepest part. Beyond the usual one the
raised thresholds are tried, which end a run that contains a T wave; a longer one does in any case.
"""


class QrsSide(NamedTuple):
    """One side of the QRS.

    Attributes:
        name: of this end of the record. share: threshold as a share of the peak.
        reach_ms: how far from the steepest part the quietest stretch may lie.
        raised: multiples of the threshold.
    """

    name: str
    share: float
    reach_ms: float
    raised: tuple[float, ...]


BEFORE = QrsSide("start", ONSET_SHARE, 250.0, RAISED_BEFORE)
AFTER = QrsSide("end", END_SHARE, 320.0, RAISED_AFTER)


def qrs_window(ecg: np.ndarray, time: np.ndarray) -> tuple[float, float]:
    """Global onset and offset of the QRS, over all leads.

    The spatial velocity v(t), the root mean square over leads of the slope, is compared with a
    fixed fraction of its peak, as the slope criteria of Laguna et al. (Comput. Biomed. Res. 27,
    1994, p. 45) do lead by lead, or with a multiple of v where the ECG is quietest, if that is
    higher. Starting at the peak, the QRS extends both ways until v stays below the threshold for
    longer than MAX_GAP_MS. Readers see the foot of the QRS, too: it extends on while v falls, for
    at most MAX_FOOT_MS.

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
    before = _extent(velocity[peak::-1], dt, BEFORE)
    after = _extent(velocity[peak:], dt, AFTER)
    return float(time[peak] - before), float(time[peak] + after)


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


def _extent(velocity: np.ndarray, dt: float, side: QrsSide) -> float:
    """Duration of the QRS from its steepest part to one side, ms.

    Args:
        velocity: [time] mV/ms from the peak outwards. dt: ms.
    """
    beside = velocity[1 : 1 + round(side.reach_ms / dt)]
    noise = _quietest(beside, round(QUIET_MS / dt))
    lowest = max(side.share * velocity[0], min(NOISE_MULTIPLE * noise, MAX_SHARE * velocity[0]))
    found = [
        (last, threshold)
        for threshold in lowest * np.array(side.raised)
        if (last := _last_above(velocity, threshold, MAX_GAP_MS / dt)) * dt <= MAX_SIDE_MS
        and last < len(velocity) - 1
    ]
    if not found:
        where = (
            "has no end in"
            if len(velocity) * dt > MAX_SIDE_MS
            else f"is cut off at the {side.name} of"
        )
        raise BadInput(f"ecg: the QRS {where} the record; widen the time axis")
    usual = [pair for pair in found if pair[0] * dt <= USUAL_SIDE_MS]
    last, threshold = usual[0] if usual else found[-1]
    edge = _crossing(velocity, last, threshold)
    still = (np.diff(velocity[last + 1 :]) >= 0) | (velocity[last + 1 : -1] < STILL * threshold)
    foot = last + 1 + (int(np.argmax(still)) if still.any() else 0)
    return dt * edge + float(np.clip(dt * (foot - edge), 0.0, MAX_FOOT_MS))


def _quietest(velocity: np.ndarray, span: int) -> float:
    """Lowest mean over a span of samples; zero if the record is shorter."""
    if len(velocity) < span:
        return 0.0
    return float(np.convolve(velocity, np.ones(span) / span, mode="valid").min())


def _last_above(velocity: np.ndarray, threshold: float, max_gap: float) -> int:
    """Last sample above the threshold before a pause of more than `max_gap` samples."""
    above = np.flatnonzero(velocity > threshold)
    pauses = np.flatnonzero(np.diff(above) > max_gap)
    return int(above[pauses[0]] if len(pauses) else above[-1]) if len(above) else 0


def _spatial_velocity(ecg: np.ndarray, dt: float) -> np.ndarray:
    """Root mean square over leads of the slope: [time] mV/ms."""
    half = max(1, round(SLOPE_WINDOW_MS / 2 / dt))
    at = np.arange(ecg.shape[1])
    right, left = np.minimum(at + half, at[-1]), np.maximum(at - half, 0)
    slope = (ecg[:, right] - ecg[:, left]) / ((right - left) * dt)
    return np.sqrt((slope**2).mean(axis=0))


def _crossing(velocity: np.ndarray, last: int, threshold: float) -> float:
    """Sample between `last` and `last` + 1 at which v takes the threshold, interpolated."""
    if last + 1 >= len(velocity) or velocity[last] <= velocity[last + 1]:
        return float(last)
    return last + float(
        np.clip((velocity[last] - threshold) / (velocity[last] - velocity[last + 1]), 0.0, 1.0)
    )


def _step(time: np.ndarray) -> float:
    steps = np.diff(check.finite("time", check.shape("time", time, (None,))))
    if len(steps) < 10 or steps[0] <= 0 or np.ptp(steps) > 1e-6 * abs(steps[0]) + 1e-9:
        raise BadInput("time: must increase in equal steps, at least eleven values")
    return check.between("time step in ms", float(steps.mean()), 1e-3, 5.0, "is time in s?")
