"""Leads that carry no signal, or one that their neighbours contradict."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.inverse.measured.smoothness import Smoothness

FLAT = 1e-3
"""A lead is flat if it moves less than this part of the median lead."""
SATURATED_RUN, SATURATED_JUMP = 5, 4.0
"""So many equal samples in a row at the extreme, with a jump of so many quanta beside: clipped."""
NEIGHBOUR_RATIO = 4.0
"""RMS of what neighbours do not predict, in units of the median lead, each scaled by how well its
place is surrounded, above which a lead is looked at: it is far from them, or it is wrong."""
ALIKE = 0.7
"""A lead over the heart is higher than its neighbours foretell, but it has their course in time: it
is wrong if it correlates less with what they predict, or if its size is another by `SCALE`."""
SCALE = 5.0
MOST = 0.3
"""Of the electrodes may be dropped as contradicted; more is no lead's fault but the order's."""


def dead_leads(recording: ChannelRecording) -> Mapping[str, str]:
    """Channel -> what is wrong: marked in the file, NaN, flat or saturated."""
    moved = np.nan_to_num(np.nanmax(recording.potentials, axis=1, initial=-np.inf)
                          - np.nanmin(recording.potentials, axis=1, initial=np.inf),
                          posinf=0.0, neginf=0.0)  # fmt: skip
    typical = float(np.median(moved[moved > 0])) if (moved > 0).any() else 1.0
    found = {}
    for name, row, range_mv in zip(recording.channels, recording.potentials, moved):
        if name in recording.flagged:
            found[name] = "marked as bad in the file"
        elif n_nan := int((~np.isfinite(row)).sum()):
            found[name] = f"{n_nan} of {len(row)} samples are NaN"
        elif range_mv < FLAT * typical:
            found[name] = "flat"
        elif _is_saturated(row):
            found[name] = f"saturated at {row[np.abs(row - np.median(row)).argmax()]:.3g} mV"
    return MappingProxyType(found)


def contradicted_leads(potentials: np.ndarray, smoothness: Smoothness) -> Mapping[int, str]:
    """Electrode -> why its neighbours contradict it, the worst first.

    After each find the others are judged without it, as it also spoils what is predicted for them.

    Args:
        potentials: [electrode, time] mV, without offsets.
        smoothness: of those electrodes.
    """
    found: dict[int, str] = {}
    kept = np.arange(len(potentials))
    while len(found) <= MOST * len(potentials) and len(kept) > 3:
        part = Smoothness(smoothness.torso, smoothness.electrodes.only(kept))
        values = potentials[kept] - potentials[kept].mean(axis=0)
        predicted = part.predicted(values)
        ratio = _rms(values - predicted) * np.sqrt(np.diag(part.energy))
        ratio = ratio / np.median(ratio)
        size = _rms(values) / _rms(predicted)
        alike = (values * predicted).mean(axis=1) / (_rms(values) * _rms(predicted))
        wrong = (alike < ALIKE) | (size > SCALE) | (size < 1.0 / SCALE)
        wrong &= ratio > NEIGHBOUR_RATIO
        if not wrong.any():
            break
        worst = int(np.where(wrong, ratio, 0.0).argmax())
        found[int(kept[worst])] = (
            f"not as its neighbours: correlation {alike[worst]:.2f} with their interpolation, "
            f"{size[worst]:.2g} times its size"
        )
        kept = np.delete(kept, worst)
    return MappingProxyType(found)


def _is_saturated(row: np.ndarray) -> bool:
    """Whether samples in a row stand at the highest or lowest value, and the lead jumps there.

    Without the jump it is a slow wave that is level for as long as its quantum of voltage lasts.
    """
    levels = np.unique(row)
    quantum = np.diff(levels).min(initial=np.inf)
    for extreme in (levels[0], levels[-1]):
        at = np.r_[False, row == extreme, False]
        starts, ends = np.flatnonzero(~at[:-1] & at[1:]), np.flatnonzero(at[:-1] & ~at[1:])
        for start, end in zip(starts, ends):
            beside = np.take(row, [start - 1, end], mode="clip")
            jump = np.abs(beside - extreme).max() / quantum
            if end - start >= SATURATED_RUN and jump >= SATURATED_JUMP:
                return True
    return False


def _rms(values: np.ndarray) -> np.ndarray:
    """[row] of [row, time]."""
    return np.sqrt((values**2).mean(axis=1))
