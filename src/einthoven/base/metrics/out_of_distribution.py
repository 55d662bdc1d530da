"""Out-of-distribution check: whether a patient or an ECG resembles those of the training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from scipy.special import fdtri, gammaincinv, stdtrit

from einthoven.base.metrics.predicted_error import SD, ErrorModel, PredictedError

type Features = Any
"""Array of NumPy or tensor of torch, which this room does not import."""

LEVEL = 0.99
"""Share of further draws of the training's distribution whose distance is below the limit."""
SD_FACTOR = 2.0
"""Limit of the ensemble SD, as a multiple of the mean over validation patients."""


@dataclass(frozen=True)
class OutOfDistributionCheck:
    """Measures of a patient and the limits beyond which a prediction is unreliable.

    For a code: `code_sd`, Mahalanobis distance from the training codes; `misfit_{surface}_mm`,
    error of the decoded distances near that surface. For a heart seen by an operator: `points_sd`
    and `heart_sd`, distances of its points and of their means from those of the training. For both:
    `sd_deg`, mean ensemble SD in the heart. For an ECG: `ecg_sd`, distance of its principal
    components; `ecg_residual_percent`, share of its norm outside of them.
    """

    values: dict[str, float]
    limits: dict[str, float]
    expected: PredictedError | None = None
    """Error to expect of the prediction, degrees; None if no bodies with known errors tell it."""
    reasons: list[str] = field(init=False)
    """Measures that exceed their limit, in words; empty for a patient in distribution."""

    def __post_init__(self) -> None:
        beyond = [key for key, value in self.values.items() if not value <= self.limits[key]]
        words = [f"{k} {self.values[k]:.1f} (limit {self.limits[k]:.1f})" for k in beyond]
        object.__setattr__(self, "reasons", words)

    @property
    def in_distribution(self) -> bool:
        """Whether no measure exceeds its limit."""
        return not self.reasons

    def with_sd(self, sd_deg: float, validation_deg: float) -> Self:
        """The check extended by the mean SD of an ensemble, relative to validation patients."""
        limits = self.limits | {SD: SD_FACTOR * validation_deg}
        return type(self)(self.values | {SD: sd_deg}, limits)

    def with_error(self, sd_deg: float, model: ErrorModel) -> Self:
        """The check extended by the SD and the error to expect.

        The limits are then those of the bodies whose errors the model knows: beyond them the stated
        error is not founded.
        """
        limits = {key: model.limits.get(key, limit) for key, limit in self.limits.items()}
        values = self.values | {SD: sd_deg}
        return type(self)(values, limits | {SD: model.limits[SD]}, model.at(sd_deg))

    def to_json(self) -> dict[str, Any]:
        """The entry of metrics.json and of the attributes of code files."""
        found = {"in_distribution": self.in_distribution, "reasons": self.reasons,
                 "values": self.values, "limits": self.limits}  # fmt: skip
        expected = {} if self.expected is None else {"expected": self.expected._asdict()}
        return found | expected

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        expected = PredictedError(**found["expected"]) if "expected" in found else None
        return cls(dict(found["values"]), dict(found["limits"]), expected)


@dataclass(frozen=True, eq=False)
class FeatureDistribution:
    """Normal distribution of features over the training."""

    mean: Features
    """[feature]."""
    whitening: Features
    """[feature, component], to components of unit variance."""
    limit: float = float("nan")
    """Distance that further draws of the distribution seldom exceed; NaN if unknown."""

    @classmethod
    def of_covariance(cls, mean: np.ndarray, covariance: np.ndarray) -> Self:
        """The distribution of mean [feature] and covariance [feature, feature]."""
        return cls(mean, np.linalg.inv(np.linalg.cholesky(covariance)).T)

    def scores(self, features: Features) -> Features:
        """Whitened residuals [..., component] of features [..., feature]."""
        return (features - self.mean) @ self.whitening

    def distance(self, features: Features) -> float:
        """Root mean square of all scores: Mahalanobis distance over the root of their number.

        It is about 1 for a draw of the distribution.
        """
        return float((self.scores(features) ** 2).mean() ** 0.5)


def hotelling_limit(n_features: int, n_train: int) -> float:
    """Mahalanobis distance that a share LEVEL of new draws of the distribution does not exceed.

    For a known mean and covariance its square follows chi-square. They are estimated from n draws
    of d features, so it follows Hotelling's d (n^2 - 1) / (n (n - d)) times F(d, n - d), which
    tends to chi-square. If there are no more draws than features, the covariance is uninformative,
    and the narrower chi-square limit puts every new draw out of distribution.
    """
    d, n = n_features, n_train
    if n <= d:
        return float(np.sqrt(2 * gammaincinv(d / 2, LEVEL)))
    return float(np.sqrt(d * (n * n - 1) / (n * (n - d)) * fdtri(d, n - d, LEVEL)))


def prediction_limit(distances: np.ndarray) -> float:
    """Value that a further draw of positive numbers [any] exceeds with probability 1 - LEVEL.

    It is Student's prediction interval of their logarithms; for fewer than two, NaN, so that
    nothing is below it.
    """
    n = len(distances)
    if n < 2:
        return float("nan")
    logs = np.log(distances)
    spread = logs.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(np.exp(logs.mean() + stdtrit(n - 1, LEVEL) * spread))
