"""Effect of coupling on the upstroke: V_m at the front of a wave instead of a single cell.

The tables of `template` and `family` are of single, stimulated cells. In a travelling wave the
neighbours ahead draw current from an activating cell: its foot is slower, its upstroke about half
as steep, and the overshoot lacks its peak (docs/explanation/simulated-beats.md has the figures).
`added_by_coupling` is the difference, from a cable of the cell of factor one at each condition
(`tools/build_front.py`). The other members of a family use the same difference, because I_Ks is
hardly open by then. It fades out until 50 ms; the rest, about a millivolt, changes no duration.

Cell and wave cross the template's level at time zero.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.files import Arrays, load_arrays
from einthoven.physics.electrophysiology.cells.condition import CONDITIONS, Condition
from einthoven.physics.electrophysiology.cells.template import regular_times

DATA = Path(__file__).parent / "data" / "ttp06_front.npz"
FOOT_MS, FADED_MS = -3.0, 50.0
"""Interval in which coupling contributes."""


@lru_cache
def table() -> Arrays:
    """`time` [sample] ms from the upstroke; `v_m` [condition, sample] mV, as `CONDITIONS`."""
    return load_arrays(DATA, require=("time", "v_m"))


def added_by_coupling(time: np.ndarray, condition: Condition) -> np.ndarray:
    """A travelling wave minus a stimulated cell, mV, at times [...] ms; zero before and after."""
    known, row = table()["time"], CONDITIONS.index(condition)
    found: np.ndarray = np.interp(time, known, table()["v_m"][row], left=0.0, right=0.0)
    return found


def wave_times(dt_ms: float) -> np.ndarray:
    """Times [time] ms in equal steps, with one at the upstroke, from before the foot until rest.

    Raises:
        BadInput: dt_ms out of range.
    """
    check.between("dt_ms", dt_ms, 0.001, 5, "milliseconds?")
    last = round(regular_times(dt_ms)[-1] / dt_ms)
    steps: np.ndarray = dt_ms * np.arange(np.floor(FOOT_MS / dt_ms), last + 1)
    return steps
