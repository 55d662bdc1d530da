"""Out-of-distribution check of a heart: distances of its features from those of the training.

Features of points (position, distances and directions to walls, fibre) and of the heart (their
means over its volume, and ratios of conductivities) each have a mean and a covariance over the
training patients. The distance of a patient is that of `FeatureDistribution` over points and
features. Cross-validated distances (five folds) of the training patients give the limit that a
share LEVEL of further patients does not exceed, if the logarithms of distances are normal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.out_of_distribution import (
    FeatureDistribution,
    OutOfDistributionCheck,
    prediction_limit,
)
from einthoven.learning.surrogate.operator.inputs import N_OF_PATIENT, N_OF_POINT, OperatorInputs

FOLDS = 5
LEAST_SD = 0.02
"""Added to the covariance for features that hardly vary among the training patients."""
KINDS = ("points", "heart")
"""Distances are called `points_sd` and `heart_sd`."""


def distribution_of(patients: Sequence[Tensor]) -> FeatureDistribution:
    """Fit to features [row, feature] of each training patient, with the limit by folds."""
    distances = []
    for k in range(FOLDS if len(patients) >= FOLDS else 0):
        others = [features for i, features in enumerate(patients) if i % FOLDS != k]
        fitted = _fitted(others)
        distances += [fitted.distance(features) for features in patients[k::FOLDS]]
    return replace(_fitted(patients), limit=prediction_limit(np.array(distances)))


def _fitted(patients: Sequence[Tensor]) -> FeatureDistribution:
    """Mean and whitening alone, in single precision."""
    rows = torch.cat(list(patients)).double().numpy()
    mean = rows.mean(axis=0)
    residual = rows - mean
    covariance = residual.T @ residual / len(rows) + LEAST_SD**2 * np.eye(rows.shape[1])
    fitted = FeatureDistribution.of_covariance(mean, covariance)
    return FeatureDistribution(*(torch.tensor(np.float32(x)) for x in (mean, fitted.whitening)))


@dataclass(frozen=True, eq=False)
class TrainingDistribution:
    """The training's distributions of point and heart features."""

    points: FeatureDistribution
    heart: FeatureDistribution

    @classmethod
    def of(cls, train: Sequence[OperatorInputs]) -> Self:
        """Fit; with fewer than FOLDS patients there is no limit, and nobody is in distribution."""
        return cls(distribution_of([_of_points(inputs) for inputs in train]),
                   distribution_of([_of_heart(inputs) for inputs in train]))  # fmt: skip

    def check(self, inputs: OperatorInputs) -> OutOfDistributionCheck:
        """`points_sd` and `heart_sd` of a patient, and their limits."""
        values = {
            "points_sd": self.points.distance(_of_points(inputs)),
            "heart_sd": self.heart.distance(_of_heart(inputs)),
        }
        limits = {f"{kind}_sd": getattr(self, kind).limit for kind in KINDS}
        return OutOfDistributionCheck(values, limits)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors `points.mean` and so on, for the model's file."""
        return {
            f"{kind}.{name}": torch.as_tensor(value, dtype=torch.float32)
            for kind in KINDS
            for name, value in vars(getattr(self, kind)).items()
        }

    @classmethod
    def from_state_dict(cls, tensors: Mapping[str, Tensor], path: str | Path) -> Self:
        """Inverse of `state_dict`.

        Raises:
            BadInput: an entry is missing.
        """
        try:
            found = [
                FeatureDistribution(
                    tensors[f"{kind}.mean"],
                    tensors[f"{kind}.whitening"],
                    float(tensors[f"{kind}.limit"]),
                )
                for kind in KINDS
            ]
        except KeyError as error:
            raise BadInput(
                f"{path}: has no tensor {error}; from another version? train again"
            ) from error
        return cls(*found)


def _of_points(inputs: OperatorInputs) -> Tensor:
    return inputs.local[:, :N_OF_POINT]


def _of_heart(inputs: OperatorInputs) -> Tensor:
    return (inputs.share @ inputs.local[:, :N_OF_PATIENT])[None]
