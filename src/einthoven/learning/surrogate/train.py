"""Training of a surrogate on the consolidated store, and the search of its settings."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger
from einthoven.base.core.seeds import derive_seed
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.learning.encoders.base import Encoder
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.networks import network_class
from einthoven.learning.surrogate.split_samples import PatientSample, SplitSamples
from einthoven.learning.surrogate.surrogate_network import (
    LeadFieldNetwork,
    NetworkConfig,
    PointBatch,
)
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import FOLDER, discard
from einthoven.numerics.training.search import Found, search
from einthoven.numerics.training.task import Task, seeded, torch_threads
from einthoven.numerics.training.tensors import save_model

HEART_SHARE = 0.75
"""Share of a batch's points in the myocardium, the only region that the ECG depends on."""
N_VALIDATION_POINTS = 512


class SurrogateTask(Task):
    """All electrodes (or a few) at some points of a few patients at a time."""

    def __init__(
        self,
        network: LeadFieldNetwork,
        train: SplitSamples,
        validation: SplitSamples,
        config: NetworkConfig,
    ):
        super().__init__()
        self.network, self.train_patients, self.validation = network, train, validation
        self.points, self.electrodes = config.points_per_batch, config.electrodes_per_batch
        self.batch_patients = min(config.batch_patients, len(train))

    @property
    def steps_per_epoch(self) -> int:
        """Every training patient occurs once in an epoch."""
        return -(-len(self.train_patients) // self.batch_patients)

    def batches(self, generator: torch.Generator) -> Iterator[PointBatch]:
        """Random points of patients in random order."""
        order = torch.randperm(len(self.train_patients), generator=generator)
        for chosen in order.split(self.batch_patients):
            yield self._draw([self.train_patients[int(i)] for i in chosen], generator)

    def _draw(self, samples: list[PatientSample], generator: torch.Generator) -> PointBatch:
        n_heart = round(HEART_SHARE * self.points)
        inputs, grads = [], []
        for sample in samples:
            counts = ((sample.heart, n_heart), (sample.elsewhere, self.points - n_heart))
            points = torch.cat(
                [ids[torch.randint(len(ids), (n,), generator=generator)] for ids, n in counts]
            )
            n_electrodes = len(sample.grad)
            some = torch.randperm(n_electrodes, generator=generator)
            some = some[: self.electrodes or n_electrodes]
            inputs.append(sample.inputs.at(points).seen_from(some))
            grads.append(sample.grad[some[:, None], points])
        return PointBatch(Inputs.stack(inputs), torch.stack(grads))

    def losses(self, batch: PointBatch) -> dict[str, Tensor]:
        """Losses of the network."""
        return self.network.loss(self.network(batch.inputs), batch)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the network."""
        return self.network.parameter_groups()

    def validate(self) -> dict[str, float]:
        """Errors in the validation hearts, always at the same few points."""
        angles, errors = [], []
        for sample in self.validation:
            stride = max(1, len(sample.heart) // N_VALIDATION_POINTS)
            index = sample.heart[::stride]
            device = self.network.scale.device
            inputs = Inputs(*(t.to(device) for t in Inputs.stack([sample.inputs.at(index)])))
            predicted, true = self.network(inputs)[0].cpu(), sample.grad[:, index]
            angles.append(angular_error_deg(predicted.numpy(), true.numpy()).mean())
            errors.append((predicted - true).norm(dim=-1).mean() / true.norm(dim=-1).mean())
        if not angles:
            return {}
        return {"val_angular_error_deg": float(sum(angles) / len(angles)),
                "val_magnitude_error_rel": float(torch.stack(errors).mean())}  # fmt: skip


def train_surrogate(
    model: str,
    config: NetworkConfig,
    encoder: Encoder,
    store_path: str | Path,
    out_dir: str | Path,
    machine: Machine = ONE_CORE,
) -> list[dict[str, float]]:
    """Train one surrogate; write `model.safetensors` and `curve.csv`; return the curve.

    Weights depend on the training patients only; validation patients are only recorded.

    Args:
        model: a name of `networks.NETWORKS`.
        config: its section.
        encoder: trained, with a code for every patient and signed distances.
        store_path: the consolidated store.
        out_dir: results/surrogates/{encoder}-{model}.
        machine: threads, device, tracking.

    Raises:
        BadInput: unknown model, unreadable inputs, no training patients.
        StepFailed: training diverged.
    """
    kind, out = network_class(model), Path(out_dir)
    decoded = out / FOLDER / "patients"
    train, validation = (SplitSamples(store_path, encoder, s, decoded) for s in ("train", "val"))
    if not len(train):
        raise BadInput(f"{store_path}: no patient has split train")
    key = f"{encoder.name}-{kind.drawn_as}"
    with seeded(config.seed, key, "weights"):
        network = kind(config, len(train[0].inputs.latent))
    section = config.model_dump(mode="json")
    with torch_threads(machine.n_threads):
        network.fit_scales(train)
        data = {"data_sha256": train.sha256(), "validation_sha256": validation.sha256()}
    run = TrainingRun(f"{encoder.name}-{model}", derive_seed(config.seed, key, "batches"), out,
              validate_every=max(1, config.epochs // 10), parameters=section | data)  # fmt: skip
    task = SurrogateTask(network, train, validation, config)
    curve = fit(task, kind.schedule(config), run, machine)
    with torch_threads(machine.n_threads):
        save_model(out / "model.safetensors", network.state_dict(), kind=model, config=section,
                   data_sha256=data["data_sha256"], package="einthoven.learning.surrogate",
                   n_latent=len(network.latent_mean), encoder=encoder.name,
                   constants=kind.constants)  # fmt: skip
    discard(out)
    return curve


def search_surrogate(
    model: str,
    config: NetworkConfig,
    encoder: Encoder,
    store_path: str | Path,
    n_trials: int,
    machine: Machine,
) -> Found[NetworkConfig]:
    """Settings with the smallest angular error on validation patients, of `n_trials` trainings.

    The network's `search_space` is searched, all else is from `config`; the other arguments are
    those of `train_surrogate`.
    """

    def objective(tried: NetworkConfig) -> float:
        with tempfile.TemporaryDirectory() as out:
            curve = train_surrogate(model, tried, encoder, store_path, out, machine)
        logger.info("%s -> %s", tried, curve[-1])
        return curve[-1]["val_angular_error_deg"]

    return search(objective, config, network_class(model).search_space, n_trials, config.seed)
