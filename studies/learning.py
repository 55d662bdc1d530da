"""Ablations of the surrogate and its accuracy, on a finished data set.

Trains the refraction model with one ingredient changed at a time, and the whole with several
seeds, on the training patients of `--results` (the demo's by default) with its DeepSDF code.
Variants are compared on validation patients only; test patients are predicted by the whole
and the published network alone, beside the pseudo lead field and two floors: how far the finite
elements are from those on another mesh of the same size (first three test patients), and from
those on the same mesh, subdivided (the first one).

Usage: python studies/learning.py [--results DIR] [--config FILE] [--json OUT] [--seeds 1 2 3]
           [--encoder DIR] [--keep DIR] [--variants NAME ...] [--subdivisions N] [--threads N]
"""

import argparse
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from learning_data import LearningRun
from learning_variants import PUBLISHED, VARIANTS, WHOLE, Adam, Variant
from other_mesh import Meshes

from einthoven.app.evaluation.evaluate import PseudoLeadField
from einthoven.app.evaluation.patient_errors import PatientErrors, ReferenceFields, patient_errors
from einthoven.app.evaluation.tables import method_row, spread
from einthoven.base.config import load
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.seeds import derive_seed
from einthoven.base.metrics.surfaces import reconstruction_chamfer
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.predictor import Predictor, predict_held_out
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.mlp import Mlp
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.split_samples import PatientSample
from einthoven.numerics.training.fit import TrainingRun as Training
from einthoven.numerics.training.fit import fit, write_curve
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.task import seeded
from einthoven.numerics.training.tensors import arrays_sha256, save_model
from einthoven.physics.ecg.simulate import SimulationSettings

ADAM_RATE = 0.005
"""The best of 0.003, 0.005 and 0.008 for Adam on this model."""
TESTED = (WHOLE, PUBLISHED)
N_MESHED_AGAIN = 3
SHOWN = ("angular_error_deg", "angular_error_precordial_deg", "magnitude_error_rel", "ecg_rel_l2")


def train(
    name: str, samples: Mapping[str, Sequence[PatientSample]], config: Any, seed: int, threads: int
) -> tuple[Refraction | Mlp, list[dict[str, float]], dict[str, float]]:
    """One training: the network, its curve, its validation errors and its cost."""
    latent = len(samples["train"][0].inputs.latent)
    published = name == PUBLISHED
    variant = VARIANTS.get(name, Variant())
    kind, section = (Mlp, config.mlp) if published else (variant.network, config.refraction)
    if kind is Adam:
        section = section.model_copy(update={"learning_rate": ADAM_RATE})
    with seeded(seed, "learning", "weights"):
        network = kind(section, latent)
    network.fit_scales(samples["train"])
    task = variant.task(network, samples["train"], samples["val"], section)
    start = time.process_time()
    key = f"learning: {name}"
    about = Training(key, derive_seed(seed, key, "batches"), validate_every=section.epochs)
    curve = fit(task, kind.schedule(section), about, Machine(threads))
    last = {key: its for key, its in curve[-1].items() if key.startswith("val_")}
    return network.eval(), curve, last | {"core_seconds": time.process_time() - start}


def test_errors(run: LearningRun, network: Refraction | Mlp, threads: int) -> list[PatientErrors]:
    """Errors of section 2.6 of Dokuchaev 2026 for every test patient."""
    predictor, config = Predictor(run.encoder, SurrogateEnsemble([network])), run.config
    errors = []
    for name in run.names("test"):
        patient = run.patient(name)
        found = predict_held_out(predictor, patient, machine=Machine(threads))
        activations = [patient.activation(scenario) for scenario in config.ecg.scenarios]
        found = with_ecg(found, patient, activations, SimulationSettings.of(config))
        errors.append(patient_errors(reference_of(run, name), found))
    return errors


def pseudo_errors(run: LearningRun) -> dict[str, list[PatientErrors]]:
    """Errors of the pseudo lead field (11), as it stands and scaled on the training hearts."""
    training = (run.patient(name).field for name in run.names("train"))
    pseudo = PseudoLeadField.fitted(training, run.config.leadfield.sigma_torso_s_per_m)
    rows: dict[str, list[PatientErrors]] = {}
    for patient in run.names("test"):
        reference = reference_of(run, patient)
        for name, guess in pseudo.predictions(reference).items():
            rows.setdefault(name, []).append(patient_errors(reference, guess))
    return rows


def reference_of(run: LearningRun, patient: str) -> ReferenceFields:
    """A patient's finite-element solution."""
    return ReferenceFields.of(run.patient(patient), run.config.leadfield.gradient)


def floor_deg(run: LearningRun, patient: str, subdivisions: int) -> float:
    """Mean angle of a patient's own solution to the one on its mesh subdivided, nine leads."""
    from nested_meshes import Nest

    sites = run.stage(patient, "field")["electrode_points"][:9]
    nest = Nest(run.patient(patient).mesh, subdivisions, run.config, sites)
    return float(nest.angles(nest.coarse.recovered(nest.coarse.z)).mean())


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Mean and standard deviation of each error over rows."""
    return {key: [float(np.mean([row[key] for row in rows])),
                  float(np.std([row[key] for row in rows]))] for key in rows[0]}  # fmt: skip


def over_seeds(runs: Sequence[Sequence[PatientErrors]]) -> dict[str, dict[str, list[float]]]:
    """Errors [seed][patient]: spread over patients of the seeds' means, and the other way."""
    table = np.array([[[row.values[key] for key in SHOWN] for row in rows] for rows in runs])
    found = {}
    for name, means in (("patients", table.mean(axis=0)), ("seeds", table.mean(axis=1))):
        found[name] = summary([dict(zip(SHOWN, row.tolist(), strict=True)) for row in means])
    return found


