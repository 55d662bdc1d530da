"""Leads that carry no signal, or one that their neighbours contradict."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.inverse.measured.smoothness import Smoothness

FLAT = 1e-3
"""Range of a flat lead, as a share of that of the median lead."""
SATURATED_RUN, SATURATED_JUMP = 5, 4.0
"""Equal samples in a row at the extreme, and the jump beside them in quanta, of a clipped lead."""
NEIGHBOUR_RATIO = 4.0
"""RMS of what neighbours do not predict, scaled by how well the place is surrounded, in units of
the median lead: above it a lead is far from its neighbours, or wrong."""
ALIKE = 0.7
"""Least correlation with what the neighbours predict: a lead over the heart is higher than they
predict, but has their course in time."""
SCALE = 5.0
"""Largest ratio of its size to that of the prediction, and of the prediction to it."""
MOST = 0.3
"""Largest share of contradicted leads; with more the order of the electrodes is wrong."""


def dead_leads(recording: ChannelRecording) -> Mapping[str, str]:
    """Faults by channel: marked in the file, NaN, flat or saturated."""
    moved = np.nan_to_num(np.nanmax(recording.potentials, axis=1, initial=-np.inf)
                          - np.nanmin(recording.potentials, axis=1, initial=np.inf),
                          posinf=0.0, neginf=0.0)  # fmt: skip
    typical = float(np.median(moved[moved > 0])) if (moved > 0).any() else 1.0
    faults = {}
    for name, row, range_mv in zip(recording.channels, recording.potentials, moved):
        if name in recording.flagged:
            faults[name] = "marked as bad in the file"
        elif n_nan := int((~np.isfinite(row)).sum()):
            faults[name] = f"{n_nan} of {len(row)} samples are NaN"
        elif range_mv < FLAT * typical:
            faults[name] = "flat"
        elif _is_saturated(row):
            faults[name] = f"saturated at {row[np.abs(row - np.median(row)).argmax()]:.3g} mV"
    return MappingProxyType(faults)


def contradicted_leads(potentials: np.ndarray, smoothness: Smoothness) -> Mapping[int, str]:
    """Reasons by electrode that its neighbours contradict, the worst first.

    Each such lead is left out before the next search, as it spoils the predictions of others.
    Potentials are [electrode, time] mV, without offsets.
    """
    faults: dict[int, str] = {}
    kept = np.arange(len(potentials))
    while len(faults) <= MOST * len(potentials) and len(kept) > 3:
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
        faults[int(kept[worst])] = (
            f"not as its neighbours: correlation {alike[worst]:.2f} with their interpolation, "
            f"{size[worst]:.2g} times its size"
        )
        kept = np.delete(kept, worst)
    return MappingProxyType(faults)


def _is_saturated(row: np.ndarray) -> bool:
    """Whether samples in a row stand at the highest or lowest value, and the lead jumps there.

    Without a jump it is a slow wave that stays within one quantum of voltage.
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
    """RMS over time: [row] of [row, time]."""
    return np.sqrt((values**2).mean(axis=1))
