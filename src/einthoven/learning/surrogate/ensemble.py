"""A trained surrogate: one network, or an ensemble of networks that differ in their seed."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from einthoven.base.core.errors import BadInput
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.members import (
    UNCERTAINTY_FILE,
    angular_deviation_deg,
    member_files,
    read_calibration,
)
from einthoven.learning.surrogate.networks import load_network
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork
from einthoven.numerics.training.precision import autocast_only, perceptrons

MAX_POINTS = 8192
"""Largest number of points of a block; with a network's pairs it limits the memory."""


def blocks(pairs: int, n_electrodes: int, n_points: int) -> Iterator[slice]:
    """Slices of the points, each with at most `pairs` (point, electrode) pairs."""
    size = min(MAX_POINTS, max(1, pairs // n_electrodes))
    return (slice(start, start + size) for start in range(0, n_points, size))


def predict_gradient(network: LeadFieldNetwork, inputs: Inputs) -> np.ndarray:
    """Lead-field gradients of one patient: [electrode, point, 3] float32, kOhm/mm.

    Within `training.precision.bfloat16_layers` the layers of the network compute in bfloat16.
    """
    size = (len(inputs.electrodes), len(inputs.points))
    grad = torch.empty(*size, 3)
    with torch.inference_mode(), autocast_only(list(perceptrons(network)), "cpu"):
        for block in blocks(network.pairs_per_block, *size):
            grad[:, block] = network(Inputs.stack([inputs.at(block)]))[0]
    if not np.isfinite(grad.numpy()).all():
        raise BadInput("predicted gradients are not finite: weights or inputs out of range")
    return grad.numpy()


@dataclass(frozen=True)
class SurrogateEnsemble:
    """Networks whose mean is the prediction and whose calibrated SD is its uncertainty.

    Args:
        networks: one or more.
        factor: on the SD, from validation patients (1: uncalibrated).
        usual_sd_deg: mean calibrated SD of validation patients, if known.
    """

    networks: Sequence[LeadFieldNetwork]
    factor: float = 1.0
    usual_sd_deg: float = math.nan

    @classmethod
    def load(
        cls, files: Iterable[str | Path], model: str, uncertainty: str | Path | None = None
    ) -> Self:
        """Read networks, and the factor from the file of the rule `uncertainty`.

        Raises:
            BadInput: a file is missing, damaged, or has another number of networks.
        """
        networks = tuple(load_network(path, model) for path in files)
        if not networks:
            raise BadInput("surrogate: no file of a network is given")
        if uncertainty is None:
            return cls(networks)
        found = read_calibration(uncertainty, len(networks))
        return cls(networks, found.factor, found.sd_deg)

    @classmethod
    def of_folder(cls, folder: str | Path, model: str) -> Self:
        """All networks of results/surrogates/{encoder}-{model}."""
        folder = Path(folder)
        uncertainty = folder / UNCERTAINTY_FILE
        return cls.load(member_files(folder), model, uncertainty if uncertainty.exists() else None)

    def predict(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray | None]:
        """Lead-field gradients of one patient and their angular standard deviation.

        It is the SD of a network's direction from that of the mean, per axis across it, times the
        factor. With s its value, angles are distributed as in `metrics.reliability`.

        Returns:
            [electrode, point, 3] float32 in kOhm/mm, and [electrode, point] float32 in degrees, or
            None with a single network.
        """
        if len(self.networks) == 1:
            return predict_gradient(self.networks[0], inputs), None
        size = (len(inputs.electrodes), len(inputs.points))
        mean, sd = np.empty((*size, 3), np.float32), np.empty(size, np.float32)
        for block in blocks(LeadFieldNetwork.pairs_per_block, *size):
            part = inputs.at(block)
            grads = np.stack([predict_gradient(network, part) for network in self.networks])
            mean[:, block] = grads.mean(axis=0)
            sd[:, block] = self.factor * angular_deviation_deg(grads)
        return mean, sd
