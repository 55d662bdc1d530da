"""An operator on the incident field, trained and judged on bodies of any kind.

    snakemake --cores 8 --configfile config/any_body.yaml -- dataset
    python studies/any_body.py results/patients --config config/any_body.yaml --out OPERATOR \
        [--others FOLDER ...] [--json OUT]

Learns from the anatomies and field samples of the patients of split train, watches those of val,
and compares gradients in the myocardium of the test patients, and of `--others` (folders of
imported patients, of whom nothing is learned), with those of the finite elements: the operator, the
torso without heart (its input), and the pseudo lead field. Angles are means over points and
electrodes, in degrees; the relative error is that of the mean lengths.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from einthoven.config import load
from einthoven.config.learning import OperatorModel
from einthoven.config.models import Leadfield
from einthoven.core.files import write_json
from einthoven.core.tags import Tissue
from einthoven.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.metrics.fields import angular_error_deg
from einthoven.patient.patient import Patient
from einthoven.surrogate.operator.network import IncidentOperator
from einthoven.surrogate.operator.train import OperatorSample, operator_sample, train_operator
from einthoven.training.machine import Machine


def patients_in(folders: Iterable[Path]) -> list[Patient]:
    """Those with field samples, by name."""
    return [Patient.open(f) for f in sorted(folders) if (f / "field.npz").exists()]


def errors(network: IncidentOperator, patient: Patient, usual: Leadfield) -> dict[str, float]:
    """Of one patient: angles of the three, and the operator's relative error."""
    sample, field = operator_sample(patient, usual), patient.field
    with torch.inference_mode():
        found = network(sample.inputs, sample.inputs).numpy()
    inside, true = field.field_tissue == Tissue.MYOCARDIUM, sample.grad.numpy()
    pseudo = pseudo_lead_field_grad(field.field_points[inside], field.electrode_points, 1.0)
    precordial = [k for k, name in enumerate(field.electrode_names) if str(name).startswith("V")]
    angle = angular_error_deg(found, true)
    return {
        "angle_deg": float(angle.mean()),
        "precordial_deg": float(angle[precordial].mean()),
        "rel": float(np.linalg.norm(found - true, axis=-1).mean()
                     / np.linalg.norm(true, axis=-1).mean()),
        "torso_angle_deg": float(angular_error_deg(sample.inputs.incident.numpy(), true).mean()),
        "pseudo_angle_deg": float(
            angular_error_deg(pseudo @ patient.anatomy.heart_rotation, true).mean()
        ),
    }  # fmt: skip


def main() -> None:
    """Train, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("patients", type=Path, help="folder with a folder of stage files per patient")
    add("--config", default="config/any_body.yaml", help="for the conductivities of all")
    add("--others", nargs="*", type=Path, default=[], help="folders of patients, only for tests")
    add("--out", type=Path, required=True, help="folder for the operator")
    add("--epochs", type=int, default=OperatorModel().epochs)
    add("--json", type=Path)
    args = parser.parse_args()
    usual = load(args.config).leadfield
    patients = patients_in(args.patients.iterdir())
    samples: dict[str, list[OperatorSample]] = {
        split: [operator_sample(p, usual) for p in patients if p.anatomy.split == split]
        for split in ("train", "val")
    }
    config = OperatorModel(epochs=args.epochs)
    machine = Machine.from_environment()
    network, curve = train_operator(config, samples["train"], samples["val"], args.out, machine)
    judged = [p for p in patients if p.anatomy.split == "test"] + patients_in(args.others)
    found = {p.name: errors(network, p, usual) for p in judged}
    for name, row in found.items():
        print(name, {key: round(value, 3) for key, value in row.items()})
    if args.json:
        about = {"n_train": len(samples["train"]), "epochs": args.epochs, "curve": curve[-1]}
        write_json(args.json, about | {"patients": found})


if __name__ == "__main__":
    main()
