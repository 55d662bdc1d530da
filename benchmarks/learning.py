"""What each part of the surrogate is worth, and how good the whole is, on a finished data set.

Trains the refraction model with one ingredient changed at a time, and the whole with several
seeds, on the training patients of `--results` (the demo's by default) with its DeepSDF code.
Variants are compared on validation patients only; test patients are predicted by the whole
and the published network alone, beside the pseudo lead field and the discretisation floor: the
first test patient's mesh, subdivided and solved again.

Usage: python benchmarks/learning.py [--results DIR] [--config FILE] [--json OUT] [--seeds 1 2 3]
           [--encoder DIR] [--variants NAME ...] [--subdivisions N] [--threads N]
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning_data import Run
from torch import Tensor

from einthoven.conduction.action_potential import ECG_STEP_MS, template
from einthoven.config import load
from einthoven.core.errors import BadInput
from einthoven.encoders.harness import Schedule, fit, seeded
from einthoven.evaluation.evaluate import pseudo_gain, pseudo_prediction
from einthoven.evaluation.patient import Prediction, Reference, patient_errors
from einthoven.leadfield.conductivity import Conductivities, intracellular
from einthoven.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.surrogate.ensemble import Surrogate
from einthoven.surrogate.held_out import predict_patient
from einthoven.surrogate.inputs import Inputs
from einthoven.surrogate.paper import Paper
from einthoven.surrogate.patients import Sample
from einthoven.surrogate.refraction import Refraction
from einthoven.surrogate.train import Batch, SurrogateTask, new_network, normalise

ARCHITECTURE = ("width", "rank", "n_frequencies", "frequency_scale")
ADAM_RATE = 0.005
"""The best of 0.003, 0.005 and 0.008 for Adam on this model."""
SHOWN = ("angular_error_deg", "angular_error_precordial_deg", "magnitude_error_rel", "ecg_rel_l2")


class NoTensor(Refraction):
    """A stays the identity."""

    def trunk_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Modes alone."""
        tensor, modes = super().trunk_outputs(inputs)
        return torch.eye(3).expand_as(tensor), modes


class NoKernel(Refraction):
    """No Green kernel at stations."""

    def green_weights(self, met: Tensor) -> Tensor:
        """None."""
        return torch.zeros_like(super().green_weights(met))


class NoHarmonics(Refraction):
    """The incident field is that of a point on a curved skin, not bent."""

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """No bending."""
        weights, curvature, bend = super().branch_outputs(inputs)
        return weights, curvature, torch.zeros_like(bend)


