"""Limit of an ECG's residual by its consequence: what it costs the map, for `ship_imaging.py`.

The residual is what no component of the training's ECGs has. To beats of hearts outside the
training, whose true maps are known, residuals of healthy people or of other such hearts are added
in rising size. The limit is where the stated intervals cover too little of the truth.
"""

from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.imaging.model.ecg_distribution import LENGTH_MS, STEP_MS, EcgDistribution
from einthoven.imaging.model.imaged_ecg import LEVEL
from einthoven.imaging.model.imaging_model import ImagingModel, onset_ms
from einthoven.imaging.model.predictors import PlacedBeat
from einthoven.physics.ecg.leads import all_leads

ADDED_PERCENT = (0.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)
"""Norm of the added residual, of that of the ECG."""
LEAST_COVERAGE = 0.85
"""Least share of true times within the intervals of 90 % that is still acceptable."""
N_LEADS = 8


def outside(distribution: EcgDistribution, beats: np.ndarray) -> np.ndarray:
    """Parts of beats [beat, 12, time] mV from the onset that no component has: [beat, 8, time]."""
    found = np.array([distribution.outside(beat) for beat in beats])
    steps = found.reshape(len(beats), N_LEADS, -1)
    middle = STEP_MS * np.arange(steps.shape[-1]) + 0.5 * (STEP_MS - 1)
    time = np.arange(float(LENGTH_MS))
    return np.array([[np.interp(time, middle, lead) for lead in beat] for beat in steps])


def consequences(
    model: ImagingModel,
    beats: np.ndarray,
    placed: np.ndarray,
    truth: np.ndarray,
    strange: np.ndarray,
) -> list[dict[str, float]]:
    """What residuals of rising size cost the map.

    Args:
        model: with the network that is tested. beats: [beat, 12, time] mV from the QRS onset.
        placed: [beat, 12, 500] mV as the network takes them. truth: [beat, 75] ms.
        strange: [beat, 8, time] mV, what is added to each, in any size.

    Returns:
        For each of `ADDED_PERCENT`: residual_percent (median), at_error_ms, coverage_90.
    """
    size = np.linalg.norm(beats[:, :, :LENGTH_MS], axis=(1, 2))
    strange = all_leads(strange.astype(np.float32))
    strange /= np.linalg.norm(strange, axis=(1, 2))[:, None, None]
    rows = []
    for percent in ADDED_PERCENT:
        more = (0.01 * percent * size)[:, None, None] * strange
        found = [_changed(model, *beat) for beat in zip(beats, placed, truth, more)]
        residual, error, inside = np.array(found).T
        means = {"at_error_ms": float(error.mean()), "coverage_90": float(inside.mean())}
        rows.append({"residual_percent": float(np.median(residual)), **means})
    return rows


def _changed(
    model: ImagingModel, beat: np.ndarray, ecg: np.ndarray, truth: np.ndarray, more: np.ndarray
) -> tuple[float, float, float]:
    """Residual, percent, mean error, ms, and covered share of a beat with `more` added to it."""
    start = round(onset_ms(model.card["forward"], model.ecg_distribution, beat))
    beat, ecg = beat.copy(), ecg.copy()
    beat[:, :LENGTH_MS] += more
    ecg[:, start : start + LENGTH_MS] += more[:, : ecg.shape[-1] - start]
    drawn = model.predictor.draw(PlacedBeat(ecg, beat, model.measures_row(None), 0.0))
    ends = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    low, middle, high = np.quantile(drawn.activation_time, ends, axis=0)
    residual = model.ecg_distribution.values(beat)["ecg_residual_percent"]
    inside = (low <= truth) & (truth <= high)
    return residual, float(np.abs(middle - truth).mean()), float(inside.mean())


def limit_of(rows: list[dict[str, Any]]) -> float:
    """The residual, percent, from which on coverage is below `LEAST_COVERAGE`; linear between.

    Raises:
        BadInput: it is below without anything added.
    """
    for before, after in zip(rows, rows[1:]):
        if before["coverage_90"] < LEAST_COVERAGE:
            break
        if after["coverage_90"] < LEAST_COVERAGE:
            fall = before["coverage_90"] - after["coverage_90"]
            share = (before["coverage_90"] - LEAST_COVERAGE) / fall
            step = after["residual_percent"] - before["residual_percent"]
            return float(before["residual_percent"] + share * step)
    else:
        return float(rows[-1]["residual_percent"])
    raise BadInput(f"intervals of 90 % cover {rows[0]['coverage_90']:.0%} of the true times of "
                   "hearts outside the training; train on more hearts")  # fmt: skip
