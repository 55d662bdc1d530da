"""Training of the operator on patients' stage files: anatomy.npz and field.npz."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.learning import OperatorSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import derive_seed
from einthoven.base.core.tags import Tissue
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.data.patient.patient import Patient
from einthoven.learning.surrogate.losses import cosine_loss, relative_error
from einthoven.learning.surrogate.operator.inputs import (
    HeartPoints,
    OperatorInputs,
    conductivities_of,
)
from einthoven.learning.surrogate.operator.operator_network import (
    MODEL,
    IncidentOperator,
    load_operator,
    save_operator,
)
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import discard
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task, seeded, torch_threads
from einthoven.numerics.training.tensors import arrays_sha256


class OperatorSample(NamedTuple):
    """One patient's myocardium at its sampled points."""

    inputs: OperatorInputs
    grad: Tensor
    """[electrode, point, 3] 1/mm^2: true gradients, times the torso's conductivity; heart frame."""


def operator_sample(patient: Patient, usual: LeadFieldSettings) -> OperatorSample:
    """Training sample of a patient with anatomy and field samples.

    Conductivities are those of the field samples, if they were drawn for the patient, else `usual`.

    Raises:
        BadInput: no sample lies in the myocardium.
    """
    field, anatomy = patient.field, patient.anatomy
    sigma = conductivities_of(patient, usual)
    heart = HeartPoints.of_samples(patient)
    inputs = OperatorInputs.of(anatomy, heart, field.electrode_points, sigma)
    grad = field.field_grad[:, field.field_tissue == Tissue.MYOCARDIUM]
    grad = grad @ anatomy.heart_rotation * sigma.sigma_torso_s_per_m
    return OperatorSample(inputs, torch.as_tensor(grad.astype(np.float32)))


class ElectrodeBatch(NamedTuple):
    """Some points and electrodes of some patients."""

    inputs: OperatorInputs
    grad: Tensor
    """[patient, electrode, point, 3]."""
    known: Tensor
    """[patient] whether `grad` is that of the inputs, which `distil` changes for some."""


class OperatorTask(Task):
    """Some electrodes at some points of a few patients at a time."""

    def __init__(
        self,
        network: IncidentOperator,
        train: Sequence[OperatorSample],
        validation: Sequence[OperatorSample],
        config: OperatorSettings,
    ):
        super().__init__()
        self.network, self.train_samples, self.validation = network, train, validation
        self.config = config
        self.n_electrodes = min(config.electrodes_per_batch, *(len(s.grad) for s in train))

    @property
    def steps_per_epoch(self) -> int:
        """Every training patient occurs once in an epoch."""
        return -(-len(self.train_samples) // self.config.batch_patients)

    def batches(self, generator: torch.Generator) -> Iterator[ElectrodeBatch]:
        """Random points of patients in random order."""
        order = torch.randperm(len(self.train_samples), generator=generator)
        for chosen in order.split(self.config.batch_patients):
            yield self._draw([self.train_samples[int(i)] for i in chosen], generator)

    def _draw(self, samples: list[OperatorSample], generator: torch.Generator) -> ElectrodeBatch:
        inputs, grads = [], []
        for sample in samples:
            n = len(sample.inputs.local)
            points = torch.randint(n, (self.config.points_per_batch,), generator=generator)
            some = torch.randperm(len(sample.grad), generator=generator)[: self.n_electrodes]
            inputs.append(sample.inputs.at(points, some))
            grads.append(sample.grad[some][:, points])
        known = torch.ones(len(grads), dtype=torch.bool)
        return ElectrodeBatch(_stacked(inputs), torch.stack(grads), known)

    def losses(self, batch: ElectrodeBatch) -> dict[str, Tensor]:
        """Losses: the relative error; the cosine is only recorded."""
        predicted = self.network(batch.inputs)
        return {"loss": relative_error(predicted, batch.grad),
                "cosine": cosine_loss(predicted, batch.grad)}  # fmt: skip

    def validate(self) -> dict[str, float]:
        """Mean angle at all points of the validation patients."""
        device, angles = self.network.mean.device, []
        for sample in self.validation:
            inputs = OperatorInputs(*(tensor.to(device) for tensor in sample.inputs))
            predicted = self.network(inputs).cpu().numpy()
            angles.append(angular_error_deg(predicted, sample.grad.numpy()).mean())
        return {"val_angular_error_deg": float(np.mean(angles))} if angles else {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the network."""
        return self.network.parameter_groups()


def _stacked(patients: list[OperatorInputs]) -> OperatorInputs:
    return OperatorInputs(*(torch.stack(tensors) for tensors in zip(*patients, strict=True)))


def train_operator(
    config: OperatorSettings,
    train: Sequence[OperatorSample],
    validation: Sequence[OperatorSample],
    folder: str | Path,
    machine: Machine = ONE_CORE,
    start: str | Path | None = None,
) -> tuple[IncidentOperator, list[dict[str, float]]]:
    """Train one operator; write `model.safetensors` and `curve.csv`; return it and the curve.

    The result depends on the training patients only; validation patients are only recorded.

    Args:
        config: network and its training.
        train: training patients.
        validation: validation patients.
        folder: for the output.
        machine: threads and device.
        start: file of an operator to start from, with its weights and scales; the distribution for
            the out-of-distribution check is that of these patients only. None: a new one.

    Raises:
        BadInput: no training patients, or the start has another shape.
        StepFailed: training diverged.
    """
    if not train:
        raise BadInput("operator: no training patients")
    folder = Path(folder)
    section = config.model_dump(mode="json")
    with torch_threads(machine.n_threads):
        network = _begun(config, train, start)
        training_distribution = TrainingDistribution.of([sample.inputs for sample in train])
        sha256 = data_sha256(train, () if start is None else [network])
    run = TrainingRun(MODEL, derive_seed(config.seed, MODEL, "batches"), folder,
              validate_every=max(1, config.epochs // 10),
              parameters=section | {"data_sha256": sha256})  # fmt: skip
    schedule = Schedule(config.epochs, config.learning_rate, config.precision)
    curve = fit(OperatorTask(network, train, validation, config), schedule, run, machine)
    with torch_threads(machine.n_threads):
        save_operator(folder / "model.safetensors", network, training_distribution, config, sha256)
    discard(folder)
    return network.eval(), curve


def data_sha256(train: Sequence[OperatorSample], begun: Iterable[IncidentOperator] = ()) -> str:
    """Checksum of what is learned from: training patients, and networks that go on or teach."""
    of_data = (t for s in train for t in (*s.inputs, s.grad))
    of_networks = (t for network in begun for t in network.state_dict().values())
    return arrays_sha256(*(t.numpy() for t in (*of_data, *of_networks)))


def _begun(
    config: OperatorSettings, train: Sequence[OperatorSample], start: str | Path | None
) -> IncidentOperator:
    """A network with only the scales of the training patients, or that of a file."""
    with seeded(config.seed, MODEL, "weights"):
        network = IncidentOperator(config)
    if start is None:
        network.fit_scales(torch.cat([sample.inputs.local for sample in train]))
        return network
    try:
        network.load_state_dict(load_operator(start)[0].state_dict())
    except RuntimeError as error:
        raise BadInput(f"{start}: width, rank or frequencies differ from the section's") from error
    return network
