"""An operator on the incident field, trained and judged on bodies of any kind.

    python studies/any_body_patients.py config/any_body.yaml results
    python studies/any_body.py results/patients --config config/any_body.yaml --out OPERATOR \
        [--members 3] [--start OPERATOR] [--distil OPERATOR] [--without CLASS] [--others FOLDER ...]
        [--samples FOLDER] [--json OUT]

Learns from the anatomies and field samples of the patients of split train (also from `field_2.npz`
and so on, of further conductivities), is calibrated on those of val, and compares gradients in the
myocardium of the test patients, and of `--others` (folders of imported patients, of whom nothing is
learned), with those of the finite elements: the operator, the torso without heart (its input), and
the pseudo lead field. Angles are means over points and electrodes, in degrees; the relative error
is that of the mean lengths. A network whose file is in OPERATOR is not trained again. With
`--without` a class of bodies is in neither train nor val, and all of it is judged.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from body_classes import CLASSES

from einthoven.base.config import load
from einthoven.base.config.learning import OperatorSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import atomic, write_json
from einthoven.base.core.tags import Tissue
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.metrics.reliability import bound_ratio
from einthoven.data.patient.patient import Patient
from einthoven.learning.surrogate.members import (
    UNCERTAINTY_FILE,
    member_file,
    member_files,
)
from einthoven.learning.surrogate.operator.calibration import calibrate_operator
from einthoven.learning.surrogate.operator.distil import distil_operator
from einthoven.learning.surrogate.operator.inputs import OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.train import (
    OperatorSample,
    operator_sample,
    train_operator,
)
from einthoven.numerics.training.machine import Machine
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad


def patients_in(folders: Iterable[Path]) -> list[Patient]:
    """Patients with field samples, by name."""
    return [Patient.open(f) for f in sorted(folders) if (f / "field.npz").exists()]


def with_others(patient: Patient, folder: Path) -> Iterator[tuple[str, Patient]]:
    """The patient, and the same with each further draw of conductivities, with names of files."""
    yield patient.name, patient
    for file in sorted(folder.glob("field_*.npz")):
        name = patient.name + file.stem.removeprefix("field")
        yield name, Patient.of_files(anatomy=folder / "anatomy.npz", field=file)


def sample_of(
    patient: Patient, usual: LeadFieldSettings, folder: Path | None, name: str = ""
) -> OperatorSample:
    """Training sample of a patient, cached in a folder: it takes a second or two."""
    if folder is None:
        return operator_sample(patient, usual)
    file = folder / f"{name or patient.name}.pt"
    if not file.exists():
        sample = operator_sample(patient, usual)
        with atomic(file) as temporary:
            torch.save([*sample.inputs, sample.grad], temporary)
    *inputs, grad = torch.load(file, weights_only=True)
    return OperatorSample(OperatorInputs(*inputs), grad)


def errors(operator: OperatorEnsemble, patient: Patient, sample: OperatorSample) -> dict[str, Any]:
    """Results of one patient: three angles, the operator's relative error, coverage, check."""
    field, true = patient.field, sample.grad.numpy()
    found, sd = operator.predict(sample.inputs)
    inside = field.field_tissue == Tissue.MYOCARDIUM
    pseudo = pseudo_lead_field_grad(field.field_points[inside], field.electrode_points, 1.0)
    pseudo = pseudo @ patient.anatomy.heart_rotation
    precordial = [k for k, name in enumerate(field.electrode_names) if str(name).startswith("V")]
    angle, check = angular_error_deg(found, true), operator.check(sample.inputs)
    row: dict[str, Any] = {
        "angle_deg": float(angle.mean()),
        "precordial_deg": float(angle[precordial].mean()),
        "rel": float(np.linalg.norm(found - true, axis=-1).mean()
                     / np.linalg.norm(true, axis=-1).mean()),
        "torso_angle_deg": float(angular_error_deg(sample.inputs.incident.numpy(), true).mean()),
        "pseudo_angle_deg": float(angular_error_deg(pseudo, true).mean()),
    }  # fmt: skip
    if sd is not None:
        check = check.with_sd(float(sd.mean()), operator.usual_sd_deg)
        bound = bound_ratio(0.9, len(operator.networks)) * sd
        row["coverage_90"] = float((angle <= bound).mean())
    return row | check.values | {"in_distribution": check.in_distribution}


