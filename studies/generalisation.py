"""Generalisation of the refraction model: fewer anatomies, other electrodes, other meshes.

Trains on the training patients of a finished run and predicts its test patients:
- learning curve: the first 10, 25, 50, .. training anatomies;
- electrodes: a belt around the chest, of which the training electrodes cover the front only, solved
  by finite elements on the test patients' own meshes;
- given: codes inferred from short-axis slices of the heart and points on the skin, with noise, in
  place of complete surfaces;
- extremes: trained on the hearts of less than the median volume, tested on the largest, and a
  training set of the same size drawn at random;
- meshes: errors against the first test patients' meshes subdivided and solved again, against the
  mean of three other meshes of the same size, and of a model that learned on another run
  (`--other`, e.g. the demo's coarser hearts).

Usage: python studies/generalisation.py --results DIR --config FILE [--encoder DIR]
           [--other DIR] [--epochs N] [--json OUT]
           [--parts curve electrodes given extremes meshes]
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning import WHOLE, train
from learning_data import LearningRun, belt

from einthoven.base.config import load
from einthoven.base.core.files import write_json
from einthoven.base.core.names import PRECORDIAL_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.body.anatomy.body import placed_body
from einthoven.data.patient.parameters import PatientParameters
from einthoven.learning.encoders.deepsdf.from_points import decoded_surfaces
from einthoven.learning.surrogate.ensemble import predict_gradient
from einthoven.learning.surrogate.networks import load_network
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.split_samples import PatientSample

SIZES = (10, 25, 50, 100)
BELT_DEG = np.arange(0, 360, 30)
HEIGHTS_MM = (-20.0, 30.0)
N_CELLS = 3000
N_NESTED = 2
N_GIVEN = 6
BOX_GRID = 49
PARTS = ("curve", "electrodes", "given", "extremes", "meshes")


def errors(network: Refraction, samples: list[PatientSample]) -> list[float]:
    """Mean angular error in each patient's heart, degrees."""
    found = []
    for sample in samples:
        predicted = predict_gradient(network, sample.inputs.at(sample.heart))
        found.append(
            float(angular_error_deg(predicted, sample.grad[:, sample.heart].numpy()).mean())
        )
    return found


def errors_of(network: Refraction, sample: PatientSample, chest: list[int]) -> list[float]:
    """Mean angular error in the heart over all electrodes and over some, degrees."""
    predicted = predict_gradient(network, sample.inputs.at(sample.heart))
    angle = angular_error_deg(predicted, sample.grad[:, sample.heart].numpy()).mean(axis=1)
    return [float(angle.mean()), float(angle[chest].mean())]


def spread(values: list[float]) -> list[float]:
    """Mean and standard deviation."""
    return [float(np.mean(values)), float(np.std(values))]


