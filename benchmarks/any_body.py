"""Any body: a trained operator on bodies that nothing was trained on, and what gets in.

    python benchmarks/any_body.py --operator FOLDER [--real FOLDER] [--patients FOLDER]
        [--narrow FOLDER CONFIG] [--left-out JSON ...] [--cost FOLDER] [--imports]
        [--image SHEET PATIENT] [--json OUT]

FOLDERs of patients hold a folder of stage files for each: anatomy, mesh, fibers, lead fields, field
samples, activation and ECG, as `studies/any_body_patients.py` or the workflow writes them. Of
`--real` all are judged, one by one; of `--patients` and `--narrow` those of split test, as means.
Against finite elements on each patient's own mesh: mean angle in the heart over all cells and
electrodes (also those of V1 to V6), relative l2 error of the 12-lead ECG, share of cells and
electrodes, and of ECG samples, inside the stated 90 %; the pseudo lead field (11) of Dokuchaev 2026
beside it. No patient of split train or val is judged. `--left-out`: what
`studies/any_body.py --without CLASS --json` wrote, of operators that were trained without a class
and judged on the field samples of all patients of it. `--cost`: milliseconds per lead of 109 at
40,000 points of one patient.
`--image`: seconds of `einthoven predict` for a row of a sheet whose heart is a label image. Both
are processor time, which is wall time on idle cores without threads. `--imports` counts the kinds
of input of tests/helpers/import_*.py. `--meshed` imports and meshes the difficult hearts of
tests/helpers/difficult_hearts.py at some edge lengths; `--kinds PART` takes those with PART in
their name, as all of them at 1.5, 2.2 and 4 mm take hours.

Of all bodies judged, OUT has also: errors and coverage by class (`by_class`; of bodies of section
augmentation, others are `others`), and how well the predicted error of a body follows the true one
(`predicted_error`: Spearman's rank correlation, and the share of bodies inside of the stated 90 %).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from kinds_of_input import imports, meshed
from scipy.stats import spearmanr

from einthoven.app.evaluation.evaluate import PseudoLeadField
from einthoven.app.evaluation.patient_errors import ReferenceFields, patient_errors
from einthoven.base.config import load
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.base.metrics.reliability import normal_bound_ratio
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.surrogate.operator.inputs import (
    HeartPoints,
    OperatorInputs,
    conductivities_of,
)
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.physics.ecg.simulate import SimulationSettings

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("anatomy", "mesh", "fibers", "field", "lead_fields", "activations", "ecg")
N_LEADS, N_POINTS, REPEATS = 109, 40_000, 3
LEAST_RANKED = 4
"""Fewer bodies have no rank correlation worth a number."""
ORDINARY, OTHERS = "none of them", "others"


@dataclass(frozen=True)
class Judge:
    """An operator, and the conductivities of patients for whom none were drawn."""

    operator: OperatorEnsemble
    usual: LeadFieldSettings

    def row(self, patient: Patient) -> dict[str, Any]:
        """Errors of one patient, with those of the pseudo lead field."""
        reference = ReferenceFields.of(patient, "recovered")
        field, ecg = patient.field, patient.ecg
        sigma = conductivities_of(patient, self.usual)
        found = OperatorPredictor(self.operator).predict(
            patient, field.electrodes, sigma, field=True
        )
        beats = [patient.activation(scenario) for scenario in reference.scenarios]
        step = float(ecg.time[1] - ecg.time[0])
        axis = EcgSettings(
            start_ms=float(ecg.time[0]), duration_ms=step * len(ecg.time), dt_ms=step,
            scenarios=reference.scenarios,
        )  # fmt: skip
        durations = RepolarisationSettings.model_validate(ecg.settings or {})
        ours = with_ecg(found, patient, beats, SimulationSettings(axis, sigma, durations))
        formula = PseudoLeadField(sigma.sigma_torso_s_per_m, 1.0).predictions(reference)["pseudo"]
        errors, pseudo = (patient_errors(reference, guess).values for guess in (ours, formula))
        check = found.out_of_distribution or {}
        return {
            "class": class_of(patient),
            "angle_deg": errors["angular_error_deg"],
            "precordial_deg": errors["angular_error_precordial_deg"],
            "ecg_rel_l2": errors["ecg_rel_l2"],
            "pseudo_angle_deg": pseudo["angular_error_deg"],
            "pseudo_ecg_rel_l2": pseudo["ecg_rel_l2"],
            "in_distribution": check.get("in_distribution"),
            "reasons": check.get("reasons"),
            **{f"expected_{key}": value for key, value in check.get("expected", {}).items()},
            "coverage_90": errors.get("coverage_90"),
            "ecg_coverage_90": ecg_coverage(ours, ecg.ecg),
            "mesh_edge_mm": HeartPoints.of_cells(patient).edge_mm,
        }


def ecg_coverage(prediction: Prediction, true: np.ndarray) -> float | None:
    """Share of the samples of all leads inside the stated 90 %; None if nothing is stated."""
    if prediction.ecg_sd is None:
        return None
    half = normal_bound_ratio(0.9, prediction.n_members) * prediction.ecg_sd
    return float((np.abs(prediction.needed("ecg") - true) <= half).mean())


def class_of(patient: Patient) -> str:
    """Of studies/body_classes.py; of bodies whose waist is not known, none can be told."""
    sys.path.append(str(ROOT / "studies"))
    from body_classes import CLASSES

    if patient.anatomy.augmentation is None:
        return OTHERS
    return next((name for name, holds in CLASSES.items() if holds(patient.anatomy)), ORDINARY)


def by_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Class -> number of bodies, means of errors and shares inside of the stated 90 %."""
    keys = ("angle_deg", "precordial_deg", "ecg_rel_l2", "coverage_90", "ecg_coverage_90")
    found = {}
    for name in sorted({row["class"] for row in rows}):
        its = [row for row in rows if row["class"] == name]
        known = {key: [row[key] for row in its if row[key] is not None] for key in keys}
        averages = {key: float(np.mean(values)) for key, values in known.items() if values}
        found[name] = {"n_bodies": len(its), **averages}
    return found


