"""metrics.json and curves.npz: every method over all test patients."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, save_arrays, write_json
from einthoven.core.log import logger, track
from einthoven.core.tags import Tissue
from einthoven.evaluation.patient import (
    ANGLE_LEVELS,
    MAGNITUDE_LEVELS,
    PatientErrors,
    Prediction,
    Reference,
    patient_errors,
)
from einthoven.evaluation.tables import method_row

PointField = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(points [point, 3], electrodes [electrode, 3]) -> gradients [electrode, point, 3]."""


def pseudo_gain(field_files: Iterable[str | Path], pseudo: PointField) -> float:
    """The one factor that fits the pseudo lead field best to the training hearts.

    Formula (11) is of a point in infinite space; on an insulated skin a current gives about
    twice that field. The ratio of mean lengths over heart points and electrodes.

    Raises:
        BadInput: no training patients.
    """
    true, mine = [], []
    for field in map(load_arrays, field_files):
        inside = field["field_tissue"] == Tissue.MYOCARDIUM
        guess = pseudo(field["field_points"][inside], field["electrode_points"])
        true.append(np.linalg.norm(field["field_grad"][:, inside], axis=-1).mean())
        mine.append(np.linalg.norm(guess, axis=-1).mean())
    if not true:
        raise BadInput("pseudo_gain: no training patients")
    return float(np.mean(true) / np.mean(mine))


def pseudo_prediction(reference: Reference, pseudo: PointField, gain: float = 1.0) -> Prediction:
    """The pseudo lead field (11) as a prediction, times a factor."""
    return Prediction(
        heart_grad=gain * pseudo(reference.centroids, reference.electrode_points),
        field_grad=gain * pseudo(reference.field_points, reference.electrode_points),
        ecg=gain * reference.ecg_pseudo,
        potential=gain * reference.potential_pseudo,
        seconds={},
    )


def evaluate(
    patient_dirs: Sequence[str | Path],
    leadfields: Sequence[Sequence[str | Path]],
    predictions: Mapping[str, Sequence[str | Path]],
    pseudo: PointField,
    gain: float,
    metrics_path: str | Path,
    curves_path: str | Path,
    encoders: Mapping[str, Any] | None = None,
    gradient: str = "recovered",
) -> dict[str, Any]:
    """Compare every method with the finite elements and write both files.

    Rows are the methods of `predictions` (pca-mlp, deepsdf-refraction, ...), `pseudo`
    (formula (11) as it stands) and `pseudo-scaled` (times the factor from training hearts).
    A patient whose prediction is missing or broken is counted and named, not passed over.

    Args:
        patient_dirs: results/patients/{patient} of the test patients.
        leadfields: their lead-field files.
        predictions: method -> prediction files, in the same order.
        pseudo: leadfield.pseudo.pseudo_lead_field_grad with its conductivity.
        gain: from `pseudo_gain`.
        metrics_path: metrics.json.
        curves_path: curves.npz.
        encoders: encoder -> its own errors (chamfer_mm ...), copied into metrics.json.
        gradient: the references' kind, recovered or raw, as the config's `leadfield.gradient`.

    Raises:
        BadInput: a reference is unreadable, or a method lacks every patient.
    """
    errors: dict[str, dict[str, PatientErrors]] = {}
    missing: dict[str, dict[str, str]] = {method: {} for method in predictions}
    names: list[str] = []
    electrodes: list[str] = []
    for k, folder in enumerate(track(patient_dirs, "evaluate")):
        reference = Reference.load(folder, leadfields[k], gradient)
        names.append(reference.name)
        electrodes = electrodes or reference.electrode_names
        if reference.electrode_names != electrodes:
            raise BadInput(f"{folder}: other electrodes than {names[0]}")
        for method, scale in (("pseudo", 1.0), ("pseudo-scaled", gain)):
            guess = pseudo_prediction(reference, pseudo, scale)
            errors.setdefault(method, {})[reference.name] = patient_errors(reference, guess)
        for method, files in predictions.items():
            try:
                found = patient_errors(reference, Prediction.load(files[k], reference))
            except BadInput as problem:
                logger.warning("%s, %s: left out: %s", method, reference.name, problem)
                missing[method][reference.name] = str(problem)
                continue
            errors.setdefault(method, {})[reference.name] = found
    lost = [method for method in predictions if method not in errors]
    if lost:
        raise BadInput(f"no usable prediction of {', '.join(lost)}: {missing[lost[0]]}")
    report = {
        "patients": names,
        "pseudo_gain": gain,
        "methods": {m: method_row(found, missing.get(m, {})) for m, found in errors.items()},
        "encoders": dict(encoders or {}),
    }
    write_json(metrics_path, report)
    save_arrays(curves_path, _curves(errors, names, electrodes))
    return report


def _curves(
    errors: Mapping[str, Mapping[str, PatientErrors]], names: list[str], electrodes: list[str]
) -> dict[str, np.ndarray]:
    """Arrays for the plots; NaN in the rows of missing patients."""
    arrays: dict[str, np.ndarray] = {
        "patients": np.array(names),
        "electrodes": np.array(electrodes),
        "methods": np.array(list(errors)),
        "levels_deg": ANGLE_LEVELS,
        "levels_rel": MAGNITUDE_LEVELS,
    }
    for method, found in errors.items():
        first = next(iter(found.values()))
        blank = np.full(len(electrodes), np.nan)
        arrays[f"electrode_deg/{method}"] = np.stack(
            [found[n].electrode_deg if n in found else blank for n in names]
        )
        for kind, curve in first.distributions.items():
            empty = np.full(len(curve), np.nan)
            arrays[f"cdf_{kind}/{method}"] = np.stack(
                [found[n].distributions[kind] if n in found else empty for n in names]
            )
        curves = [its.reliability for its in found.values() if its.reliability is not None]
        if curves:
            arrays[f"reliability/{method}"] = np.stack(curves)
    return arrays
