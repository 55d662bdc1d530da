"""Imported patients, each for itself: their errors enter no mean over test patients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from einthoven.core.errors import BadInput
from einthoven.core.log import logger
from einthoven.evaluation.evaluate import PointField, pseudo_prediction
from einthoven.evaluation.patient import Prediction, Reference, patient_errors

NO_PCA = (
    "the PCA code is made of coefficients of the atlases, and an imported patient has none: models "
    "with that code are not applied to it"
)


def imported_rows(
    patients: Mapping[str | Path, Sequence[str | Path]],
    predictions: Mapping[str, Mapping[str, str | Path]],
    pseudo: PointField,
    gain: float,
    gradient: str,
) -> dict[str, Any]:
    """Errors of every method that applies, patient by patient.

    Args:
        patients: folder of the patient's stage files -> its lead-field files.
        predictions: method -> patient -> prediction file.
        pseudo: as in `evaluate`.
        gain: of the scaled pseudo lead field, from training hearts.
        gradient: as in `evaluate`.

    Returns:
        patients: name -> method -> errors, with units in the keys; missing: name -> method ->
        reason; out_of_distribution: name -> method -> whether the model can know such an anatomy;
        without_code: encoder -> why it has no row.

    Raises:
        BadInput: a reference is unreadable.
    """
    rows: dict[str, dict[str, dict[str, float]]] = {}
    missing: dict[str, dict[str, str]] = {}
    checks: dict[str, dict[str, Any]] = {}
    for folder, leadfield in patients.items():
        reference = Reference.load(folder, leadfield, gradient)
        row = {
            name: patient_errors(reference, pseudo_prediction(reference, pseudo, scale)).values
            for name, scale in (("pseudo", 1.0), ("pseudo-scaled", gain))
        }
        for method, files in predictions.items():
            try:
                predicted = Prediction.load(files[reference.name], reference)
                row[method] = patient_errors(reference, predicted).values
                if predicted.ood_check:
                    checks.setdefault(reference.name, {})[method] = predicted.ood_check
            except BadInput as problem:
                logger.warning("%s, %s: left out: %s", method, reference.name, problem)
                missing.setdefault(reference.name, {})[method] = str(problem)
        rows[reference.name] = row
    return {"patients": rows, "missing": missing, "out_of_distribution": checks,
            "without_code": {"pca": NO_PCA}}  # fmt: skip
