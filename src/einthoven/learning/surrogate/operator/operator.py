"""A trained operator: one network, or an ensemble of networks that differ in their seed.

A prediction takes two passes over blocks of points, which threads share: the networks, whose
excitations are sums over the whole heart; then, for all leads at once, their mean and deviation.
Hidden layers that networks have in common, as those of `operator.distil`, are evaluated once.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.core.threads import in_blocks
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.base.metrics.predicted_error import ErrorModel
from einthoven.learning.surrogate.members import UNCERTAINTY_FILE, member_files, read_calibration
from einthoven.learning.surrogate.operator.inputs import OperatorInputs
from einthoven.learning.surrogate.operator.mixing import mix
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator, load_operator
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution
from einthoven.numerics.training.task import torch_threads

POINTS_PER_BLOCK = 1024


@dataclass(frozen=True)
class OperatorEnsemble:
    """Networks whose mean is the prediction and whose calibrated SD is its uncertainty.

    Args:
        networks: one or more.
        training_distribution: distribution of the features of their training patients.
        factor: on the SD, from validation patients (1: uncalibrated).
        usual_sd_deg: mean calibrated SD of validation patients, if known.
        ecg_factor: likewise, on the SD of ECGs.
        error: the error to expect by the SD, if known.
        ecg_error: likewise, of ECGs.
    """

    networks: tuple[IncidentOperator, ...]
    training_distribution: TrainingDistribution
    factor: float = 1.0
    usual_sd_deg: float = math.nan
    ecg_factor: float = 1.0
    error: ErrorModel | None = None
    ecg_error: ErrorModel | None = None

    @classmethod
    def load(cls, files: Iterable[str | Path], uncertainty: str | Path | None = None) -> Self:
        """Read networks, and the factor from the file that calibration wrote.

        Raises:
            BadInput: a file is missing, damaged, or has another number of networks.
        """
        members = [load_operator(path) for path in files]
        if not members:
            raise BadInput("operator: no file of a network is given")
        networks = tuple(network for network, _ in members)
        training_distribution = members[0][1]  # all have the same training patients
        if uncertainty is None:
            return cls(networks, training_distribution)
        return cls(networks, training_distribution, *read_calibration(uncertainty, len(networks)))

    @classmethod
    def of_folder(cls, folder: str | Path) -> Self:
        """All networks of a folder: model.safetensors, member1/model.safetensors and so on."""
        uncertainty = Path(folder) / UNCERTAINTY_FILE
        return cls.load(member_files(folder), uncertainty if uncertainty.exists() else None)

    @cached_property
    def hidden_of(self) -> tuple[int, ...]:
        """For each network the first that has the same hidden layers."""
        firsts = (next(k for k, other in enumerate(self.networks) if other.has_hidden_of(network))
                  for network in self.networks)  # fmt: skip
        return tuple(firsts)

    @torch.inference_mode()
    def predict(
        self, inputs: OperatorInputs, over: OperatorInputs | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Lead-field gradients of one patient and their angular standard deviation.

        Both are as on the finest meshes of the training, whatever mesh the inputs have. It uses as
        many threads as torch. The SD is that of a network's direction from that of the mean, per
        axis across it, times the factor; with s its value, angles are distributed as in
        `metrics.reliability`.

        Args:
            inputs: points at which gradients are wanted.
            over: points that represent the whole heart, with the fields of the same electrodes;
                None if `inputs` do, as all cells of a mesh or all field samples.

        Returns:
            [electrode, point, 3] float32 in 1/mm^2, heart frame, times the torso's conductivity;
            and [electrode, point] float32 in degrees, or None with a single network.

        Raises:
            BadInput: inconsistent electrodes, or not finite.
        """
        if over is not None and len(over.incident) != len(inputs.incident):
            raise BadInput(f"{len(inputs.incident)} electrodes at the points, "
                           f"{len(over.incident)} over the heart")  # fmt: skip
        size, threads = tuple(inputs.incident.shape[:2]), torch.get_num_threads()
        mean, sd = np.empty((*size, 3), np.float32), np.empty(size, np.float32)
        incident = inputs.incident.contiguous().numpy()
        with torch_threads(1):  # threads take whole blocks
            blocks = self._blocks(inputs, threads)
            heart = blocks if over is None else self._blocks(over, threads)
            excitations = [torch.zeros(size[0], network.rank) for network in self.networks]
            for block in heart:
                for total, part in zip(excitations, block.excitations):
                    total += part

            def fill(some: slice) -> None:
                block = blocks[some.start // POINTS_PER_BLOCK]
                modes = block.summed_modes(excitations).numpy()
                mix(block.refraction.numpy(), modes, incident, mean, sd, some.start)

            in_blocks(fill, size[1], POINTS_PER_BLOCK, threads)
        if not np.isfinite(mean).all():
            raise BadInput("predicted gradients are not finite: weights or inputs out of range")
        sd *= self.factor
        return mean, sd if len(self.networks) > 1 else None

    def _blocks(self, inputs: OperatorInputs, threads: int) -> list["_Block"]:
        """Output at successive blocks of points; intermediate results stay in the cache."""
        n, found = len(inputs.local), dict[int, _Block]()

        @torch.inference_mode()  # it is of the calling thread only
        def evaluate(some: slice) -> None:
            part = OperatorInputs(inputs.local[some], inputs.incident[:, some], inputs.share[some])
            found[some.start] = _Block.of(self.networks, self.hidden_of, part)

        in_blocks(evaluate, n, POINTS_PER_BLOCK, threads)
        return [found[start] for start in range(0, n, POINTS_PER_BLOCK)]

    def check(self, inputs: OperatorInputs, sd_deg: float | None = None) -> OutOfDistributionCheck:
        """Out-of-distribution check of the heart, and of the ensemble's mean SD if it is given."""
        found = self.training_distribution.check(inputs)
        if sd_deg is None:
            return found
        if self.error is None:
            return found.with_sd(sd_deg, self.usual_sd_deg)
        return found.with_error(sd_deg, self.error)


@dataclass(frozen=True)
class _Block:
    """Output of all networks at a block of points, as on the finest meshes of their trainings."""

    refraction: Tensor
    """[member, 3, 3, point]."""
    modes: list[Tensor]
    """[3, mode, point] of each member."""
    excitations: list[Tensor]
    """[electrode, mode] of each member: the block's part of the sum over the heart."""

    @classmethod
    def of(
        cls,
        networks: Sequence[IncidentOperator],
        hidden_of: Sequence[int],
        inputs: OperatorInputs,
    ) -> Self:
        """Evaluate the networks at points of a heart; components come first, as `mix` wants."""
        found = cls(torch.empty(len(networks), 3, 3, len(inputs.local)), [], [])
        incident = inputs.incident.transpose(1, 2).flatten(1).T  # [3 point, electrode]
        evaluated, hidden = -1, torch.empty(0)
        for network, first, refraction in zip(networks, hidden_of, found.refraction):
            rank, weight, bias = network.rank, *network.by_component
            if first != evaluated:
                hidden, evaluated = network.hidden(inputs.as_on(network.finest).local), first
            kept, weights = (  # [component, point]; what is not kept must not hold memory
                torch.addmm(bias[rows, None], weight[rows], hidden.T)
                for rows in (slice(9 + 3 * rank), slice(9 + 3 * rank, None))
            )
            refraction.flatten(0, 1).copy_(kept[:9])
            refraction.diagonal().add_(1.0)
            found.modes.append(kept[9:].unflatten(0, (3, -1)))
            excitations = weights.mul_(inputs.share).view(rank, -1) @ incident
            found.excitations.append(excitations.T / rank**0.5)
        return found

    def summed_modes(self, excitations: Sequence[Tensor]) -> Tensor:
        """Sum of the modes [member, 3, electrode, point] 1/mm^2 by the heart's excitations."""
        size = (len(self.modes), 3, len(excitations[0]), self.refraction.shape[-1])
        found = torch.empty(size)
        for modes, excitation, each in zip(self.modes, excitations, found):
            torch.bmm(excitation.expand(3, -1, -1), modes, out=each)
        return found
