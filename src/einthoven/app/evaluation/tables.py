"""Means and standard deviations over patients, and the report's table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.app.evaluation.patient_errors import PatientErrors
from einthoven.base.core.files import read_json

COLUMNS = {
    "angular_error_deg": "angle in the heart (deg)",
    "angular_error_precordial_deg": "angle, V1 to V6 (deg)",
    "angular_error_heart10_deg": "angle, heart + 10 mm (deg)",
    "angular_error_torso_deg": "angle, torso (deg)",
    "magnitude_error_rel": "magnitude (relative)",
    "ecg_rel_l2": "ECG (relative l2)",
    "ecg_rel_mse": "ECG (relative MSE)",
    "qrs_amplitude_error_mv": "QRS amplitude (mV)",
    "qrs_duration_error_ms": "QRS duration (ms)",
    "seconds_per_lead": "time per lead (s)",
}
"""Columns of the report's table: key of metrics.json -> heading."""


def spread(values: list[float]) -> dict[str, float | int]:
    """Mean, standard deviation over patients (population) and their number."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values)), "n_patients": len(values)}


def method_row(errors: Mapping[str, PatientErrors], missing: Mapping[str, str]) -> dict[str, Any]:
    """One method's entry in metrics.json: patients with errors, and why others are missing."""
    keys = sorted({key for found in errors.values() for key in found.values})
    row: dict[str, Any] = {
        key: spread([e.values[key] for e in errors.values() if key in e.values]) for key in keys
    }
    row["n_patients"] = len(errors)
    row["n_missing"] = len(missing)
    row["missing_patients"] = dict(missing)
    row["per_patient"] = {name: found.values for name, found in errors.items()}
    return row


def encoder_rows(chamfer: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Each encoder's entry in metrics.json: Chamfer distances, and who could not be decoded.

    `chamfer` are files of the test patients, encoder/chamfer/patient.json.
    """
    rows: dict[str, dict[str, Any]] = {}
    for path in map(Path, chamfer):
        found = read_json(path)
        row = rows.setdefault(path.parents[1].name, {"missing_patients": {}})
        if "failed" in found:
            row["missing_patients"][found["patient"]] = found["failed"]
        for surface, kinds in found.get("chamfer", {}).items():
            for kind, value in kinds.items():
                key = f"chamfer_{kind.removesuffix('_mm')}_{surface}_mm"
                row.setdefault(key, []).append(value)
    return {
        name: {k: spread(v) if isinstance(v, list) else v for k, v in row.items()}
        for name, row in rows.items()
    }


def missing_lines(report: Mapping[str, Any]) -> list[str]:
    """One line for each patient without errors in metrics.json."""
    lines = [
        f"{method}: {patient} is missing: {why}"
        for method, row in report["methods"].items()
        for patient, why in row["missing_patients"].items()
    ]
    if report.get("excluded_patients"):
        lines.append(f"Excluded by the config: {', '.join(report['excluded_patients'])}.")
    return lines


def table(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text from metrics.json; a dash for a missing number."""
    rows = []
    for method, row in report["methods"].items():
        cells = [method]
        for key in COLUMNS:
            value = row.get(key)
            cells.append(f"{value['mean']:.3g} ± {value['std']:.2g}" if value else "-")
        rows.append([*cells, str(row["n_patients"])])
    return ["method", *COLUMNS.values(), "patients"], rows
