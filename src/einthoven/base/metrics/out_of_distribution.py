"""Out-of-distribution check: whether a patient resembles those of the training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SD_FACTOR = 2.0
"""Limit of the ensemble SD, as a multiple of the mean over validation patients."""


@dataclass(frozen=True)
class OutOfDistributionCheck:
    """Measures of a patient and the limits beyond which a prediction is unreliable.

    For a code: `code_sd`, Mahalanobis distance from the training codes; `misfit_{surface}_mm`,
    error of the decoded distances near that surface. For a heart seen by an operator: `points_sd`
    and `heart_sd`, distances of its points and of their means from those of the training. For both:
    `sd_deg`, mean ensemble SD in the heart.
    """

    values: dict[str, float]
    limits: dict[str, float]
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
        limits = self.limits | {"sd_deg": SD_FACTOR * validation_deg}
        return type(self)(self.values | {"sd_deg": sd_deg}, limits)

    def to_json(self) -> dict[str, Any]:
        """The entry of metrics.json and of the attributes of code files."""
        return {"in_distribution": self.in_distribution, "reasons": self.reasons,
                "values": self.values, "limits": self.limits}  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(dict(found["values"]), dict(found["limits"]))
