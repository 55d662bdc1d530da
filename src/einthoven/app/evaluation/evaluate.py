"""Errors of every method: over all test patients, and of each imported patient."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.app.evaluation.patient_errors import (
    ANGLE_LEVELS,
    MAGNITUDE_LEVELS,
    PatientErrors,
    ReferenceFields,
    load_prediction,
    patient_errors,
)
from einthoven.app.evaluation.tables import method_row
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, save_arrays, write_json
from einthoven.base.core.log import logger, track
from einthoven.base.core.tags import Tissue
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples
from einthoven.learning.prediction.prediction import Prediction
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad


@dataclass(frozen=True)
class PseudoLeadField:
    """Formula (11) of Dokuchaev 2026 as a method, unchanged and with one fitted factor.

    Attributes:
        sigma_torso: mS/mm, for patients for whom none was drawn.
        gain: factor fitted to the training hearts. Formula (11) holds for a point in infinite
            space; on an insulated skin a current gives about twice that field.
    """

    sigma_torso: float
    gain: float

    @classmethod
    def fitted(cls, training: Iterable[FieldSamples], sigma_torso: float) -> Self:
        """Fit the gain: the ratio of mean lengths over heart points and electrodes of training
        patients.

        Raises:
            BadInput: no training patients.
        """
        true, formula = [], []
        for field in training:
            inside = field.field_tissue == Tissue.MYOCARDIUM
            grad = pseudo_lead_field_grad(
                field.field_points[inside], field.electrode_points, _sigma(field, sigma_torso)
            )
            true.append(np.linalg.norm(field.field_grad[:, inside], axis=-1).mean())
            formula.append(np.linalg.norm(grad, axis=-1).mean())
        if not true:
            raise BadInput("pseudo lead field: no training patients to fit its factor to")
        return cls(sigma_torso, float(np.mean(true) / np.mean(formula)))

    def predictions(self, reference: ReferenceFields) -> dict[str, Prediction]:
        """Both rows of the tables for a patient."""
        ecg, field = reference.ecg, reference.field
        sigma = _sigma(field, self.sigma_torso)
        heart, body = (
            pseudo_lead_field_grad(points, field.electrode_points, sigma)
            for points in (reference.heart.centroids, field.field_points)
        )
        return {
            name: Prediction(
                heart_grad=gain * heart,
                field_grad=gain * body,
                ecg=gain * ecg.needed("ecg_pseudo"),
                potential=gain * ecg.needed("electrode_potential_pseudo"),
            )
            for name, gain in (("pseudo", 1.0), ("pseudo-scaled", self.gain))
        }


def _sigma(field: FieldSamples, usual: float) -> float:
    """Conductivity of a patient's torso, mS/mm."""
    return (field.conductivities or {}).get("sigma_torso_s_per_m", usual)


@dataclass(frozen=True)
class Evaluation:
    """Content of metrics.json and curves.npz."""

    metrics: dict[str, Any]
    curves: dict[str, np.ndarray]

    def save(self, metrics: str | Path, curves: str | Path, **more: Any) -> None:
        """Write both files, with further entries of metrics.json."""
        write_json(metrics, self.metrics | more)
        save_arrays(curves, self.curves)


def by_method(paths: Iterable[str | Path]) -> dict[str, dict[str, Path]]:
    """Prediction files {encoder}-{model}/{patient}.npz as method -> patient -> file."""
    found: dict[str, dict[str, Path]] = {}
    for path in map(Path, paths):
        found.setdefault(path.parent.name, {})[path.stem] = path
    return found