def row_text(title: str, row: Mapping[str, Sequence[float]]) -> str:
    """A line with mean and standard deviation of each error."""
    return f"{title}: " + "  ".join(f"{k} {m:.4g} +- {s:.2g}" for k, (m, s) in row.items())


def chamfer_rows(run: LearningRun) -> dict[str, dict[str, float | int]]:
    """Chamfer distances of test patients' decoded surfaces, as metrics.json has them."""
    found: dict[str, list[float]] = {}
    for patient in run.names("test"):
        decoded = partial(run.encoder.signed_distances, patient)
        surfaces, grid = run.patient(patient).anatomy.surfaces, run.config.learning.chamfer_grid
        for surface, kinds in reconstruction_chamfer(surfaces, decoded, grid).items():
            for kind, value in kinds.items():
                key = f"chamfer_{kind.removesuffix('_mm')}_{surface}_mm"
                found.setdefault(key, []).append(value)
    return {key: spread(values) for key, values in found.items()}


def keep(
    folder: Path,
    run: LearningRun,
    train_set: Sequence[PatientSample],
    network: Refraction | Mlp,
    curve: list[dict[str, float]],
    tested: Mapping[str, list[list[PatientErrors]]],
) -> None:
    """Write encoder, the first seed's network and metrics as a run has them, for packing."""
    shutil.copytree(run.encoder_folder, folder / "encoders/deepsdf", dirs_exist_ok=True)
    out = folder / "surrogates/deepsdf-refraction"
    arrays = [t.numpy() for sample in train_set for t in (*sample.inputs, sample.grad)]
    save_model(out / "model.safetensors", network.state_dict(), kind="refraction",
               config=run.config.refraction.model_dump(), data_sha256=arrays_sha256(*arrays),
               package="einthoven.learning.surrogate", n_latent=len(network.latent_mean),
               encoder="deepsdf", constants=network.constants)  # fmt: skip
    write_curve(out / "curve.csv", curve)
    names = {WHOLE: "deepsdf-refraction", PUBLISHED: "deepsdf-mlp"}
    patients = run.names("test")
    methods = {names.get(name, name): method_row(dict(zip(patients, runs[0], strict=True)), {})
               for name, runs in tested.items()}  # fmt: skip
    report = {"patients": patients, "methods": methods, "encoders": {"deepsdf": chamfer_rows(run)}}
    write_json(folder / "report/metrics.json", report)


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All trainings and predictions."""
    config = load(options.config)
    run = LearningRun(options.results, config, options.encoder)
    samples = {split: run.samples(split) for split in ("train", "val")}
    found: dict[str, Any] = {"variants": {}, "test": {}, "threads": options.threads}
    found |= {f"n_{split}": len(run.names(split)) for split in ("train", "val", "test")}
    tested: dict[str, list[list[PatientErrors]]] = {}
    kept: tuple[Refraction | Mlp, list[dict[str, float]]] | None = None
    for name in options.variants:
        rows, data = [], VARIANTS.get(name, Variant()).data
        given = run.changed(samples, data) if data else samples
        for seed in options.seeds if name == WHOLE else options.seeds[:1]:
            network, curve, row = train(name, given, config, seed, options.threads)
            rows.append(row)
            if name == WHOLE and not kept:
                kept = network, curve
            if name in TESTED:
                tested.setdefault(name, []).append(test_errors(run, network, options.threads))
                say(
                    row_text(
                        f"test, {name}, seed {seed}", over_seeds(tested[name][-1:])["patients"]
                    )
                )
        found["variants"][name] = summary(rows) | {"seeds": len(rows)}
        angle, cost = (
            found["variants"][name][k] for k in ("val_angular_error_deg", "core_seconds")
        )
        report(options.json, found)
        say(f"{name:30s} validation {angle[0]:6.2f} +- {angle[1]:.2f} deg  {cost[0]:6.0f} core-s")
    tested |= {name: [rows] for name, rows in pseudo_errors(run).items()}
    for name, runs in tested.items():
        found["test"][name] = over_seeds(runs)
        for axis, row in found["test"][name].items():
            say(row_text(f"test, {name}, SD over {axis}", row))
    if options.keep and kept:
        keep(Path(options.keep), run, samples["train"], *kept, tested)
    noise = [Meshes(run, patient).noise() for patient in run.names("test")[:N_MESHED_AGAIN]]
    found["test"]["finite elements, meshed again"] = {"patients": summary(noise)}
    say(row_text("test, finite elements, meshed again, SD over patients", summary(noise)))
    report(options.json, found)
    if options.subdivisions:
        floor = floor_deg(run, run.names("test")[0], options.subdivisions)
        found["discretisation_floor_deg"] = floor
        say(f"discretisation floor {floor:.2f} deg")
        report(options.json, found)
    return found


def report(path: str | None, found: Mapping[str, Any]) -> None:
    """Write what there is: a training is too long to lose."""
    if path:
        write_json(path, found)


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
    parser.add_argument("--keep", default="", help="folder for the model, as ship_model takes it")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.variants) - {*VARIANTS, PUBLISHED}:
        known = ", ".join([*VARIANTS, PUBLISHED])
        raise BadInput(f"--variants: {', '.join(unknown)}: expected some of {known}")
    measure(options, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
