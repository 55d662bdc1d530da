"""Training of a surrogate on the consolidated store."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from einthoven.core.errors import BadInput
from einthoven.encoders.base import Encoder
from einthoven.surrogate.inputs import Inputs
from einthoven.surrogate.losses import cosine_loss, paper_loss, scale_free_loss
from einthoven.surrogate.mlp import Mlp
from einthoven.surrogate.patients import Patients, Sample
from einthoven.surrogate.refraction import Refraction
from einthoven.training.machine import ONE_CORE, Machine
from einthoven.training.resume import FOLDER, discard
from einthoven.training.task import Schedule, Task, fit, seeded, torch_threads
from einthoven.training.tensors import load_model, load_weights, save_model

ARCHITECTURE = {
    "mlp": ("width", "n_frequencies", "frequency_scale"),
    "refraction": ("width", "rank", "n_frequencies", "frequency_scale", "code_at_electrodes"),
}
"""Keys of a config section that determine the network's tensors."""
DRAWN_AS = {"mlp": "paper"}
"""Weights and batches are drawn under a network's former name, so that they stay the same."""
HEART_SHARE = 0.75
"""Share of a batch's points in the myocardium, the only place that the ECG sees."""
N_VALIDATION_POINTS = 512
MUON_LR_FACTOR = 4.0
"""Muon's steps are longer than Adam's of the same learning rate."""


class Batch(NamedTuple):
    """Some points of some patients and what the network should say there."""

    inputs: Inputs
    grad: Tensor
    """[patient, electrode, point, 3] kOhm/mm."""


def new_network(model: str, n_latent: int, section: dict[str, Any]) -> Mlp | Refraction:
    """An untrained network; weights come from torch's global generator.

    Raises:
        BadInput: there is no such model, or the section lacks a key.
    """
    if model not in ARCHITECTURE:
        raise BadInput(f"model = {model!r}: expected one of {', '.join(ARCHITECTURE)}")
    network = Mlp if model == "mlp" else Refraction
    if missing := set(ARCHITECTURE[model]) - set(section):
        raise BadInput(
            f"{model} section: key {', '.join(sorted(missing))} is missing; in a checkpoint it "
            "tells another version of einthoven: train again"
        )
    return network(n_latent, **{key: section[key] for key in ARCHITECTURE[model]})


def normalise(network: Mlp | Refraction, samples: Iterable[Sample]) -> None:
    """Set the network's scales from the training patients.

    `scale` is the mean length of the gradient in the myocardium, in kOhm/mm; the refraction
    network's `gain` makes the incident field as long there. Codes are standardised; it also learns
    how far they reach.
    """
    codes, lengths, incident = [], [], []
    for sample in samples:
        codes.append(sample.inputs.latent)
        lengths.append(sample.grad[:, sample.heart].norm(dim=-1).mean())
        away = torch.cdist(sample.inputs.electrodes, sample.inputs.points[sample.heart])
        incident.append(away.pow(-2).mean())
    latent = torch.stack(codes)
    spread = latent.std(dim=0, correction=0)
    scale = torch.stack(lengths).mean()
    network.latent_mean.copy_(latent.mean(dim=0))
    network.latent_std.copy_(torch.where(spread > 1e-6, spread, 1.0))
    network.scale.copy_(scale)
    if isinstance(network, Refraction):
        network.gain.copy_(scale / torch.stack(incident).mean())
        network.latent_reach.copy_(network.code_lengths(latent).max())


