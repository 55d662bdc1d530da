"""The P wave before the QRS: over all leads, and its peak in each lead."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.physics.ecg.delineation.signal import slope_of_lines, vertex

LATEST_PEAK_MS, EARLIEST_PEAK_MS = 35.0, 300.0
"""Interval before the QRS onset in which the peak lies (PR up to some 350 ms)."""
MIN_PEAK_MV = 0.02
"""Smallest peak of the root mean square over leads. It is lower than a wave's 30 uV in one lead,
because a P wave of 60 uV in four leads is one."""
MIN_PEAK_TO_NOISE = 4.0
"""Smallest peak as a multiple of the noise, the SD in the PR segment."""
PR_SEGMENT_MS = 24.0
"""Interval before the QRS onset whose SD is the noise."""
SLOPE_SPAN_MS = 20.0
SLOPE_SHARE = 0.3
"""Onset and end: where the slope (of lines of SLOPE_SPAN_MS) falls to this share of the steepest;
chosen on the tuned half of LUDB's manual marks (docs/studies/2026-11-24-delineators.md)."""
MIN_SLOPE_TO_NOISE, MAX_SHARE = 1.5, 0.5
"""The threshold is at least this multiple of the slope in the PR segment, at most that share."""
FLANK_MS, SIDE_MS = 60.0, 85.0
"""The steepest parts are at most FLANK_MS from the peak, onset and end at most SIDE_MS."""
MAX_PAUSE_MS = 15.0
"""Longest pause inside the wave: the notch between the parts of the right and the left atrium."""
MIN_DURATION_MS = 40.0


@dataclass(frozen=True)
class PWave:
    """The P wave over all leads.

    Attributes:
        onset_ms, peak_ms, end_ms: of all leads.
        amplitudes_mv, peaks_ms: [lead], from the line between the levels at onset and end.
        areas: [lead] mV ms, from the same line.
    """

    onset_ms: float
    peak_ms: float
    end_ms: float
    amplitudes_mv: np.ndarray
    peaks_ms: np.ndarray
    areas: np.ndarray


def p_wave(time: np.ndarray, x: np.ndarray, qrs_onset_ms: float) -> PWave | None:
    """The P wave of a beat, or None: none in atrial fibrillation, and none in a simulated beat.

    Args:
        time: [time] ms, uniform. x: [12, time] mV from the level at the QRS onset.
        qrs_onset_ms: on the axis `time`.
    """
    before = time < qrs_onset_ms
    time, x = time[before], x[:, before]
    peak = _peak(time, x, qrs_onset_ms)
    if peak is None:
        return None
    slopes = np.stack([slope_of_lines(time, row, SLOPE_SPAN_MS)[0] for row in x])
    velocity = np.sqrt((slopes[INDEPENDENT_ROWS] ** 2).mean(axis=0))
    step = (time[-1] - time[0]) / (len(time) - 1)
    noise = MIN_SLOPE_TO_NOISE * float(np.median(velocity[time >= qrs_onset_ms - PR_SEGMENT_MS]))
    first = _edge(velocity[peak::-1], step, noise)
    last = _edge(velocity[peak:], step, noise)
    if first is None or last is None or (first + last) * step < MIN_DURATION_MS:
        return None
    return _measured(time, x, (peak - first, peak, peak + last))


def _peak(time: np.ndarray, x: np.ndarray, qrs_onset_ms: float) -> int | None:
    """Sample of the highest turning point of the root mean square over leads, if it is a P wave."""
    rms = np.sqrt((x[INDEPENDENT_ROWS] ** 2).mean(axis=0))
    turns = 1 + np.flatnonzero((rms[1:-1] > rms[:-2]) & (rms[1:-1] >= rms[2:]))
    distance = qrs_onset_ms - time[turns]
    turns = turns[(distance >= LATEST_PEAK_MS) & (distance <= EARLIEST_PEAK_MS)]
    if not len(turns):
        return None
    peak = int(turns[np.argmax(rms[turns])])
    segment = x[INDEPENDENT_ROWS][:, time >= qrs_onset_ms - PR_SEGMENT_MS]
    noise = float(np.sqrt(segment.var(axis=1).mean())) if segment.shape[1] > 1 else 0.0
    # a wave turns on both sides: the tail of the last T wave does not
    prominence = rms[peak] - max(rms[: peak + 1].min(), rms[peak:].min())
    enough = max(MIN_PEAK_MV, MIN_PEAK_TO_NOISE * noise)
    return peak if rms[peak] >= enough and prominence >= 0.5 * rms[peak] else None


def _edge(velocity: np.ndarray, step: float, noise: float) -> int | None:
    """Samples from the peak outwards to where the wave ends, or None if the record ends before."""
    beside = velocity[: 1 + round(SIDE_MS / step)]
    steepest = int(np.argmax(beside[: 1 + round(FLANK_MS / step)]))
    threshold = min(max(SLOPE_SHARE * beside[steepest], noise), MAX_SHARE * beside[steepest])
    steep = steepest + np.flatnonzero(beside[steepest:] > threshold)
    if not len(steep):
        return None
    pauses = np.flatnonzero(np.diff(steep) > MAX_PAUSE_MS / step)
    last = int(steep[pauses[0]] if len(pauses) else steep[-1])
    return last + 1 if last + 1 < len(velocity) else None


def _measured(time: np.ndarray, x: np.ndarray, samples: tuple[int, int, int]) -> PWave:
    """Amplitudes and areas of all leads from the line between the levels at onset and end."""
    first, peak, last = samples
    t = time[first : last + 1]
    share = (t - t[0]) / (t[-1] - t[0])
    wave = x[:, first : last + 1]
    wave = wave - np.outer(wave[:, 0], 1 - share) - np.outer(wave[:, -1], share)
    found = [vertex(t, row, int(np.argmax(np.abs(row)))) for row in wave]
    return PWave(
        float(t[0]), float(time[peak]), float(t[-1]),
        np.array([height for _, height in found]), np.array([at for at, _ in found]),
        np.trapezoid(wave, t, axis=1),
    )  # fmt: skip
