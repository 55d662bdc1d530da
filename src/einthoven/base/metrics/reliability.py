"""Calibration: predicted uncertainty against true errors (deep ensembles, Lakshminarayanan 2017).

Let s be the angular standard deviation that an ensemble of M networks predicts, per axis across the
field. If truth and networks are draws of one normal distribution, (angle / s)^2 / 2 follows
Fisher's F(2, 2(M - 1)), whose quantiles have a closed form. The SD does not contain errors that all
networks share. One factor on s, chosen so that half the validation errors lie within the predicted
median, corrects for them on average.
"""

import numpy as np
from scipy.stats import norm, spearmanr, t

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

LEVELS = (0.5, 0.9)
"""Nominal coverages that are compared with measured ones."""
N_BINS = 10
"""Groups of equal size by predicted uncertainty."""


def _degrees_of_freedom(n_members: int) -> int:
    if n_members < 2:
        raise BadInput(f"n_members = {n_members}: one network has no SD; check learning.ensemble")
    return n_members - 1


def bound_ratio(level: float, n_members: int) -> float:
    """Angle below which a share `level` of the errors should lie, over the predicted SD.

    Raises:
        BadInput: fewer than two networks, which have no SD.
    """
    degrees = _degrees_of_freedom(n_members)
    return float(np.sqrt(2 * degrees * ((1 - level) ** (-1 / degrees) - 1)))


def normal_bound_ratio(level: float, n_members: int) -> float:
    """Half the central interval with a share `level` of one number, over its ensemble SD.

    Student's t, because the SD is estimated from the members; errors as of `bound_ratio`.
    """
    return float(t.ppf(0.5 + level / 2, _degrees_of_freedom(n_members)))


def calibration_factor(error: np.ndarray, sd: np.ndarray, n_members: int) -> float:
    """Factor on an ensemble's SD so that half the errors lie in its median; [any] degrees."""
    return float(np.median(error / np.maximum(sd, 1e-6))) / bound_ratio(0.5, n_members)


def calibration_metrics(error: np.ndarray, sd: np.ndarray, n_members: int) -> dict[str, float]:
    """Calibration metrics of a predicted SD, both [any] in degrees.

    Returns:
        mean `sd_deg`, `coverage_50` and `coverage_90`: shares of errors below the predicted bounds,
        Spearman's `sd_rank_correlation` of error and SD.
    """
    found = {"sd_deg": float(sd.mean())}
    for level in LEVELS:
        covered = error <= bound_ratio(level, n_members) * sd
        found[f"coverage_{100 * level:.0f}"] = float(covered.mean())
    found["sd_rank_correlation"] = float(spearmanr(error, sd, axis=None).statistic)
    return found


def reliability(error: np.ndarray, sd: np.ndarray, n_members: int) -> np.ndarray:
    """Predicted and measured median error, in groups of equal size by the predicted SD.

    Errors and SDs are [any] in degrees, the medians [2, N_BINS].
    """
    error, sd = error.ravel(), sd.ravel()
    groups = np.array_split(np.argsort(sd, kind="stable"), N_BINS)
    stated = [bound_ratio(0.5, n_members) * np.median(sd[group]) for group in groups]
    return np.array([stated, [np.median(error[group]) for group in groups]])


def gaussian_coverage(
    predicted: np.ndarray, sd: np.ndarray, reference: np.ndarray, level: float
) -> float:
    """Share of true values inside the central interval of N(predicted, sd^2) of a nominal level.

    Level 0.9 is the interval from the 5th to the 95th percentile; arrays are in the same unit.

    Raises:
        BadInput: shapes differ, NaN, a negative SD, or a level outside 0 to 1.
    """
    reference = check.finite("reference", reference)
    predicted = check.finite("predicted", check.shape("predicted", predicted, reference.shape))
    sd = check.finite("sd", check.shape("sd", sd, reference.shape))
    check.between("level", level, 0.0, 1.0)
    if np.any(sd < 0):
        raise BadInput(f"sd: {int((sd < 0).sum())} values are negative; variances or logarithms?")
    half_width = float(norm.ppf(0.5 + level / 2)) * sd
    return float((np.abs(predicted - reference) <= half_width).mean())