def predicted_error(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How the predicted mean angle of bodies follows the true one."""
    stated = [row for row in rows if "expected_expected" in row]
    if not stated:
        return {}
    true, told, low, high = (
        np.array([row[key] for row in stated])
        for key in ("angle_deg", *(f"expected_{key}" for key in ("expected", "low", "high")))
    )
    found = {"n_bodies": len(stated), "inside_90": float(((low <= true) & (true <= high)).mean())}
    if len(stated) >= LEAST_RANKED:
        found["spearman"] = float(spearmanr(told, true).statistic)
    return found


def patients_in(folder: Path, split: str | None = None) -> list[Patient]:
    """Patients with all stages, of one split or all, by name.

    Raises:
        BadInput: no such folder, or nobody in it that can be judged.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder of patients")
    folders = [path for path in sorted(folder.iterdir()) if (path / "anatomy.npz").exists()]
    found = list(map(Patient.open, folders))
    whole = [p for p in found if all(p.has(stage) for stage in STAGES)]
    judged = [p for p in whole if split is None or p.anatomy.split == split]
    if not judged:
        of_split = f" of split {split}" if split else ""
        raise BadInput(
            f"{folder}: of {len(found)} patients none{of_split} has {', '.join(STAGES)}; "
            "studies/any_body_patients.py makes them"
        )
    return judged


def means(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Over patients, of all that is a number; `in_distribution` as a share."""
    keys = [key for key, value in next(iter(rows.values())).items()
            if isinstance(value, bool | float)]  # fmt: skip
    return {key: float(np.mean([row[key] for row in rows.values()])) for key in keys}


def left_out(file: Path) -> tuple[str, float]:
    """Class, and mean angle over its patients, of an operator that knows none of it.

    Raises:
        BadInput: not the file of such a study.
    """
    study = read_json(file)
    name, patients = study.get("without"), study.get("patients", {})
    angles = [row["angle_deg"] for row in patients.values() if row.get("left_out")]
    if not name or not angles:
        raise BadInput(f"{file}: nobody was left out; studies/any_body.py --without CLASS --json")
    return name, float(np.mean(angles))


def milliseconds_per_lead(
    operator: OperatorEnsemble, patient: Patient, usual: LeadFieldSettings
) -> float:
    """Processor time, the incident field included: 109 leads at 40,000 points of the heart."""
    cells = HeartPoints.of_cells(patient)
    some = np.random.default_rng(0).integers(len(cells.points), size=N_POINTS)
    heart = cells._replace(points=cells.points[some], fiber=cells.fiber[some],
                           volumes=np.ones(N_POINTS))  # fmt: skip
    electrodes = patient.anatomy.electrodes(0, N_LEADS).points
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        operator.predict(OperatorInputs.of(patient.anatomy, heart, electrodes, usual))
        times.append(time.process_time() - start)
    return 1000 * min(times) / N_LEADS


def seconds_image_to_ecg(sheet: Path, patient: str) -> float:
    """Processor seconds of `einthoven predict` from a row of a sheet to the 12-lead ECG.

    Raises:
        BadInput: it failed, or there is no ECG.
    """
    with tempfile.TemporaryDirectory() as to:
        command = [
            sys.executable,
            "-m",
            "einthoven.app.cli",
            "predict",
            str(sheet),
            patient,
            "--to",
            to,
        ]
        before = os.times()
        done = subprocess.run(command, capture_output=True, text=True)
        after = os.times()
        if done.returncode or "ECG of" not in done.stdout:
            raise BadInput(f"{sheet}: {patient}: {done.stderr.strip() or done.stdout.strip()}")
    print(done.stdout.strip())
    return (
        after.children_user
        + after.children_system
        - (before.children_user + before.children_system)
    )


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """All that was asked for."""
    usual = load(args.config).leadfield
    judge = Judge(OperatorEnsemble.of_folder(args.operator), usual)
    found: dict[str, Any] = {"operator": str(args.operator)}
    if args.real:
        found["bodies"] = rows_of(judge, patients_in(args.real))
    narrow, its_config = args.narrow or (None, args.config)
    of_narrow = replace(judge, usual=load(its_config).leadfield)
    for key, folder, its in (("family", args.patients, judge), ("narrow", narrow, of_narrow)):
        if folder:
            rows = rows_of(its, patients_in(Path(folder), "test")[: args.at_most])
            average = means(rows)
            found |= {f"{key}_angle_deg": average["angle_deg"],
                      f"{key}_ecg_rel_l2": average["ecg_rel_l2"],
                      f"{key}_mean": average, f"{key}_patients": rows}  # fmt: skip
    judged = [row for key in ("bodies", "family_patients", "narrow_patients")
              for row in found.get(key, {}).values()]  # fmt: skip
    if judged:
        found |= {"by_class": by_class(judged), "predicted_error": predicted_error(judged)}
    if args.left_out:
        found["left_out"] = dict(map(left_out, args.left_out))
    if args.cost:
        patient = Patient.open(args.cost)
        found["ms_per_lead"] = milliseconds_per_lead(judge.operator, patient, usual)
    if args.imports:
        found |= imports()
    if args.meshed:
        found["meshed"] = meshed(args.meshed, args.kinds)
    if args.image:
        sheet, patient = args.image
        found["seconds_image_to_ecg"] = seconds_image_to_ecg(Path(sheet), patient)
    return found


def rows_of(judge: Judge, patients: list[Patient]) -> dict[str, dict[str, Any]]:
    """Patient -> errors; printed as they come, as each takes a while."""
    rows = {}
    for patient in patients:
        rows[patient.name] = row = judge.row(patient)
        shown = {key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()}
        print(patient.name, shown, flush=True)
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--operator", type=Path, required=True, help="folder with model.safetensors")
    add("--config", default="config/any_body.yaml", help="conductivities where none were drawn")
    add("--real", type=Path, help="folder of patients, each judged for itself")
    add("--patients", type=Path, help="folder of the wide family")
    add("--narrow", nargs=2, metavar=("FOLDER", "CONFIG"), help="a cohort that is not augmented")
    add("--at-most", type=int, metavar="N", help="first N test patients of a family; default: all")
    add("--left-out", type=Path, nargs="*", default=[], metavar="JSON", help="of the study")
    add("--cost", type=Path, metavar="PATIENT", help="folder of one with mesh and fibres")
    add("--imports", action="store_true", help="kinds of input of the tests")
    add("--meshed", nargs="+", type=float, default=[], metavar="MM", help="1.5 2.2 4: edge lengths")
    add("--kinds", default="", metavar="PART", help="of --meshed: those with PART in their name")
    add("--image", nargs=2, metavar=("SHEET", "PATIENT"), help="whose heart is a label image")
    add("--json", type=Path)
    args = parser.parse_args()
    try:
        found = measured(args)
    except BadInput as error:
        sys.exit(f"any_body: {error}")
    for key, value in found.items():
        if isinstance(value, float | int):
            print(f"{key}: {value:.4g}")
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
