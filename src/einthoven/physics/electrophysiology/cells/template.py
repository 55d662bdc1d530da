"""The template action potential U of V_m(x, t) = U(t - tau(x)) (Dokuchaev 2026, section 2.7).

It is the epicardial cell of ten Tusscher and Panfilov (2006) after 500 beats at 1000 ms, shipped as
a table (`tools/build_action_potential.py` makes it from the equations in `tools/ttp06.py`).
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.files import Arrays, load_arrays

DATA = Path(__file__).parent / "data" / "ttp06_epi.npz"
ECG_STEP_MS = 0.1
"""Step of the template in every ECG, predicted or computed (see ecg.forward for its error)."""
FADE_MS = 50.0
"""End of the table over which the last hundredths of a millivolt above rest fade out."""


@lru_cache
def table() -> Arrays:
    """The shipped action potential: `time` [sample] ms, `v_m` [sample] mV, `state` before it."""
    return load_arrays(DATA, require=("time", "v_m", "state"))


def potential(time: np.ndarray, v_m: np.ndarray | None = None) -> np.ndarray:
    """U, mV, at times from the steepest upstroke, ms, by monotone cubic interpolation of a table.

    It is exactly the resting potential before the beat and after the table. Another cell than the
    template's is v_m [sample] mV at the times of the table.
    """
    known, v_m = table()["time"], table()["v_m"] if v_m is None else v_m
    time, rest = np.asarray(time, dtype=float), v_m[0]
    left = np.clip((known[-1] - known) / FADE_MS, 0.0, 1.0)
    v_m = rest + (v_m - rest) * left * left * (3.0 - 2.0 * left)
    beating = (time > known[0]) & (time < known[-1])
    return np.where(beating, monotone_cubic(known, v_m, time), rest)


def monotone_cubic(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Piecewise cubics without overshoot (Fritsch and Butland 1984, 10.1137/0905021).

    The result is bitwise that of SciPy's PchipInterpolator, whose import takes half a second, for a
    table that starts with a three-point slope and ends at rest.
    """
    step = np.diff(x)
    slope = np.diff(y) / step
    before, after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (before / slope[:-1] + after / slope[1:]) / (before + after)
        harmonic = 1.0 / mean
    turns = (np.sign(slope[1:]) != np.sign(slope[:-1])) | (slope[1:] == 0) | (slope[:-1] == 0)
    tangent = np.zeros(len(x))
    tangent[0] = ((2 * step[0] + step[1]) * slope[0] - step[0] * slope[1]) / (step[0] + step[1])
    tangent[1:-1] = np.where(turns, 0.0, harmonic)
    bend = (tangent[:-1] + tangent[1:] - 2 * slope) / step
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(step) - 1)
    s = at - x[k]
    square = s * s
    quadratic = ((slope - tangent[:-1]) / step - bend)[k]
    return y[k] + tangent[k] * s + quadratic * square + (bend / step)[k] * (square * s)


def template(dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """The action potential on a regular time axis that has a sample at the upstroke (t = 0).

    Args:
        dt_ms: step, 0.001 to 5 ms. The upstroke lasts about a millisecond: to interpolate linearly
            within it, use 0.05 ms or less.

    Returns:
        time [time] ms, from just before the beat until the cell is at rest; v_m [time] mV, which
        starts and ends at the resting potential.

    Raises:
        BadInput: dt_ms out of range.
    """
    time = regular_times(dt_ms)
    return time, potential(time)


def regular_times(dt_ms: float) -> np.ndarray:
    """Times [time] ms in equal steps, with one at the upstroke, from before the beat until rest."""
    check.between("dt_ms", dt_ms, 0.001, 5, "milliseconds?")
    known = table()["time"]
    steps = np.arange(np.floor(known[0] / dt_ms), np.ceil(known[-1] / dt_ms) + 1)
    return steps * dt_ms
