"""Features of a recorded beat, by which recordings of people are compared with each other.

`beat_shape` says of the whole beat how it looks, for a comparison with healthy people's.
`conduction_shape` says of the QRS alone what tells bundle branch blocks: how long it lasts, and
where V1, I and V6 point at its start, in its middle and at its end (Surawicz 2009,
doi:10.1161/CIRCULATIONAHA.108.191095).
"""

import numpy as np

from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.physics.ecg.delineation.delineate import Delineation

QRS_PARTS, ST_T_PARTS = 4, 4
SAMPLES = 12
"""Samples whose mean is that of a part."""
ST_T_MS, USUAL_CYCLE_MS = 340.0, 1000.0
"""Time from the QRS onset to the end of a usual T wave, less the QRS, at a usual cycle length."""
J_MS = 20.0
CYCLES_MS = (400.0, 1500.0)
"""Range of the cycle length in which the T wave's end follows its square root (Bazett)."""
DURATION_SCALE_MS = 20.0
"""QRS duration that counts as much as an amplitude of 1 mV before features are standardised."""
BLOCK_LEADS = ("I", "V1", "V6")
BLOCK_PARTS = ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0))
"""Start, middle and end of the QRS, as shares of its duration."""
CONDUCTION_FEATURES = (
    "qrs_ms",
    *(f"{part}_{lead.lower()}" for lead in BLOCK_LEADS for part in ("start", "middle", "end")),
    "axis_cos",
    "axis_sin",
)
"""Names of `conduction_shape`."""
LEAST_MV = 0.02
"""A QRS below this counts as flat in that lead."""


def beat_shape(
    ecg: np.ndarray, time: np.ndarray, found: Delineation, rr_ms: float | None
) -> np.ndarray:
    """[65] features: means of eight leads in four parts of QRS and ST-T, and the QRS duration.

    Means, in mV, are replaced by their signed square roots, which are nearer to normal. The parts
    of the T wave end at a time that follows the cycle length by Bazett's formula.

    Args:
        ecg: [12, time] mV, zero at the baseline. time: [time] ms from the QRS onset.
        found: delineation of the beat. rr_ms: cycle length; None: the usual one.
    """
    qrs = found.qrs_ms
    cycle = float(np.clip(rr_ms or USUAL_CYCLE_MS, *CYCLES_MS))
    end = qrs - J_MS + ST_T_MS * np.sqrt(cycle / USUAL_CYCLE_MS)
    edges = [*np.linspace(0.0, qrs, QRS_PARTS + 1), *np.linspace(qrs, end, ST_T_PARTS + 1)[1:]]
    means = np.array([
        _mean(ecg[INDEPENDENT_ROWS], time, (low, high)) for low, high in zip(edges, edges[1:])
    ])  # fmt: skip
    roots = np.sign(means) * np.sqrt(np.abs(means))
    return np.append(roots.ravel(), qrs / DURATION_SCALE_MS)


def conduction_shape(ecg: np.ndarray, time: np.ndarray, found: Delineation) -> np.ndarray:
    """[12] features in the order of `CONDUCTION_FEATURES`.

    Means of a lead are shares of its largest deflection in the QRS, so that neither the size of
    the heart nor the fat of the chest matters.

    Args:
        ecg: [12, time] mV, zero at the baseline. time: [time] ms from the QRS onset.
        found: delineation of the beat.
    """
    qrs = found.qrs_ms
    rows = np.array([LEADS.index(lead) for lead in BLOCK_LEADS])
    inside = (time >= 0) & (time <= qrs)
    largest = np.maximum(np.abs(ecg[rows][:, inside]).max(axis=1), LEAST_MV)
    means = [_mean(ecg[rows], time, (a * qrs, b * qrs)) / largest for a, b in BLOCK_PARTS]
    axis = np.radians(found.qrs_axis_deg)
    ends = [np.cos(axis), np.sin(axis)] if np.isfinite(axis) else [0.0, 0.0]
    return np.array([qrs, *np.array(means).T.ravel(), *ends])


def _mean(rows: np.ndarray, time: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Mean [row] mV of rows [row, time] over a span of ms from the QRS onset."""
    times = np.linspace(*span, SAMPLES)
    return np.array([np.interp(times, time, row).mean() for row in rows])
