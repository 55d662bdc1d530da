"""A trained operator: one network, or an ensemble of networks that differ in their seed.

The last step, for all leads at once, mixes the outputs of the networks: g_m(x) = A_m(x) p(x) +
t_m(x), t_m the sum over modes; mean and SD over the networks m. The products per point and
electrode are tiny, so components come first there: neighbouring points are adjacent in memory and
the compiler can vectorise.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numba
import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.core.threads import in_blocks
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.base.metrics.predicted_error import ErrorModel
from einthoven.learning.surrogate.members import UNCERTAINTY_FILE, member_files, read_calibration
from einthoven.learning.surrogate.operator.inputs import OperatorInputs
from einthoven.learning.surrogate.operator.operator_network import (
    IncidentOperator,
    Kernel,
    load_operator,
)
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution

ELECTRODES_AT_ONCE = 8
LARGEST_DEG = 90.0
POINTS_PER_BLOCK = 1024


def mixed(
    refraction: np.ndarray,
    modes: np.ndarray,
    incident: np.ndarray,
    mean: np.ndarray,
    angle: np.ndarray,
    threads: int = 1,
) -> None:
    """Fill in the mean over networks, and the deviation of their directions from that of the mean.

    Args:
        refraction: A [member, 3, 3, point].
        modes: t [member, electrode, 3, point] 1/mm^2.
        incident: p [electrode, 3, point] 1/mm^2.
        mean: [electrode, point, 3] 1/mm^2 to fill in.
        angle: [electrode, point] degrees, as `surrogate.members.angular_deviation_deg`, to fill in;
            90 for one network, which has no SD.
        threads: number of threads; the result does not depend on it.
    """

    def fill(some: slice) -> None:
        _fill(refraction, modes[:, some], incident[some], mean[some], angle[some])

    in_blocks(fill, len(incident), ELECTRODES_AT_ONCE, threads)


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def _fill(
    refraction: np.ndarray,
    modes: np.ndarray,
    incident: np.ndarray,
    mean: np.ndarray,
    angle: np.ndarray,
) -> None:
    n_members, n = len(refraction), incident.shape[2]
    each, sums = np.empty((n_members, 3, n), np.float32), np.empty((3, n), np.float32)
    share, spread = np.float32(1 / n_members), np.float32(0.5 / max(n_members - 1, 1))
    for e in range(len(incident)):
        x, y, z = incident[e]
        sums[:] = 0.0
        for m in range(n_members):
            for i in range(3):
                (a, b, c), t, g, total = refraction[m, i], modes[m, e, i], each[m, i], sums[i]
                for k in range(n):
                    g[k] = a[k] * x[k] + b[k] * y[k] + c[k] * z[k] + t[k]
                    total[k] += g[k]
        for i in range(3):
            for k in range(n):
                sums[i, k] *= share
                mean[e, k, i] = sums[i, k]
        _deviation_deg(each, sums, spread, angle[e])


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _deviation_deg(
    each: np.ndarray, mean: np.ndarray, spread: np.float32, angle: np.ndarray
) -> None:
    """Deviation per axis across the mean [3, point] of each [member, 3, point]: a small angle."""
    x, y, z = mean
    angle[:] = 0.0
    for m in range(len(each)):
        a, b, c = each[m]
        for k in range(len(x)):  # squares of |mean x each|
            u, v = y[k] * c[k] - z[k] * b[k], z[k] * a[k] - x[k] * c[k]
            w = x[k] * b[k] - y[k] * a[k]
            angle[k] += u * u + v * v + w * w
    for k in range(len(x)):
        square = x[k] * x[k] + y[k] * y[k] + z[k] * z[k]
        degrees = np.float32(180 / np.pi) * np.sqrt(spread * angle[k]) / square
        angle[k] = degrees if degrees < LARGEST_DEG else LARGEST_DEG  # nan where the mean is zero


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
        members = [_Member.of(network, inputs, over) for network in self.networks]
        size, threads = tuple(inputs.incident.shape[:2]), torch.get_num_threads()
        mean, sd = np.empty((*size, 3), np.float32), np.empty(size, np.float32)
        for block, some in enumerate(_blocks(size[1])):
            refraction = torch.stack([member.refraction(block) for member in members])
            modes = torch.stack([member.modes(block) for member in members])
            incident = inputs.incident[:, some].transpose(1, 2).contiguous()
            parts = (refraction.numpy(), modes.numpy(), incident.numpy())
            mixed(*parts, mean[:, some], sd[:, some], threads)
        if not np.isfinite(mean).all():
            raise BadInput("predicted gradients are not finite: weights or inputs out of range")
        return mean, self.factor * sd if len(self.networks) > 1 else None

    def check(self, inputs: OperatorInputs, sd_deg: float | None = None) -> OutOfDistributionCheck:
        """Out-of-distribution check of the heart, and of the ensemble's mean SD if it is given."""
        found = self.training_distribution.check(inputs)
        if sd_deg is None:
            return found
        if self.error is None:
            return found.with_sd(sd_deg, self.usual_sd_deg)
        return found.with_error(sd_deg, self.error)


class _Member(NamedTuple):
    """Output of a network at the requested points, as on the finest meshes."""

    kernels: list[Kernel]
    """Outputs of successive blocks of points."""
    excitations: Tensor
    """[electrode, mode]."""

    @classmethod
    def of(
        cls, network: IncidentOperator, inputs: OperatorInputs, over: OperatorInputs | None
    ) -> Self:
        """Evaluate in blocks, so that intermediate results stay in the cache."""
        kernels = _kernels(network, inputs)
        heart, its = (inputs, kernels) if over is None else (over, _kernels(network, over))
        excitations = torch.zeros(len(heart.incident), network.rank)
        for kernel, some in zip(its, _blocks(len(heart.local)), strict=True):
            part = OperatorInputs(heart.local[some], heart.incident[:, some], heart.share[some])
            excitations += network.excitations(kernel.weights, part)
        return cls(kernels, excitations)

    def refraction(self, block: int) -> Tensor:
        """Refraction tensor [3, 3, point], contiguous."""
        return self.kernels[block].refraction.permute(1, 2, 0).contiguous()

    def modes(self, block: int) -> Tensor:
        """Sum of the modes for each electrode: [electrode, 3, point] 1/mm^2."""
        modes = self.kernels[block].modes.transpose(0, 1)
        return (self.excitations @ modes.flatten(0, 1).T).unflatten(1, (3, -1))


def _kernels(network: IncidentOperator, inputs: OperatorInputs) -> list[Kernel]:
    local = inputs.as_on(network.finest).local
    return [network.kernel(local[some]) for some in _blocks(len(local))]


def _blocks(n_points: int) -> list[slice]:
    starts = range(0, n_points, POINTS_PER_BLOCK)
    return [slice(start, min(start + POINTS_PER_BLOCK, n_points)) for start in starts]