class SurrogateTask(Task):
    """All electrodes (or a few) at some points of a few patients at a time."""

    def __init__(
        self,
        network: Mlp | Refraction,
        train: Patients,
        validation: Patients,
        *,
        points_per_batch: int,
        batch_patients: int,
        electrodes_per_batch: int,
        lambda_cos: float = 0.0,
    ):
        super().__init__()
        self.network, self.train_patients, self.validation = network, train, validation
        self.points, self.batch_patients = points_per_batch, min(batch_patients, len(train))
        self.electrodes, self.lambda_cos = electrodes_per_batch, lambda_cos

    @property
    def steps_per_epoch(self) -> int:
        """Every training patient occurs once in an epoch."""
        return -(-len(self.train_patients) // self.batch_patients)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """Random points of patients in random order."""
        order = torch.randperm(len(self.train_patients), generator=generator)
        for chosen in order.split(self.batch_patients):
            yield self._draw([self.train_patients[int(i)] for i in chosen], generator)

    def _draw(self, samples: list[Sample], generator: torch.Generator) -> Batch:
        n_heart = round(HEART_SHARE * self.points)
        inputs, grads = [], []
        for sample in samples:
            points = torch.cat(
                [
                    _choose(sample.heart, n_heart, generator),
                    _choose(sample.elsewhere, self.points - n_heart, generator),
                ]
            )
            n_electrodes = len(sample.grad)
            some = torch.randperm(n_electrodes, generator=generator)
            some = some[: self.electrodes or n_electrodes]
            inputs.append(sample.inputs.at(points).seen_from(some))
            grads.append(sample.grad[some[:, None], points])
        return Batch(Inputs.stack(inputs), torch.stack(grads))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Eq. (5) of Dokuchaev 2026, or its scale-free relative."""
        predicted = self.network(batch.inputs)
        cosine = cosine_loss(predicted, batch.grad)
        if isinstance(self.network, Refraction):
            return {"loss": scale_free_loss(predicted, batch.grad), "cosine": cosine}
        size = paper_loss(predicted, batch.grad, self.network.scale)
        return {"loss": size + self.lambda_cos * cosine, "size": size, "cosine": cosine}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Muon for the matrices of the refraction model but its last ones; Adam as published."""
        if not isinstance(self.network, Refraction):
            return super().parameter_groups()
        outputs = (self.network.trunk[-1], self.network.branch[-1])
        last = {id(p) for module in outputs for p in module.parameters()}
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in self.network.parameters():
            groups[parameter.ndim == 2 and id(parameter) not in last].append(parameter)
        return [{"params": groups[True], "muon": True, "lr_factor": MUON_LR_FACTOR},
                {"params": groups[False]}]  # fmt: skip

    def validate(self) -> dict[str, float]:
        """Errors in the validation hearts, at the same few points each time."""
        angles, errors = [], []
        for sample in self.validation:
            step = max(1, len(sample.heart) // N_VALIDATION_POINTS)
            index = sample.heart[::step]
            device = self.network.scale.device
            inputs = Inputs(*(t.to(device) for t in Inputs.stack([sample.inputs.at(index)])))
            predicted, true = self.network(inputs)[0].cpu(), sample.grad[:, index]
            cosine = cosine_similarity(predicted, true, dim=-1, eps=1e-12).clamp(-1, 1)
            angles.append(cosine.acos().rad2deg().mean())
            errors.append((predicted - true).norm(dim=-1).mean() / true.norm(dim=-1).mean())
        if not angles:
            return {}
        return {"val_angular_error_deg": float(torch.stack(angles).mean()),
                "val_magnitude_error_rel": float(torch.stack(errors).mean())}  # fmt: skip


def _choose(ids: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ids[torch.randint(len(ids), (n,), generator=generator)]


def train_surrogate(
    model: str,
    encoder: Encoder,
    store_path: str | Path,
    out_dir: str | Path,
    section: dict[str, Any],
    *,
    machine: Machine = ONE_CORE,
) -> list[dict[str, float]]:
    """Train one surrogate; write `model.safetensors` and `curve.csv`; return the curve.

    Weights depend on the training patients only; validation patients are watched, not used.

    Args:
        model: mlp or refraction.
        encoder: trained, with a code for every patient and signed distances.
        store_path: the consolidated store.
        out_dir: results/surrogates/{encoder}-{model}.
        section: the config section of that name.
        machine: threads, device, tracking.

    Raises:
        BadInput: unknown model, unreadable inputs, no training patients.
        StepFailed: training diverged.
    """
    out = Path(out_dir)
    decoded = out / FOLDER / "patients"
    train, validation = (Patients(store_path, encoder, s, decoded) for s in ("train", "val"))
    if not len(train):
        raise BadInput(f"{store_path}: no patient has split train")
    name = f"{encoder.name}-{DRAWN_AS.get(model, model)}"
    with seeded(section["seed"], name, "weights"):
        network = new_network(model, len(train[0].inputs.latent), section)
    with torch_threads(machine.n_threads):
        normalise(network, train)
        data = {"data_sha256": train.sha256(), "validation_sha256": validation.sha256()}
    task = SurrogateTask(network, train, validation,
                         points_per_batch=section["points_per_batch"],
                         batch_patients=section["batch_patients"],
                         electrodes_per_batch=section["electrodes_per_batch"],
                         lambda_cos=section.get("lambda_cos", 0.0))  # fmt: skip
    curve = fit(task, Schedule.of(section), seed=section["seed"], name=name, folder=out,
                validate_every=max(1, section["epochs"] // 10), machine=machine,
                parameters=section | data)  # fmt: skip
    with torch_threads(machine.n_threads):
        save_model(out / "model.safetensors", network.state_dict(), kind=model, config=section,
                   data_sha256=data["data_sha256"], package="einthoven.surrogate",
                   n_latent=len(network.latent_mean), encoder=encoder.name)  # fmt: skip
    discard(out)
    return curve


def load_surrogate(path: str | Path, model: str) -> Mlp | Refraction:
    """Read a network that `train_surrogate` wrote, ready to predict.

    Raises:
        BadInput: missing, damaged, or another kind of model.
    """
    tensors, about = load_model(path, kind=model)
    network = new_network(model, about["n_latent"], about["config"])
    load_weights(network, tensors, path)
    return network.eval()
