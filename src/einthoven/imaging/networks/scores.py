"""Errors of predicted activation, duration and transmembrane potential, as in Landajuela 2022."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from einthoven.imaging.networks.calibration import rank_shares, sbc_ranks
from einthoven.imaging.networks.imaging_network import MapPrediction


@dataclass(frozen=True)
class MapScores:
    """Means over recording points and beats, and the mean over points of the SD over beats.

    Landajuela 2022 (section 3) states "an error of 1.66 ms over all 75 recording points in the
    validation set with a mean standard deviation of 1.49 ms" without a definition. Here the error
    is absolute, and its SD over the beats is averaged over the points. None: the network does not
    predict the quantity.
    """

    n_beats: int
    """Number of beats."""
    at_error_ms: float
    at_error_sd_ms: float
    """Error of the activation time, and its SD."""
    vm_pearson: float | None = None
    vm_pearson_sd: float | None = None
    """Correlation over the 500 samples of V_m."""
    apd_error_ms: float | None = None
    apd_error_sd_ms: float | None = None
    """Error of APD90, and its SD, if both traces repolarise in time."""
    apd_share: float | None = None
    """Share of the points and beats with both."""
    coverage_90: float | None = None
    """Share of the points and beats whose activation lies in the central 90 % interval of the
    draws."""
    interval_90_ms: float | None = None
    """Mean width of that interval, ms."""
    sbc_off_percent: float | None = None
    """Largest deviation of 20 bins of the truth's ranks among the draws from 5 %, percentage
    points."""

    def to_json(self) -> dict[str, Any]:
        """Numbers by name."""
        return dict(vars(self))


def scores(found: MapPrediction, truth: MapPrediction) -> MapScores:
    """Errors of predictions, for the quantities that both have."""
    return Errors.of(found, truth).scores()


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of each beat and point, without V_m and draws, which would take gigabytes."""

    values: dict[str, np.ndarray]
    """Name -> [beat, point] of predicted quantities: `time` and `apd` are absolute errors in ms,
    `pearson` the correlation of V_m; from draws: `inside` the 90 % interval, its `width` in ms, and
    the `rank` of the truth."""
    n_draws: int = 0
    """Number of draws of each beat; 0: none."""

    @classmethod
    def of(cls, found: MapPrediction, truth: MapPrediction) -> Self:
        """Errors of some beats."""
        values = {"time": np.abs(found.activation_time - truth.activation_time)}
        if found.apd90 is not None and truth.apd90 is not None:
            values["apd"] = np.abs(found.apd90 - truth.apd90)
        if found.v_m is not None and truth.v_m is not None:
            pairs = zip(found.v_m, truth.v_m, strict=True)  # all at once would take gigabytes
            values["pearson"] = np.stack([pearson(ours, true) for ours, true in pairs])
        if found.samples is None:
            return cls(values)
        times = truth.activation_time
        low, high = np.array([np.quantile(one, (0.05, 0.95), axis=0) for one in found.samples]
                             ).swapaxes(0, 1)  # fmt: skip
        values |= {"inside": (low <= times) & (times <= high), "width": high - low,
                   "rank": sbc_ranks(found.samples, times)}  # fmt: skip
        return cls(values, found.samples.shape[1])

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Errors of several batches of one network, at least one."""
        batches = list(parts)
        names = batches[0].values
        values = {name: np.concatenate([batch.values[name] for batch in batches]) for name in names}
        return cls(values, batches[0].n_draws)

    def scores(self) -> MapScores:
        """Means over beats and points."""
        values = self.values
        numbers: dict[str, Any] = {}
        for key, name in (("at_error", "time"), ("vm_pearson", "pearson"), ("apd_error", "apd")):
            if name in values and np.isfinite(values[name]).any():
                keys = (key, f"{key}_sd") if name == "pearson" else (f"{key}_ms", f"{key}_sd_ms")
                numbers |= dict(zip(keys, _mean_and_sd(values[name]), strict=True))
        if "apd" in values:
            numbers["apd_share"] = float(np.isfinite(values["apd"]).mean())
        if self.n_draws:
            share = rank_shares(values["rank"].ravel(), self.n_draws)
            numbers |= {
                "coverage_90": float(values["inside"].mean()),
                "interval_90_ms": float(values["width"].mean()),
                "sbc_off_percent": float(100 * np.abs(share - 1 / len(share)).max()),
            }
        return MapScores(len(values["time"]), **numbers)

    def by_pattern(self, pattern: np.ndarray) -> dict[str, float]:
        """Pattern of activation -> mean error, ms, of the times of its beats, of names [beat]."""
        error = self.values["time"].mean(axis=1)
        return {str(name): float(error[pattern == name].mean()) for name in np.unique(pattern)}


def pearson(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation along the last axis; 0 where one of the two does not vary."""
    first, second = (x - x.mean(axis=-1, keepdims=True) for x in (first, second))
    scale = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return (first * second).sum(axis=-1) / np.where(scale > 0, scale, np.inf)


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    """Mean over [beat, point], and SD over beats averaged over points, without NaN."""
    values = values[:, np.isfinite(values).any(axis=0)]
    return float(np.nanmean(values)), float(np.nanstd(values, axis=0).mean())
