"""T wave of a lead: peak, second peak of a biphasic wave, end by the tangent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from einthoven.physics.ecg.delineation.signal import slope_of_lines, vertex

MIN_PEAK_MV = 0.03
"""Minimum prominence of a turning point of a T wave (as for a wave of the QRS)."""
TANGENT_SPAN_MS = 20.0
"""Length of the least-squares tangent through the steepest point."""
MIN_SHARE, MIN_TELLING_MV = 0.15, 0.05
"""Leads whose T wave is lower than this share of the highest, or than this, do not tell the end;
chosen on the tuned half of LUDB's manual marks (docs/studies/2026-11-24-delineators.md)."""
N_NEIGHBOURS, NEIGHBOUR_MS = 3, 12.0
"""Number of other leads that end near, and how near (Laguna 1994 as in `global_end`)."""

FOOT_MS = 3.0
"""From the last tangent's end to the end that readers mark, who see the foot of the wave: on LUDB's
tuned half 6 ms in the median with the third latest lead's mark, 0 with the median lead's."""


@dataclass(frozen=True)
class TWave:
    """The T wave of one lead, amplitudes from the level at the QRS onset.

    Attributes:
        amplitude_mv, peak_ms: the higher peak, negative if the wave is inverted.
        second_mv: peak of opposite sign of a biphasic wave, else zero.
        end_ms: where the tangent at the steepest point after the last peak crosses the level of the
            QRS onset; NaN if that is not in the record.
    """

    amplitude_mv: float
    peak_ms: float
    second_mv: float
    end_ms: float


def t_wave(time: np.ndarray, x: np.ndarray, start_ms: float, stop_ms: float) -> TWave | None:
    """The T wave between two times, or None if there is no turning point.

    Args:
        time: [time] ms, uniform.
        x: [time] mV from the level at the QRS onset.
        start_ms, stop_ms: after the J point, and before the next P wave.
    """
    inside = (time >= start_ms) & (time <= stop_ms)
    time, x = time[inside], x[inside]
    if len(x) < 3:
        return None
    peaks = [peak for sign in (1, -1) if (peak := _peak(time, x, sign)) is not None]
    if not peaks:
        return None
    main = max(peaks, key=lambda k: abs(x[k]))
    others = [k for k in peaks if np.sign(x[k]) != np.sign(x[main])]
    peak_ms, amplitude = vertex(time, x, main)
    second = vertex(time, x, others[0])[1] if others else 0.0
    return TWave(amplitude, peak_ms, second, tangent_end(time, x, max([main, *others])))


def _peak(time: np.ndarray, x: np.ndarray, sign: int) -> int | None:
    """Sample of the highest prominent turning point of one sign."""
    y = sign * x
    turns = 1 + np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:]))
    for k in sorted(turns, key=lambda k: -y[k]):
        if y[k] < MIN_PEAK_MV:
            return None
        if y[k] - y[:k].min() >= MIN_PEAK_MV and y[k] - y[k:].min() >= MIN_PEAK_MV:
            return int(k)
    return None


def tangent_end(time: np.ndarray, x: np.ndarray, peak: int) -> float:
    """End of a wave: its steepest tangent after the peak, extrapolated to level zero.

    Lepeschkin and Surawicz (1952), 10.1161/01.CIR.6.3.378, with a least-squares line through the
    steepest part, the most reproducible of five methods in Xue and Reddy (1998),
    10.1016/s0022-0736(98)80072-1. For a Gaussian wave of SD s it is the peak + 2 s.

    Args:
        time: [time] ms, uniform. x: [time] from the baseline. peak: sample.

    Returns:
        ms; NaN if the wave does not return before the record ends.
    """
    slopes, half = slope_of_lines(time, x, TANGENT_SPAN_MS)
    fall = -np.sign(x[peak]) * slopes
    fall[: peak + 1] = 0.0
    back = np.flatnonzero(np.sign(x[peak:]) == -np.sign(x[peak]))
    if len(back):  # the wave is over where the level is crossed
        fall[peak + back[0] + 1 :] = 0.0
    steepest = int(np.argmax(fall))
    if fall[steepest] <= 0:
        return float("nan")
    level = x[steepest - half : steepest + half + 1].mean()
    end = float(time[steepest] - level / slopes[steepest])
    return end if end <= time[-1] else float("nan")


def global_end(waves: Sequence[TWave | None], otherwise: float) -> float:
    """End of the T wave over all leads: the last one with three others within 12 ms.

    The rule of Laguna, Jane and Caminal, Comput. Biomed. Res. 27 (1994) 45, by which ends of
    single leads are compared with those that the referees of CSE marked on all leads, plus FOOT_MS.
    A single late end is mostly that of a U wave or of drift.

    Args:
        waves: of the leads.
        otherwise: ms, if no lead has an end. If no four leads agree, it is their median.
    """
    known = [wave for wave in waves if wave is not None and np.isfinite(wave.end_ms)]
    highest = max((abs(wave.amplitude_mv) for wave in known), default=0.0)
    least = min(highest, max(MIN_SHARE * highest, MIN_TELLING_MV))
    ends = np.array([wave.end_ms for wave in known if abs(wave.amplitude_mv) >= least])
    if not len(ends):
        return otherwise
    near = (np.abs(ends[:, None] - ends) <= NEIGHBOUR_MS).sum(axis=1) - 1
    agreed = ends[near >= N_NEIGHBOURS]
    return float(agreed.max() if len(agreed) else np.median(ends)) + FOOT_MS
