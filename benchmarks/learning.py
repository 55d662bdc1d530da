"""What each part of the surrogate is worth, and how good the whole is, on a finished data set.

Trains the refraction model with one ingredient changed at a time, and the whole with several
seeds, on the training patients of `--results` (the demo's by default) with its DeepSDF code.
Variants are compared on validation patients only; test patients are predicted by the whole
alone, beside the pseudo lead field, the published network (from the run's own metrics) and the
discretisation floor: the first test patient's mesh, subdivided and solved again.

Usage: python benchmarks/learning.py [--results DIR] [--config FILE] [--json OUT] [--seeds 1 2 3]
           [--variants NAME ...] [--subdivisions N] [--threads N]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from einthoven.conduction.action_potential import ECG_STEP_MS, template
from einthoven.config import load
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, read_json
from einthoven.encoders.harness import Schedule, fit, seeded
from einthoven.encoders.train import load_encoder
from einthoven.evaluation.patient import Prediction, Reference, patient_errors
from einthoven.leadfield.conductivity import Conductivities, intracellular
from einthoven.surrogate.ensemble import Surrogate
from einthoven.surrogate.held_out import predict_patient
from einthoven.surrogate.inputs import Inputs
from einthoven.surrogate.patients import Patients
from einthoven.surrogate.refraction import Refraction
from einthoven.surrogate.train import Batch, SurrogateTask, normalise

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
}


def train(
    name: str, patients: Mapping[str, Patients], section: dict[str, Any], seed: int, threads: int
) -> tuple[Refraction, dict[str, float]]:
    """One training: the network, its validation errors and its cost."""
    kind, task_kind = VARIANTS[name]
    latent = len(patients["train"][0].inputs.latent)
    with seeded(seed, "learning", "weights"):
        network = kind(latent, **{key: section[key] for key in ARCHITECTURE})
    normalise(network, patients["train"])
    task = task_kind(network, patients["train"], patients["val"],
                     points_per_batch=section["points_per_batch"],
                     batch_patients=section["batch_patients"],
                     electrodes_per_batch=section["electrodes_per_batch"],
                     lambda_cos=0.0)  # fmt: skip
    rate = ADAM_RATE if task_kind is Adam else section["learning_rate"]
    start = time.process_time()
    curve = fit(task, Schedule(section["epochs"], rate), seed=seed, name=f"learning: {name}",
                validate_every=section["epochs"], n_threads=threads)  # fmt: skip
    last = {key: its for key, its in curve[-1].items() if key.startswith("val_")}
    return network.eval(), last | {"core_seconds": time.process_time() - start}


def test_errors(
    network: Refraction, results: Path, config: Any, tests: Sequence[str], threads: int
) -> list[dict[str, float]]:
    """Errors of section 2.6 of Dokuchaev 2026 for every test patient, from stage files."""
    encoder = load_encoder("deepsdf", results / "encoders/deepsdf")
    sigma = Conductivities.from_section(config.leadfield.model_dump())
    errors = []
    for patient in tests:
        folder = results / "patients" / patient
        f0 = load_arrays(folder / "fibers.npz", ["f0"])["f0"]
        reference = reference_of(folder, config)
        with tempfile.TemporaryDirectory() as temporary:
            out = Path(temporary) / "prediction.npz"
            predict_patient(
                Surrogate([network]), encoder, "refraction", folder, out,
                activation={s: folder / f"activation_{s}.npz" for s in config.ecg.scenarios},
                sigma_i=intracellular(f0, sigma.sigma_il, sigma.sigma_it),
                time=reference.time, template=template(ECG_STEP_MS), n_threads=threads,
            )  # fmt: skip
            errors.append(patient_errors(reference, Prediction.load(out, reference)).values)
    return errors


def reference_of(folder: Path, config: Any) -> Reference:
    """A patient's finite-element solution."""
    return Reference.load(
        folder, sorted(folder.glob("leadfield_b*.npz")), config.leadfield.gradient
    )


def floor_deg(folder: Path, config: Any, subdivisions: int) -> float:
    """Mean angle of a patient's own solution to the one on its mesh subdivided, nine leads."""
    from nested_meshes import Nest

    mesh = {k: v for k, v in load_arrays(folder / "mesh.npz").items()}
    sites = load_arrays(folder / "anatomy.npz", ["site_points"])["site_points"][:9]
    setting = {name: dict(section) for name, section in config}
    nest = Nest(mesh, subdivisions, setting, sites)
    found = nest.coarse.recovered(nest.coarse.z)
    return float(nest.angles(found).mean())


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Mean and standard deviation of each error over rows."""
    return {key: [float(np.mean([row[key] for row in rows])),
                  float(np.std([row[key] for row in rows]))] for key in rows[0]}  # fmt: skip


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All trainings and predictions."""
    results, config = Path(options.results), load(options.config)
    section = config.refraction.model_dump() | (
        {"epochs": options.epochs} if options.epochs else {}
    )
    store = results / "dataset/einthoven.zarr.zip"
    encoder = load_encoder("deepsdf", results / "encoders/deepsdf")
    patients = {split: Patients(store, encoder, split) for split in ("train", "val")}
    found: dict[str, Any] = {"variants": {}, "test": {}, "threads": options.threads}
    found |= {f"n_{split}": len(its) for split, its in patients.items()}
    latents = encoder.latents
    tests = [p for p, s in zip(latents.patient, latents.split, strict=True) if s == "test"]
    whole = []
    for name in options.variants:
        seeds = options.seeds if name == "whole" else options.seeds[:1]
        rows = []
        for seed in seeds:
            network, row = train(name, patients, section, seed, options.threads)
            rows.append(row)
            if name == "whole":
                errors = test_errors(network, results, config, tests, options.threads)
                whole.append(errors)
        found["variants"][name] = summary(rows) | {"seeds": len(rows)}
        angle, cost = (
            found["variants"][name][k] for k in ("val_angular_error_deg", "core_seconds")
        )
        say(f"{name:30s} validation {angle[0]:6.2f} +- {angle[1]:.2f} deg  {cost[0]:6.0f} core-s")
    if whole:
        over_seeds = [[{k: e[k] for k in SHOWN} for e in errors] for errors in whole]
        patients_mean = [
            {k: float(np.mean([errors[i][k] for errors in over_seeds])) for k in SHOWN}
            for i in range(len(tests))
        ]
        found["test"]["refraction"] = summary(patients_mean)
        found["test"]["refraction, over seeds"] = summary(
            [{k: float(np.mean([e[k] for e in errors])) for k in SHOWN} for errors in over_seeds]
        )
    methods = read_json(results / "report/metrics.json")["methods"]
    for method in ("pseudo", "pca-paper", "deepsdf-paper"):
        if method in methods:
            row = methods[method]
            found["test"][method] = {k: [row[k]["mean"], row[k]["std"]] for k in SHOWN if k in row}
    floor = floor_deg(results / "patients" / tests[0], config, options.subdivisions)
    found["test"]["discretisation floor"] = {"angular_error_deg": [floor, 0.0]}
    for method, row in found["test"].items():
        say(f"{method:30s} " + "  ".join(f"{k} {m:.4g} +- {s:.2g}" for k, (m, s) in row.items()))
    return found


def main() -> None:
    """Train, print the tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="results")
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--epochs", type=int, default=0, help="0: as the config says")
    parser.add_argument("--subdivisions", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.variants) - set(VARIANTS):
        raise BadInput(f"--variants: {', '.join(unknown)}: expected some of {', '.join(VARIANTS)}")
    result = measure(options, lambda line: print(line, flush=True))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