def evaluate(
    patients: Iterable[Patient],
    predictions: Mapping[str, Mapping[str, str | Path]],
    pseudo: PseudoLeadField,
    gradient: str,
) -> Evaluation:
    """Compare every method with the finite elements.

    Rows are the methods of `predictions` (pca-mlp, deepsdf-refraction, ...), `pseudo` (formula (11)
    unchanged) and `pseudo-scaled` (times the factor from training hearts). A patient whose
    prediction is missing or broken is counted and named.

    Args:
        patients: the test patients, of whom one at a time is in memory.
        predictions: method -> patient -> prediction file.
        pseudo: the baseline.
        gradient: the references' kind, as the config's `leadfield.gradient`.

    Raises:
        BadInput: a reference is unreadable, or a method lacks every patient.
    """
    errors: dict[str, dict[str, PatientErrors]] = {}
    missing: dict[str, dict[str, str]] = {method: {} for method in predictions}
    names: list[str] = []
    electrodes: list[str] = []
    for patient in track(patients, "evaluate"):
        reference = ReferenceFields.of(patient, gradient)
        names.append(reference.name)
        electrodes = electrodes or reference.electrode_names
        if reference.electrode_names != electrodes:
            raise BadInput(f"{patient.where}: other electrodes than {names[0]}")
        found, problems = errors_of_methods(reference, predictions, pseudo)
        for method, row in found.items():
            errors.setdefault(method, {})[reference.name] = row[0]
        for method, problem in problems.items():
            missing[method][reference.name] = problem
    if lost := [method for method in predictions if method not in errors]:
        raise BadInput(f"no usable prediction of {', '.join(lost)}: {missing[lost[0]]}")
    metrics = {
        "patients": names,
        "pseudo_gain": pseudo.gain,
        "methods": {m: method_row(found, missing.get(m, {})) for m, found in errors.items()},
    }
    return Evaluation(metrics, _curves(errors, names, electrodes))


def errors_of_methods(
    reference: ReferenceFields,
    predictions: Mapping[str, Mapping[str, str | Path]],
    pseudo: PseudoLeadField,
) -> tuple[dict[str, tuple[PatientErrors, Prediction]], dict[str, str]]:
    """Errors of all methods for one patient, and why methods are missing.

    Returns:
        method -> errors and the prediction; method -> reason.
    """
    found = {name: (patient_errors(reference, guess), guess)
             for name, guess in pseudo.predictions(reference).items()}  # fmt: skip
    missing: dict[str, str] = {}
    for method, files in predictions.items():
        try:
            if reference.name not in files:
                raise BadInput("no prediction")
            prediction = load_prediction(files[reference.name], reference)
            found[method] = (patient_errors(reference, prediction), prediction)
        except BadInput as problem:
            logger.warning("%s, %s: left out: %s", method, reference.name, problem)
            missing[method] = str(problem)
    return found, missing


def _curves(
    errors: Mapping[str, Mapping[str, PatientErrors]],
    names: Sequence[str],
    electrodes: Sequence[str],
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
        empty = {kind: np.full_like(curve, np.nan) for kind, curve in first.distributions.items()}
        blank = PatientErrors({}, np.full_like(first.electrode_deg, np.nan), empty)
        rows = [found.get(name, blank) for name in names]
        arrays[f"electrode_deg/{method}"] = np.stack([row.electrode_deg for row in rows])
        for kind in empty:
            arrays[f"cdf_{kind}/{method}"] = np.stack([row.distributions[kind] for row in rows])
        curves = [row.reliability for row in rows if row.reliability is not None]
        if curves:
            arrays[f"reliability/{method}"] = np.stack(curves)
    return arrays


NO_PCA = (
    "the PCA code is made of coefficients of the atlases, and an imported patient has none: models "
    "with that code are not applied to it"
)


def imported_rows(
    patients: Iterable[Patient],
    predictions: Mapping[str, Mapping[str, str | Path]],
    pseudo: PseudoLeadField,
    gradient: str,
    chamfer: Iterable[str | Path] = (),
) -> dict[str, Any]:
    """Errors of every applicable method, patient by patient; other arguments as for `evaluate`.

    Args:
        chamfer: files {encoder}/chamfer/{patient}.json.

    Returns:
        patients: name -> method -> errors, with units in the keys; missing: name -> method ->
        reason; out_of_distribution: name -> method -> the check; without_code: encoder -> why it
        has no row; chamfer: distances of the decoded surfaces, a row per file.

    Raises:
        BadInput: a reference is unreadable.
    """
    rows: dict[str, dict[str, dict[str, float]]] = {}
    missing: dict[str, dict[str, str]] = {}
    checks: dict[str, dict[str, Any]] = {}
    for patient in patients:
        reference = ReferenceFields.of(patient, gradient)
        found, problems = errors_of_methods(reference, predictions, pseudo)
        rows[patient.name] = {method: errors.values for method, (errors, _) in found.items()}
        for method, (_, prediction) in found.items():
            if prediction.out_of_distribution:
                checks.setdefault(patient.name, {})[method] = prediction.out_of_distribution
        if problems:
            missing[patient.name] = problems
    return {"patients": rows, "missing": missing, "out_of_distribution": checks,
            "without_code": {"pca": NO_PCA},
            "chamfer": [read_json(path) | {"encoder": Path(path).parents[1].name}
                        for path in chamfer]}  # fmt: skip
