"""Out-of-distribution check of a heart: distances of its features from those of the training.

Features of points (position, distances and directions to walls, fibre) and of the heart (their
means over its volume, and ratios of conductivities) each have a mean and a covariance over the
training patients. The distance of a patient is the root mean square, over points and features, of
the whitened residual: about one for a patient of the training. Cross-validated distances (five
folds) of the training patients give the limit that a share LEVEL of further patients will not
exceed, if the logarithms of distances are normal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.learning.surrogate.operator.inputs import N_OF_PATIENT, N_OF_POINT, OperatorInputs

LEVEL, FOLDS = 0.99, 5
LEAST_SD = 0.02
"""Added to the covariance for features that hardly vary among the training patients."""
KINDS = ("points", "heart")
"""Distances are called `points_sd` and `heart_sd`."""


@dataclass(frozen=True, eq=False)
class Normal:
    """Mean and covariance of features.

    Args:
        mean: [feature].
        whitening: [feature, feature], to residuals of unit covariance.
        limit: distance that new patients of the training's distribution seldom exceed.
    """

    mean: Tensor
    whitening: Tensor
    limit: Tensor

    @classmethod
    def of(cls, patients: Sequence[Tensor]) -> Self:
        """Fit to features [row, feature] of each training patient, and the limit by folds."""
        distances = []
        for k in range(FOLDS if len(patients) >= FOLDS else 0):
            others = [features for i, features in enumerate(patients) if i % FOLDS != k]
            fitted = cls.fitted(others)
            distances += [fitted.distance(features) for features in patients[k::FOLDS]]
        limit = upper_limit(np.array(distances))
        return replace(cls.fitted(patients), limit=torch.tensor(limit, dtype=torch.float32))

    @classmethod
    def fitted(cls, patients: Sequence[Tensor]) -> Self:
        """Mean and whitening alone."""
        rows = torch.cat(list(patients)).double()
        mean, n = rows.mean(dim=0), rows.shape[1]
        residual = rows - mean
        covariance = residual.T @ residual / len(rows) + LEAST_SD**2 * torch.eye(n)
        whitening = torch.linalg.inv(torch.linalg.cholesky(covariance)).T
        return cls(mean.float(), whitening.float(), torch.tensor(torch.nan))

    def distance(self, features: Tensor) -> float:
        """Distance of one patient's features [row, feature]."""
        return float(((features - self.mean) @ self.whitening).square().mean().sqrt())


def upper_limit(distances: np.ndarray) -> float:
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


@dataclass(frozen=True, eq=False)
class TrainingDistribution:
    """The training's distributions of point and heart features."""

    points: Normal
    heart: Normal

    @classmethod
    def of(cls, train: Sequence[OperatorInputs]) -> Self:
        """Fit; with fewer than FOLDS patients there is no limit, and nobody is in distribution."""
        return cls(Normal.of([_of_points(inputs) for inputs in train]),
                   Normal.of([_of_heart(inputs) for inputs in train]))  # fmt: skip

    def check(self, inputs: OperatorInputs) -> OutOfDistributionCheck:
        """`points_sd` and `heart_sd` of a patient, and their limits."""
        values = {
            "points_sd": self.points.distance(_of_points(inputs)),
            "heart_sd": self.heart.distance(_of_heart(inputs)),
        }
        limits = {f"{kind}_sd": float(getattr(self, kind).limit) for kind in KINDS}
        return OutOfDistributionCheck(values, limits)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors `points.mean` and so on, for the model's file."""
        return {f"{kind}.{name}": tensor for kind in KINDS
                for name, tensor in vars(getattr(self, kind)).items()}  # fmt: skip

    @classmethod
    def from_state_dict(cls, tensors: Mapping[str, Tensor], path: str | Path) -> Self:
        """Inverse of `state_dict`.

        Raises:
            BadInput: an entry is missing.
        """
        try:
            found = [Normal(*(tensors[f"{kind}.{name}"] for name in Normal.__annotations__))
                     for kind in KINDS]  # fmt: skip
        except KeyError as error:
            raise BadInput(
                f"{path}: has no tensor {error}; from another version? train again"
            ) from error
        return cls(*found)


def _of_points(inputs: OperatorInputs) -> Tensor:
    return inputs.local[:, :N_OF_POINT]


def _of_heart(inputs: OperatorInputs) -> Tensor:
    return (inputs.share @ inputs.local[:, :N_OF_PATIENT])[None]