def trained(
    args: argparse.Namespace, train: list[OperatorSample], validation: list[OperatorSample]
) -> OperatorEnsemble | None:
    """The ensemble in `args.out`, calibrated if it has more networks; None with `--only`."""
    machine, out = Machine.from_environment(), args.out
    section = OperatorSettings(epochs=args.epochs, seed=args.seed, precision=args.precision,
                               learning_rate=args.learning_rate)  # fmt: skip
    if args.distil:
        if not member_file(out, 0).exists():
            teacher = OperatorEnsemble.of_folder(args.distil)
            distil_operator(section, teacher, train, validation, out, machine)
    else:
        for member in range(args.members) if args.only is None else [args.only]:
            config = section.model_copy(update={"seed": args.seed + member})
            file = member_file(out, member)
            start = member_files(args.start)[member] if args.start else None
            if not file.exists():
                train_operator(config, train, validation, file.parent, machine, start)
        if args.only is not None:
            return None
    operator = OperatorEnsemble.of_folder(out)
    if len(operator.networks) > 1:
        write_json(out / UNCERTAINTY_FILE, calibrate_operator(operator, validation))
    return OperatorEnsemble.of_folder(out)


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("patients", type=Path, nargs="+", help="folders with a folder of stage files per patient")
    add("--config", default="config/any_body.yaml", help="for the conductivities of all")
    add("--others", nargs="*", type=Path, default=[], help="folders of patients, only for tests")
    add("--out", type=Path, required=True, help="folder for the operator")
    add("--members", type=int, default=1, help="networks, which differ in their seed")
    add(
        "--only", type=int, metavar="K", help="train the K-th alone, from 0: beside other processes"
    )
    add("--epochs", type=int, default=OperatorSettings().epochs)
    add("--seed", type=int, default=1, help="of the first network")
    add("--learning-rate", type=float, default=OperatorSettings().learning_rate)
    add(
        "--precision",
        default=32,
        choices=[32, "bf16-mixed"],
        help="of the layers in training",
        type=lambda text: int(text) if text.isdigit() else text,
    )
    add("--start", type=Path, help="folder of an operator whose networks are trained further")
    add("--distil", type=Path, help="folder of an operator whose networks get one trunk")
    add("--without", choices=list(CLASSES), help="a class that nothing is learned of")
    add("--samples", type=Path, help="folder where samples are kept for further runs")
    add("--json", type=Path)
    args = parser.parse_args()
    if args.distil and (args.start or args.only is not None):
        parser.error("--distil starts as its first network: neither --start nor --only beside it")
    if args.only is not None and not 0 <= args.only < args.members:
        parser.error(f"--only {args.only}: of --members {args.members}, counted from 0")
    return args


def main() -> None:
    """Train, calibrate, compare, print and write."""
    args = arguments()
    usual = load(args.config).leadfield
    left_out = CLASSES[args.without] if args.without else lambda anatomy: False
    judged, learned, samples = [], [], {"train": [], "val": []}
    for patient, folder in ((p, f) for f in args.patients for p in patients_in(f.iterdir())):
        split, cache = patient.anatomy.split, args.samples and args.samples / folder.parent.name
        if split in samples and not left_out(patient.anatomy):
            learned += [patient] * (split == "train")
            for name, each in with_others(patient, folder / patient.name):
                samples[split].append(sample_of(each, usual, cache, name))
        elif split == "test" or left_out(patient.anatomy):
            judged.append(patient)
    operator = trained(args, samples["train"], samples["val"])
    if operator is None:
        return
    rows = {}
    for patient in judged + patients_in(args.others):
        rows[patient.name] = errors(operator, patient, sample_of(patient, usual, args.samples))
        rows[patient.name]["split"] = patient.anatomy.split
        print(patient.name, rows[patient.name], flush=True)
    if args.json:
        about = {"n_train": len(learned), "epochs": args.epochs, "without": args.without}
        write_json(args.json, about | {"patients": rows})


if __name__ == "__main__":
    main()
