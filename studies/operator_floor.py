"""How far the finite elements that judge an operator are themselves from finer ones.

    python studies/operator_floor.py FOLDER --config config/any_body.yaml [--first N]
        [--model FOLDER] [--json OUT]

The meshes of the first N patients of split test in FOLDER (as `studies/any_body_patients.py` keeps
them) are subdivided: every tetrahedron into eight of the same polyhedron, fibres computed anew.
Gradients are compared at the centroids of the coarse heart cells: those of the coarse mesh, which
judge the operator elsewhere, and those of the operator, with those of the fine mesh. Angles are
means over volume and the nine electrodes of the 12-lead ECG; the ECG's relative l2 error, of the
patient's own beats on the coarse mesh, is the mean over leads.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from nested_meshes import Nest

from einthoven.base.config import Config, load
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics.fields import angular_error_deg, rel_l2, weighted_mean
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
from einthoven.learning.surrogate.operator.inputs import conductivities_of
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg

STAGES = ("mesh", "fibers", "lead_fields", "field", "ecg")


def patients_in(folder: Path, first: int) -> list[Patient]:
    """The first test patients that are whole, by name.

    Raises:
        BadInput: there is none.
    """
    found = (Patient.open(path.parent) for path in sorted(folder.glob("*/ecg.npz")))
    whole = (p for p in found if p.anatomy.split == "test" and all(map(p.has, STAGES)))
    chosen = [patient for patient, _ in zip(whole, range(first))]
    if not chosen:
        raise BadInput(f"{folder}: nobody of split test has {', '.join(STAGES)}; "
                       "studies/any_body_patients.py makes them")  # fmt: skip
    return chosen


def row(patient: Patient, config: Config, model: Pretrained) -> dict[str, Any]:
    """Errors of the coarse finite elements and of the operator."""
    began, heart = time.process_time(), patient.heart
    solved = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    electrodes = solved.electrodes
    sigma = conductivities_of(patient, config.leadfield)
    own = config.model_copy(update={"leadfield": sigma})
    nest = Nest(patient.mesh, 1, own, electrodes.points)
    durations = RepolarisationSettings.model_validate(patient.ecg.settings or {})
    settings = SimulationSettings(config.ecg, sigma, durations)
    beats = list(patient.activations.values())

    def ecg(grad: np.ndarray) -> np.ndarray:
        fields = LeadFieldGradients(electrodes.names, electrodes.points, grad)
        return simulate_ecg(patient, fields, beats, settings).ecg

    coarse = solved.gradients(heart, "recovered").grad
    predicted = model.predict(patient, electrodes, sigma).heart_grad
    true = ecg(nest.reference)
    pairs = {
        "coarse": (coarse, nest.reference),
        "operator": (predicted, nest.reference),
        "operator_to_coarse": (predicted, coarse),
    }
    errors = {
        name: weighted_mean(angular_error_deg(*pair), heart.volumes).mean()
        for name, pair in pairs.items()
    }
    return {
        "n_cells": len(heart.cells),
        **{f"{name}_deg": float(error) for name, error in errors.items()},
        "coarse_ecg_rel_l2": float(rel_l2(ecg(coarse), true).mean()),
        "operator_ecg_rel_l2": float(rel_l2(ecg(predicted), true).mean()),
        "seconds": time.process_time() - began,
    }


def main() -> None:
    """Judge, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("patients", type=Path, help="folder with a folder of stage files per patient")
    add("--config", default="config/any_body.yaml")
    add("--first", type=int, default=10, help="number of patients")
    add("--model", type=Path, default=SHIPPED, help="folder of a packed model")
    add("--json", type=Path)
    args = parser.parse_args()
    config, model, rows = load(args.config), Pretrained.load(args.model), {}
    try:
        patients = patients_in(args.patients, args.first)
    except BadInput as error:
        sys.exit(f"operator_floor: {error}")
    for patient in patients:
        rows[patient.name] = row(patient, config, model)
        print(patient.name, {k: round(v, 3) for k, v in rows[patient.name].items()}, flush=True)
        if args.json:
            write_json(args.json, {"config": str(args.config), "patients": rows})


if __name__ == "__main__":
    main()
