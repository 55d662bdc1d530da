"""Distillation: an ensemble's networks become last layers on the hidden layers of one.

Hidden layers take most of a prediction's time, and here they are evaluated once for all members.
Each member learns to answer as its teacher (Hinton et al. 2015, arXiv:1503.02531), so that their
deviations, which state the uncertainty, are kept; the mean also learns from the true gradients.
Members answer for more than the training patients: a share of the patients of each batch get the
conductivities of others, and features that are moved. The teachers answer there, too. Predictions
are asked as on the finest mesh of the training, so members see no other; teachers see the own one.
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from einthoven.base.config.learning import OperatorSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import derive_seed
from einthoven.learning.surrogate.losses import cosine_loss, relative_error
from einthoven.learning.surrogate.members import member_file
from einthoven.learning.surrogate.operator.inputs import N_OF_PATIENT, N_OF_POINT, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import (
    MODEL,
    IncidentOperator,
    save_operator,
)
from einthoven.learning.surrogate.operator.train import (
    ElectrodeBatch,
    OperatorSample,
    OperatorTask,
    data_sha256,
)
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import discard
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import torch_threads

MOVED_SHARE = 0.5
"""Share of the patients of a batch whose features are changed."""
MOVED_SD = 0.5
"""Features of these are moved by up to so many SD of the training, all points of a heart alike."""


class DistilledMembers(nn.Module):
    """Networks with hidden layers in common; the output is their mean."""

    def __init__(self, teachers: Sequence[IncidentOperator]):
        super().__init__()
        first = copy.deepcopy(teachers[0])
        others = [copy.deepcopy(first) for _ in teachers[1:]]
        for network in others:
            last = network.trunk[-1]
            network.fourier, network.trunk = first.fourier, nn.Sequential(*first.trunk[:-1], last)
        self.networks = nn.ModuleList([first, *others])
        # Chains of layers by themselves: only these can have a reduced precision.
        self.hidden = nn.Sequential(*first.trunk[:-1])
        self.last = nn.ModuleList([network.trunk[-1] for network in self.networks])

    @property
    def mean(self) -> Tensor:
        """Mean of the features; its device is the network's."""
        return self.networks[0].mean

    def members(self, inputs: OperatorInputs) -> Tensor:
        """Gradients of each member [member, ..., electrode, point, 3], as on the finest mesh."""
        first, found = self.networks[0], list[Tensor]()
        hidden = self.hidden(first.features(inputs.as_on(first.finest).local))
        for network in self.networks:
            kernel = network.kernel_of(hidden)
            excitations = network.excitations(kernel.weights, inputs)
            found.append(network.gradient(kernel, inputs.incident, excitations))
        return torch.stack(found)

    def forward(self, inputs: OperatorInputs) -> Tensor:
        """Mean gradients [..., electrode, point, 3] at points that also represent the heart."""
        return self.members(inputs).mean(dim=0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups of one network, with the last layers of the others."""
        matrices, rest = self.networks[0].parameter_groups()
        others = list(self.last[1:].parameters())
        return [matrices, rest | {"params": [*rest["params"], *others]}]


class DistilTask(OperatorTask):
    """Members learn from their teachers, and their mean from the truth where it is known."""

    def __init__(
        self,
        teachers: Sequence[IncidentOperator],
        train: Sequence[OperatorSample],
        validation: Sequence[OperatorSample],
        config: OperatorSettings,
    ):
        super().__init__(DistilledMembers(teachers), train, validation, config)
        self.teachers = nn.ModuleList(map(copy.deepcopy, teachers)).requires_grad_(False)

    def batches(self, generator: torch.Generator) -> Iterator[ElectrodeBatch]:
        """Patients in random order, some of them changed."""
        for batch in super().batches(generator):
            yield self._moved(batch, generator)

    def _moved(self, batch: ElectrodeBatch, generator: torch.Generator) -> ElectrodeBatch:
        """Some patients with the conductivities of a training patient and moved features."""
        local, n = batch.inputs.local.clone(), len(batch.grad)
        known = torch.rand(n, generator=generator) >= MOVED_SHARE
        others = torch.randint(len(self.train_samples), (n,), generator=generator)
        size = MOVED_SD * torch.rand(n, 1, generator=generator)
        shifts = size * torch.randn(n, N_OF_POINT, generator=generator)
        for k in (~known).nonzero()[:, 0].tolist():
            other = self.train_samples[int(others[k])].inputs.local[0]
            local[k, :, N_OF_POINT:N_OF_PATIENT] = other[N_OF_POINT:N_OF_PATIENT]
            local[k, :, :N_OF_POINT] += shifts[k] * self.network.networks[0].sd[:N_OF_POINT].cpu()
        return ElectrodeBatch(batch.inputs._replace(local=local), batch.grad, known)

    def losses(self, batch: ElectrodeBatch) -> dict[str, Tensor]:
        """Losses: relative errors to the teachers, member by member, and of the mean."""
        found = self.network.members(batch.inputs)
        with torch.no_grad():
            taught = torch.stack([teacher(batch.inputs) for teacher in self.teachers])
        mean, known = found.mean(dim=0), batch.known
        teachers = relative_error(found, taught)
        truth = relative_error(mean[known], batch.grad[known]) if known.any() else 0 * teachers
        return {"loss": teachers + truth, "teachers": teachers,
                "cosine": cosine_loss(mean, taught.mean(dim=0))}  # fmt: skip


def _shape(network: IncidentOperator) -> tuple[torch.Size, ...]:
    return tuple(tensor.shape for tensor in network.state_dict().values())


def distil_operator(
    config: OperatorSettings,
    teacher: OperatorEnsemble,
    train: Sequence[OperatorSample],
    validation: Sequence[OperatorSample],
    folder: str | Path,
    machine: Machine = ONE_CORE,
) -> OperatorEnsemble:
    """Distil an ensemble; write the files of one with hidden layers in common, and `curve.csv`.

    Members start as the first network. The factors of the uncertainty are not kept: calibrate it.

    Args:
        config: of the training; width, rank and frequencies must be the teacher's.
        teacher: two or more networks of one shape.
        train: training patients.
        validation: validation patients, which are only recorded.
        folder: for the output.
        machine: threads and device.

    Raises:
        BadInput: no training patients, one network, or networks of several shapes.
        StepFailed: training diverged.
    """
    if not train or len(teacher.networks) < 2:
        raise BadInput(f"distil: {len(train)} patients and {len(teacher.networks)} networks; at "
                       "least one and two")  # fmt: skip
    if len({_shape(network) for network in (IncidentOperator(config), *teacher.networks)}) > 1:
        raise BadInput("distil: width, rank or frequencies differ from the section's")
    folder = Path(folder)
    sha256 = data_sha256(train, teacher.networks)
    task = DistilTask(teacher.networks, train, validation, config)
    parameters = config.model_dump(mode="json") | {"data_sha256": sha256}
    every, seed = max(1, config.epochs // 10), derive_seed(config.seed, MODEL, "distil")
    run = TrainingRun("distil", seed, folder, validate_every=every, parameters=parameters)
    schedule = Schedule(config.epochs, config.learning_rate, config.precision)
    fit(task, schedule, run, machine)
    with torch_threads(machine.n_threads):
        for k, network in enumerate(task.network.networks):
            save_operator(
                member_file(folder, k), network, teacher.training_distribution, config, sha256
            )
    discard(folder)
    return OperatorEnsemble.of_folder(folder)
