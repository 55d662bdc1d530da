"""Stated uncertainty against true errors: calibration on validation patients, then the judgement.

Let s be the angular standard deviation that an ensemble of M networks states, per axis across
the field. If truth and networks are draws of one normal distribution, (angle / s)^2 / 2 follows
Fisher's F(2, 2(M - 1)), whose quantiles have a closed form. Errors that all networks share are
not in their spread; one factor on s, such that half the validation errors lie within the stated
median, makes up for them on average.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

from einthoven.core.errors import BadInput
from einthoven.metrics.fields import angular_error_deg

if TYPE_CHECKING:  # torch takes seconds to import, which the judgement need not pay
    from einthoven.surrogate.ensemble import Surrogate
    from einthoven.surrogate.patients import Sample

SHARES = (0.5, 0.9)
N_BINS = 10
"""Points are put in so many equal groups by their stated uncertainty."""


def bound_ratio(share: float, n_members: int) -> float:
    """Angle below which a share of the errors is stated to lie, over the stated deviation.

    Raises:
        BadInput: fewer than two networks state nothing.
    """
    if n_members < 2:
        raise BadInput(f"n_members = {n_members}: one network has no spread; learning.ensemble?")
    degrees = n_members - 1
    return float(np.sqrt(2 * degrees * ((1 - share) ** (-1 / degrees) - 1)))


def calibrate(surrogate: "Surrogate", samples: "Iterable[Sample]") -> dict[str, Any]:
    """The factor on the spread, from the heart points of validation patients.

    Args:
        surrogate: two or more networks; its own factor is not used.
        samples: validation patients.

    Returns:
        n_members, factor, n_patients, n_points, the mean calibrated `spread_deg` and
        `within_50`, `within_90` on these very patients.

    Raises:
        BadInput: no patient, or one network only.
    """
    plain = replace(surrogate, factor=1.0)
    n_members = len(surrogate.networks)
    errors, spreads = [], []
    for sample in samples:
        mean, spread = plain.predict(sample.inputs.at(sample.heart))
        if spread is None:
            raise BadInput("calibrate: one network has no spread; learning.ensemble?")
        errors.append(angular_error_deg(mean, sample.grad[:, sample.heart].numpy()).ravel())
        spreads.append(spread.ravel())
    if not errors:
        raise BadInput("calibrate: no validation patients")
    error, spread = np.concatenate(errors), np.concatenate(spreads)
    factor = float(np.median(error / np.maximum(spread, 1e-6))) / bound_ratio(0.5, n_members)
    return {
        "n_members": n_members,
        "factor": factor,
        "n_patients": len(errors),
        "n_points": len(error),
        **judgement(error, factor * spread, n_members),
    }


def judgement(error: np.ndarray, spread: np.ndarray, n_members: int) -> dict[str, float]:
    """How well a stated spread tells the errors, both [any] in degrees.

    Returns:
        mean `spread_deg`, shares `within_50` and `within_90` of errors below the stated bounds,
        Spearman's `spread_rank_correlation` of error and spread.
    """
    found = {"spread_deg": float(spread.mean())}
    for share in SHARES:
        within = error <= bound_ratio(share, n_members) * spread
        found[f"within_{100 * share:.0f}"] = float(within.mean())
    found["spread_rank_correlation"] = float(spearmanr(error, spread, axis=None).statistic)
    return found


def reliability(error: np.ndarray, spread: np.ndarray, n_members: int) -> np.ndarray:
    """Median error against the stated median, in groups of equal size by the stated one.

    Args:
        error: [any] degrees.
        spread: [any] degrees.
        n_members: of the ensemble.

    Returns:
        [2, N_BINS] degrees: stated, measured.
    """
    error, spread = error.ravel(), spread.ravel()
    groups = np.array_split(np.argsort(spread, kind="stable"), N_BINS)
    stated = [bound_ratio(0.5, n_members) * np.median(spread[group]) for group in groups]
    return np.array([stated, [np.median(error[group]) for group in groups]])