class GeneralisationStudy:
    """The run's samples, read once, and the model trained on all of its training patients."""

    def __init__(self, options: argparse.Namespace):
        self.config = load(options.config)
        self.run = LearningRun(options.results, self.config, options.encoder)
        self.epochs = options.epochs or self.config.refraction.epochs
        self.samples = {split: self.run.samples(split) for split in ("train", "val", "test")}
        self.steps = self.epochs * len(self.samples["train"])
        first = self.run.stage(self.run.names("test")[0], "field", "electrode_names")
        self.names = [str(name) for name in first["electrode_names"]]
        self.whole = self.trained(self.samples["train"])

    def trained(self, samples: list[PatientSample]) -> Refraction:
        """A model of some patients, with as many optimiser steps whatever their number."""
        epochs = max(1, self.steps // len(samples))
        section = self.config.refraction.model_copy(update={"epochs": epochs})
        config = self.config.model_copy(update={"refraction": section})
        return train(WHOLE, {"train": samples, "val": self.samples["val"]}, config, 1, 1)[0]

    def curve(self) -> dict[str, Any]:
        """Test errors against the number of training anatomies."""
        train_set = self.samples["train"]
        sizes = [n for n in SIZES if n < len(train_set)]
        nets = {n: self.trained(train_set[:n]) for n in sizes} | {len(train_set): self.whole}
        return {str(n): spread(errors(net, self.samples["test"])) for n, net in nets.items()}

    def electrodes(self) -> dict[str, Any]:
        """Test errors by the electrode's angle around the chest, from the front to the left."""
        found: dict[str, list[float]] = {str(a): [] for a in BELT_DEG}
        for patient in self.run.names("test"):
            anatomy = self.run.stage(patient, "anatomy")
            sites = np.concatenate([belt(anatomy, BELT_DEG, h) for h in HEIGHTS_MM])
            chosen, centroids, f0 = self.run.heart_cells(patient, N_CELLS)
            true = self.run.solve(patient, sites, chosen)
            mine = predict_gradient(self.whole, self.run.inputs(patient, centroids, f0, sites))
            angle = angular_error_deg(mine, true).mean(axis=1)
            for degrees, value in zip(np.tile(BELT_DEG, len(HEIGHTS_MM)), angle, strict=True):
                found[str(degrees)].append(float(value))
        return {key: spread(values) for key, values in found.items()}

    def given(self) -> dict[str, Any]:
        """Test errors of codes from parts of a body; pose of the heart and electrodes are known.

        The torso's box is that of the decoded skin.
        """
        from encoder import Case, code_of

        cases = [Case("complete surfaces")]
        cases += [Case(f"{s} slices, {n} skin points", s, n, 1.0)
                  for s, n in ((12, 50), (8, 50), (8, 20), (8, 10), (8, 0), (4, 20))]  # fmt: skip
        samples = self.config.sdf_samples.model_dump(exclude={"seed"})
        found: dict[str, list[list[float]]] = {case.name: [] for case in cases}
        for patient in self.run.names("test")[:N_GIVEN]:
            parameters = PatientParameters.load(self.run.folder / f"cohort/{patient}.json")
            body = placed_body(parameters, self.config.anatomy)
            for case in cases:
                rng = generator(1, "given", patient, case.name)
                code, _ = code_of(self.run.encoder, body, case, samples, rng)
                skin = decoded_surfaces(self.run.encoder, code, BOX_GRID)["torso"][0]
                box = torch.as_tensor(np.stack([skin.min(axis=0), skin.max(axis=0)])).float()
                sample = self.run.sample(patient, code)
                sample = sample._replace(inputs=sample.inputs._replace(box=box))
                chest = [self.names.index(name) for name in PRECORDIAL_ELECTRODES]
                found[case.name].append(errors_of(self.whole, sample, chest))
        return {
            name: {"heart": spread([r[0] for r in rows]), "V1 to V6": spread([r[1] for r in rows])}
            for name, rows in found.items()
        }

    def extremes(self) -> dict[str, Any]:
        """Small hearts learned, the largest tested; beside as many hearts of any size."""
        size = {
            split: np.array([self.heart_ml(p) for p in self.run.names(split)])
            for split in ("train", "test")
        }
        half = np.median(size["train"])
        small = [s for s, ml in zip(self.samples["train"], size["train"]) if ml < half]
        large = [s for s, ml in zip(self.samples["test"], size["test"])
                 if ml > np.quantile(size["test"], 0.75)]  # fmt: skip
        return {
            "small_hearts_only": spread(errors(self.trained(small), large)),
            "any_hearts": spread(errors(self.trained(self.samples["train"][: len(small)]), large)),
            "median_ml": float(half),
        }

    def heart_ml(self, patient: str) -> float:
        """Volume of a patient's myocardium."""
        return float(self.run.patient(patient).heart.volumes.sum() / 1000)

    def meshes(self) -> dict[str, Any]:
        """Angles of finite elements and of the model to the solution on a subdivided mesh."""
        from nested_meshes import Nest
        from other_mesh import Meshes

        rows: dict[str, list[float]] = {}
        for patient in self.run.names("test")[:N_NESTED]:
            meshes = Meshes(self.run, patient)
            nest = Nest(meshes.patient.mesh, 1, self.config, meshes.sites)
            own = nest.coarse.recovered(nest.coarse.z)
            inputs = self.run.inputs(patient, meshes.centroids, nest.coarse.f0, meshes.sites)
            mine = predict_gradient(self.whole, inputs)
            consensus = np.mean(meshes.others, axis=0)
            found = {
                "finite elements to finer mesh, deg": float(nest.angles(own).mean()),
                "model to finer mesh, deg": float(nest.angles(mine).mean()),
                "model to own mesh, deg": float(nest.angles(mine, own).mean()),
            }
            for name, guess in (("finite elements", meshes.own), ("model", mine)):
                for key, value in meshes.errors(guess, consensus).items():
                    found[f"{name} to other meshes' mean, {key}"] = value
            for key, value in meshes.noise().items():
                found[f"finite elements to one other mesh, {key}"] = value
            for key, value in found.items():
                rows.setdefault(key, []).append(value)
        return {key: spread(values) for key, values in rows.items()}

    def transfer(self, other: str) -> list[float]:
        """Test errors here of the model that another run has trained, with that run's encoder."""
        network = load_network(
            Path(other) / "surrogates/deepsdf-refraction/model.safetensors", "refraction"
        )
        run = LearningRun(self.run.folder, self.config, Path(other) / "encoders/deepsdf")
        samples = []
        for patient in self.run.names("test"):
            sdf = self.run.stage(patient, "sdf")
            n = run.encoder.config.infer_points
            code = run.encoder.infer(sdf["sdf_points"][:n], sdf["sdf"][:n])
            samples.append(run.sample(patient, code))
        return spread(errors(network, samples))


def main() -> None:
    """Train, predict, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="results")
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--encoder", default="", help="folder; that of the run if not given")
    parser.add_argument("--other", default="")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = GeneralisationStudy(options)
    result: dict[str, Any] = {f"n_{k}": len(v) for k, v in study.samples.items()}
    result["test"] = spread(errors(study.whole, study.samples["test"]))
    print("test", result["test"], flush=True)
    parts = {part: getattr(study, part) for part in options.parts}
    if options.other:
        parts["transfer"] = partial(study.transfer, options.other)
    for part, measured in parts.items():
        result[part] = measured()
        print(part, json.dumps(result[part], indent=1), flush=True)
        if options.json:
            write_json(options.json, result)


if __name__ == "__main__":
    main()
