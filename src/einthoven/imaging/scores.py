"""Errors of predicted activation, duration and transmembrane potential, as in Landajuela 2022."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.imaging.calibration import coverage, rank_shares, sbc_ranks
from einthoven.imaging.network import Prediction


@dataclass(frozen=True)
class Scores:
    """Means over recording points and beats, and the mean over points of the SD over beats.

    The paper (section 3) states "an error of 1.66 ms over all 75 recording points in the
    validation set with a mean standard deviation of 1.49 ms" and does not define it; here the
    error is absolute, and its SD over the beats is taken at each point and then averaged. None:
    the network does not predict it.

    Attributes:
        n_beats: that were compared.
        at_error_ms, at_error_sd_ms: of the activation time.
        vm_pearson, vm_pearson_sd: correlation over the 500 samples of V_m.
        apd_error_ms, apd_error_sd_ms: of APD90, where the true trace is repolarised in time.
        apd_share: share of the points and beats for which that is so in both.
        coverage_90: share of the points and beats whose activation lies in the central 90 %
            interval of the draws. interval_90_ms: its mean width.
        sbc_off_percent: of the ranks of the truth among the draws, all points together, in 20 bins
            of 5 %: by how much the worst bin is off, percentage points.
    """

    n_beats: int
    at_error_ms: float
    at_error_sd_ms: float
    vm_pearson: float | None = None
    vm_pearson_sd: float | None = None
    apd_error_ms: float | None = None
    apd_error_sd_ms: float | None = None
    apd_share: float | None = None
    coverage_90: float | None = None
    interval_90_ms: float | None = None
    sbc_off_percent: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Numbers by name."""
        return dict(vars(self))


def scores(found: Prediction, truth: Prediction) -> Scores:
    """Compare predictions with the truth; both tell times, and V_m and durations where they do."""
    time = np.abs(found.activation_time - truth.activation_time)
    numbers: dict[str, Any] = dict(
        zip(("at_error_ms", "at_error_sd_ms"), _mean_and_sd(time), strict=True)
    )
    if found.apd90 is not None and truth.apd90 is not None:
        error = np.abs(found.apd90 - truth.apd90)
        numbers["apd_share"] = float(np.isfinite(error).mean())
        if numbers["apd_share"]:
            numbers["apd_error_ms"], numbers["apd_error_sd_ms"] = _mean_and_sd(error)
    if found.v_m is not None and truth.v_m is not None:
        pairs = zip(found.v_m, truth.v_m, strict=True)  # by beat: all at once is gigabytes
        correlation = np.stack([pearson(ours, true) for ours, true in pairs])
        numbers["vm_pearson"], numbers["vm_pearson_sd"] = _mean_and_sd(correlation)
    if found.samples is not None:
        numbers |= _uncertainty(found.samples, truth.activation_time)
    return Scores(len(time), **numbers)


def error_by_pattern(found: Prediction, truth: Prediction, pattern: np.ndarray) -> dict[str, float]:
    """Pattern of activation -> mean absolute error of its beats' activation times, ms.

    Args:
        pattern: [beat] names.
    """
    error = np.abs(found.activation_time - truth.activation_time).mean(axis=1)
    return {str(name): float(error[pattern == name].mean()) for name in np.unique(pattern)}


def _uncertainty(samples: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of draws [beat, draw, 75] ms and the truth [beat, 75] ms."""
    ends = np.array([np.quantile(one, (0.05, 0.95), axis=0) for one in samples]).swapaxes(0, 1)
    n_draws = samples.shape[1]
    share = rank_shares(sbc_ranks(samples, truth).ravel(), n_draws)
    return {
        "coverage_90": float(coverage(ends, truth).mean()),
        "interval_90_ms": float((ends[1] - ends[0]).mean()),
        "sbc_off_percent": float(100 * np.abs(share - 1 / len(share)).max()),
    }


def pearson(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation along the last axis; 0 where one of the two does not vary."""
    first, second = (x - x.mean(axis=-1, keepdims=True) for x in (first, second))
    scale = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return (first * second).sum(axis=-1) / np.where(scale > 0, scale, np.inf)


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    """Over [beat, point]: the mean, and the SD over beats averaged over points; without NaN.

    A point that no beat tells counts in neither.
    """
    told = np.isfinite(values).sum(axis=0) > 0
    values = values[:, told]
    return float(np.nanmean(values)), float(np.nanstd(values, axis=0).mean())
