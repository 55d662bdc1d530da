"""A trained operator: one network, or an ensemble of them that differ in their seed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.core.errors import BadInput
from einthoven.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.surrogate.ensemble import (
    UNCERTAINTY_FILE,
    angular_deviation_deg,
    member_files,
    read_calibration,
)
from einthoven.surrogate.operator.checkpoint import load_operator
from einthoven.surrogate.operator.familiarity import Familiarity
from einthoven.surrogate.operator.inputs import OperatorInputs
from einthoven.surrogate.operator.network import IncidentOperator, Kernel

POINTS_PER_BLOCK = 4096


@dataclass(frozen=True)
class Operator:
    """The mean of its networks is the prediction; their SD, calibrated, its uncertainty.

    Args:
        networks: one or more.
        familiarity: of the patients they were trained on.
        factor: by which the SD is multiplied, from validation patients (1: as it is).
        usual_sd_deg: mean calibrated SD of validation patients, if known.
    """

    networks: tuple[IncidentOperator, ...]
    familiarity: Familiarity
    factor: float = 1.0
    usual_sd_deg: float = math.nan

    @classmethod
    def load(cls, files: Iterable[str | Path], uncertainty: str | Path | None = None) -> Self:
        """Read networks, and the factor from the file that calibration wrote.

        Raises:
            BadInput: a file is missing, damaged, or of another number of networks.
        """
        members = [load_operator(path) for path in files]
        if not members:
            raise BadInput("operator: no file of a network is given")
        networks = tuple(network for network, _ in members)
        familiarity = members[0][1]  # all are of the same patients
        if uncertainty is None:
            return cls(networks, familiarity)
        return cls(networks, familiarity, *read_calibration(uncertainty, len(networks)))

    @classmethod
    def of_folder(cls, folder: str | Path) -> Self:
        """All networks of a folder: model.safetensors, member1/model.safetensors and so on."""
        uncertainty = Path(folder) / UNCERTAINTY_FILE
        return cls.load(member_files(folder), uncertainty if uncertainty.exists() else None)

    @torch.inference_mode()
    def predict(
        self, inputs: OperatorInputs, over: OperatorInputs | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Lead-field gradients of one patient and their angular standard deviation.

        Both are as on the finest meshes of the training, whatever mesh the inputs are of. The SD
        is that of a network's direction from that of the mean, per axis across it, times the
        factor; with s its value, angles are distributed as in `metrics.reliability`.

        Args:
            inputs: where gradients are wanted.
            over: points that stand for the whole heart, with the fields of the same electrodes;
                None if `inputs` do, as all cells of a mesh or all field samples.

        Returns:
            [electrode, point, 3] float32 in 1/mm^2, heart frame, times the torso's conductivity;
            and [electrode, point] float32 in degrees, or None with a single network.

        Raises:
            BadInput: of other electrodes, or not finite.
        """
        if over is not None and len(over.incident) != len(inputs.incident):
            raise BadInput(f"{len(inputs.incident)} electrodes at the points, "
                           f"{len(over.incident)} over the heart")  # fmt: skip
        parts = [_evaluated(network, inputs, over) for network in self.networks]
        size = tuple(inputs.incident.shape[:2])
        mean, sd = np.empty((*size, 3), np.float32), np.empty(size, np.float32)
        for start in range(0, size[1], POINTS_PER_BLOCK):
            block = slice(start, start + POINTS_PER_BLOCK)
            incident = inputs.incident[:, block]
            grads = [IncidentOperator.gradient(kernel.at(block), incident, excitations)
                     for kernel, excitations in parts]  # fmt: skip
            members = torch.stack(grads).numpy()
            mean[:, block] = members.mean(axis=0)
            if len(members) > 1:
                sd[:, block] = self.factor * angular_deviation_deg(members)
        if not np.isfinite(mean).all():
            raise BadInput("predicted gradients are not finite: weights or inputs out of range")
        return mean, sd if len(self.networks) > 1 else None

    def check(self, inputs: OperatorInputs) -> OutOfDistributionCheck:
        """Whether the heart is like those of the training; `with_sd` adds the ensemble's."""
        return self.familiarity.check(inputs)


def _evaluated(
    network: IncidentOperator, inputs: OperatorInputs, over: OperatorInputs | None
) -> tuple[Kernel, Tensor]:
    """Kernel at the points of `inputs`, and excitations, as on the finest meshes."""
    kernel = network.kernel(inputs.as_on(network.finest).local)
    if over is None:
        return kernel, network.excitations(kernel.weights, inputs)
    weights = network.kernel(over.as_on(network.finest).local).weights
    return kernel, network.excitations(weights, over)