class NoModes(Refraction):
    """No term of low rank that is free of the incident field."""

    def branch_outputs(self, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """No weights."""
        weights, curvature, bend = super().branch_outputs(inputs)
        return torch.zeros_like(weights), curvature, bend


class NoIncident(NoTensor, NoKernel):
    """Modes of low rank alone: trunk and branch, without physics."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Without the gain there is no point source."""
        self.gain.zero_()
        return super().forward(inputs)


def blind(*names: str) -> type[Refraction]:
    """The model without some of its inputs."""

    class Blind(Refraction):
        def forward(self, inputs: Inputs) -> Tensor:
            zeros = {name: torch.zeros_like(getattr(inputs, name)) for name in names}
            return super().forward(inputs._replace(**zeros))

    return Blind


class Wide(Refraction):
    """What is left to gain: twice the width and rank, and a Green kernel at 64 stations."""

    def __init__(self, n_latent: int, *, width: int, rank: int, **others: Any):
        super().__init__(n_latent, width=2 * width, rank=2 * rank, **others)

    @staticmethod
    def station_points() -> Tensor:
        """Points spread evenly over a sphere of 45 mm about the heart's origin (Fibonacci)."""
        k = torch.arange(64) + 0.5
        polar, around = torch.acos(1 - k / 32), math.pi * (1 + 5**0.5) * k
        ring = polar.sin()
        return 45.0 * torch.stack([ring * around.cos(), ring * around.sin(), polar.cos()], dim=1)


class Squares(SurrogateTask):
    """Squared relative errors and the cosine loss in place of relative lengths."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """As before this model: squares relative to the length, softened by 0.3 of the mean."""
        predicted = self.network(batch.inputs)
        weight = 1 / (batch.grad.norm(dim=-1, keepdim=True) + 0.3 * self.network.scale)
        size = ((predicted - batch.grad) * weight).square().sum(-1).mean()
        cosine = torch.nn.functional.cosine_similarity(predicted, batch.grad, dim=-1, eps=1e-12)
        return {"loss": size + 1 - cosine.mean()}


class Adam(SurrogateTask):
    """Adam for all weights."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group."""
        return [{"params": list(self.network.parameters())}]


WHOLE, PUBLISHED = "whole", "published network"
TESTED = (WHOLE, PUBLISHED)
VARIANTS: dict[str, tuple[type[Refraction], type[SurrogateTask]]] = {
    "whole": (Refraction, SurrogateTask),
    "without refraction tensor": (NoTensor, SurrogateTask),
    "without Green kernel": (NoKernel, SurrogateTask),
    "without bent incident field": (NoHarmonics, SurrogateTask),
    "without free modes": (NoModes, SurrogateTask),
    "without incident field": (NoIncident, SurrogateTask),
    "without local geometry": (blind("distance", "normal"), SurrogateTask),
    "without code": (blind("latent"), SurrogateTask),
    "without fibres": (blind("fiber"), SurrogateTask),
    "squares in place of lengths": (Refraction, Squares),
    "Adam in place of Muon": (Refraction, Adam),
    "reference: wider, 64 stations": (Wide, SurrogateTask),
}


def train(
    name: str, samples: Mapping[str, Sequence[Sample]], config: Any, seed: int, threads: int
) -> tuple[Refraction | Paper, dict[str, float]]:
    """One training: the network, its validation errors and its cost."""
    latent = len(samples["train"][0].inputs.latent)
    published = name == PUBLISHED
    section = (config.paper if published else config.refraction).model_dump()
    kind, task_kind = VARIANTS.get(name, (Paper, SurrogateTask))
    with seeded(seed, "learning", "weights"):
        if published:
            network = new_network("paper", latent, section)
        else:
            network = kind(latent, **{key: section[key] for key in ARCHITECTURE})
    normalise(network, samples["train"])
    task = task_kind(network, samples["train"], samples["val"],
                     points_per_batch=section["points_per_batch"],
                     batch_patients=section["batch_patients"],
                     electrodes_per_batch=section["electrodes_per_batch"],
                     lambda_cos=section.get("lambda_cos", 0.0))  # fmt: skip
    rate = ADAM_RATE if task_kind is Adam else section["learning_rate"]
    schedule = Schedule(section["epochs"], rate, section.get("halve_after_epochs", 0))
    start = time.process_time()
    curve = fit(task, schedule, seed=seed, name=f"learning: {name}",
                validate_every=section["epochs"], n_threads=threads)  # fmt: skip
    last = {key: its for key, its in curve[-1].items() if key.startswith("val_")}
    return network.eval(), last | {"core_seconds": time.process_time() - start}


def test_errors(run: Run, network: Refraction | Paper, threads: int) -> list[dict[str, float]]:
    """Errors of section 2.6 of Dokuchaev 2026 for every test patient."""
    sigma = Conductivities.from_section(run.config.leadfield.model_dump())
    errors = []
    for patient in run.names("test"):
        folder = run.folder / "patients" / patient
        f0 = run.stage(patient, "fibers", "f0")["f0"]
        reference = reference_of(run, patient)
        with tempfile.TemporaryDirectory() as temporary:
            out = Path(temporary) / "prediction.npz"
            predict_patient(
                Surrogate([network]), run.encoder, "benchmark", folder, out,
                activation={s: folder / f"activation_{s}.npz" for s in run.config.ecg.scenarios},
                sigma_i=intracellular(f0, sigma.sigma_il, sigma.sigma_it),
                time=reference.time, template=template(ECG_STEP_MS), n_threads=threads,
            )  # fmt: skip
            errors.append(patient_errors(reference, Prediction.load(out, reference)).values)
    return errors


def pseudo_errors(run: Run) -> dict[str, list[dict[str, float]]]:
    """Errors of the pseudo lead field (11), as it stands and scaled on the training hearts."""
    sigma = run.config.leadfield.sigma_torso_s_per_m

    def pseudo(points: np.ndarray, electrodes: np.ndarray) -> np.ndarray:
        return pseudo_lead_field_grad(points, electrodes, sigma)

    fields = [run.folder / "patients" / p / "field.npz" for p in run.names("train")]
    rows: dict[str, list[dict[str, float]]] = {}
    for name, gain in (("pseudo", 1.0), ("pseudo-scaled", pseudo_gain(fields, pseudo))):
        for patient in run.names("test"):
            reference = reference_of(run, patient)
            guess = pseudo_prediction(reference, pseudo, gain)
            rows.setdefault(name, []).append(patient_errors(reference, guess).values)
    return rows


def reference_of(run: Run, patient: str) -> Reference:
    """A patient's finite-element solution."""
    folder = run.folder / "patients" / patient
    batches = sorted(folder.glob("leadfield_b*.npz"))
    return Reference.load(folder, batches, run.config.leadfield.gradient)


def floor_deg(run: Run, patient: str, subdivisions: int) -> float:
    """Mean angle of a patient's own solution to the one on its mesh subdivided, nine leads."""
    from nested_meshes import Nest

    sites = run.stage(patient, "field")["electrode_points"][:9]
    setting = {name: dict(section) for name, section in run.config}
    nest = Nest(dict(run.stage(patient, "mesh")), subdivisions, setting, sites)
    return float(nest.angles(nest.coarse.recovered(nest.coarse.z)).mean())


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Mean and standard deviation of each error over rows."""
    return {key: [float(np.mean([row[key] for row in rows])),
                  float(np.std([row[key] for row in rows]))] for key in rows[0]}  # fmt: skip


def over_seeds(runs: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Errors [seed][patient]: spread over patients of the seeds' means, and the other way."""
    table = np.array([[[row[key] for key in SHOWN] for row in rows] for rows in runs])
    found = {}
    for name, means in (("patients", table.mean(axis=0)), ("seeds", table.mean(axis=1))):
        found[name] = summary([dict(zip(SHOWN, row.tolist(), strict=True)) for row in means])
    return found


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All trainings and predictions."""
    config = load(options.config)
    run = Run(options.results, config, options.encoder)
    samples = {split: run.samples(split) for split in ("train", "val")}
    found: dict[str, Any] = {"variants": {}, "test": {}, "threads": options.threads}
    found |= {f"n_{split}": len(run.names(split)) for split in ("train", "val", "test")}
    tested: dict[str, list[list[dict[str, float]]]] = {}
    for name in options.variants:
        rows = []
        for seed in options.seeds if name == WHOLE else options.seeds[:1]:
            network, row = train(name, samples, config, seed, options.threads)
            rows.append(row)
            if name in TESTED:
                tested.setdefault(name, []).append(test_errors(run, network, options.threads))
        found["variants"][name] = summary(rows) | {"seeds": len(rows)}
        angle, cost = (
            found["variants"][name][k] for k in ("val_angular_error_deg", "core_seconds")
        )
        say(f"{name:30s} validation {angle[0]:6.2f} +- {angle[1]:.2f} deg  {cost[0]:6.0f} core-s")
    tested |= {name: [rows] for name, rows in pseudo_errors(run).items()}
    for name, runs in tested.items():
        found["test"][name] = over_seeds(runs)
        for axis, row in found["test"][name].items():
            text = "  ".join(f"{k} {m:.4g} +- {s:.2g}" for k, (m, s) in row.items())
            say(f"test, {name}, SD over {axis}: {text}")
    if options.subdivisions:
        floor = floor_deg(run, run.names("test")[0], options.subdivisions)
        found["discretisation_floor_deg"] = floor
        say(f"discretisation floor {floor:.2f} deg")
    return found


def main() -> None:
    """Train, print the tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="results")
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", default=[*VARIANTS, PUBLISHED])
    parser.add_argument("--encoder", default="", help="folder; that of the run if not given")
    parser.add_argument("--subdivisions", type=int, default=2, help="0: no floor")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.variants) - {*VARIANTS, PUBLISHED}:
        known = ", ".join([*VARIANTS, PUBLISHED])
        raise BadInput(f"--variants: {', '.join(unknown)}: expected some of {known}")
    result = measure(options, lambda line: print(line, flush=True))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
