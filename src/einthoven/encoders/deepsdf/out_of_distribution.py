"""Whether an anatomy is like those that the models were trained on: a verdict with its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as fisher

from einthoven.core.files import read_json
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder

LEVEL = 0.99
"""Share of new training-like codes whose distance is below the limit, if codes are normal."""
MISFIT_FACTOR, SPREAD_FACTOR = 2.0, 2.0
"""Limits of misfit and spread, in means over validation patients."""
VALIDATION_FILE = "validation.json"


@dataclass(frozen=True)
class Novelty:
    """Measures of strangeness and the limits beyond which a prediction is not to be believed.

    `code_sd`: Mahalanobis distance of the code from the training codes; `misfit_{surface}_mm`:
    error of the decoded distances near that surface; `spread_deg`: mean uncertainty in the heart.
    """

    values: dict[str, float]
    limits: dict[str, float]
    reasons: list[str] = field(init=False)
    """What exceeds its limit, in words; empty for a familiar anatomy."""

    def __post_init__(self) -> None:
        beyond = [key for key, value in self.values.items() if not value <= self.limits[key]]
        words = [f"{k} {self.values[k]:.1f} (limit {self.limits[k]:.1f})" for k in beyond]
        object.__setattr__(self, "reasons", words)

    @property
    def familiar(self) -> bool:
        """Nothing exceeds its limit."""
        return not self.reasons

    def with_spread(self, spread_deg: float, validation_deg: float) -> Self:
        """The verdict with the mean spread of an ensemble, held against validation patients."""
        return type(self)(
            self.values | {"spread_deg": spread_deg},
            self.limits | {"spread_deg": SPREAD_FACTOR * validation_deg},
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in metrics.json and in the attributes of code files."""
        return {"familiar": self.familiar, "reasons": self.reasons,
                "values": self.values, "limits": self.limits}  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        return cls(dict(found["values"]), dict(found["limits"]))


def novelty(
    encoder: DeepSdfEncoder,
    folder: str | Path,
    latent: np.ndarray,
    misfit_mm: Mapping[str, float],
) -> Novelty:
    """Hold a code and its misfit against the patients of the encoder's training.

    Args:
        encoder: with the codes of its cohort.
        folder: of the encoder; its validation.json tells the misfit of validation patients.
        latent: [latent] inferred code.
        misfit_mm: surface -> mean error of the decoded distances near it.

    Raises:
        BadInput: the folder has no validation.json.
    """
    n_train = encoder.prior.n_codes or len(encoder.latents.rows("train"))
    values = {"code_sd": code_distance(encoder, latent)}
    limits = {"code_sd": distance_limit(encoder.n_latent, n_train)}
    usual = read_json(Path(folder) / VALIDATION_FILE)["near_surface_mm"]
    for surface, error in misfit_mm.items():
        values[f"misfit_{surface}_mm"] = float(error)
        limits[f"misfit_{surface}_mm"] = MISFIT_FACTOR * usual[surface]
    return Novelty(values, limits)


def code_distance(encoder: DeepSdfEncoder, latent: np.ndarray) -> float:
    """Mahalanobis distance from the training codes, in standard deviations."""
    away = np.asarray(latent, dtype=np.float64) - encoder.prior.mean
    return float(np.sqrt(away @ np.linalg.solve(encoder.prior.covariance, away)))


def distance_limit(n_latent: int, n_train: int) -> float:
    """Distance that a share LEVEL of new codes of the training's distribution does not exceed.

    The square follows chi-square if mean and covariance are known. They are estimated from few
    codes, so it is Hotelling's: d (n^2 - 1) / (n (n - d)) times F(d, n - d), which tends to
    chi-square. With no more codes than numbers in a code the covariance says nothing, and the
    narrower chi-square limit finds every new code strange.
    """
    d, n = n_latent, n_train
    if n <= d:
        return float(np.sqrt(chi2.ppf(LEVEL, d)))
    return float(np.sqrt(d * (n * n - 1) / (n * (n - d)) * fisher.ppf(LEVEL, d, n - d)))
