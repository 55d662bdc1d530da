"""Imported patients, reported individually: their errors enter no mean over test patients."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from einthoven.app.evaluation.evaluate import PseudoLeadField, errors_of_methods
from einthoven.app.evaluation.patient_errors import ReferenceFields
from einthoven.base.core.files import read_json
from einthoven.data.patient.patient import Patient

NO_PCA = (
    "the PCA code is made of coefficients of the atlases, and an imported patient has none: models "
    "with that code are not applied to it"
)


def imported_rows(
    patients: Iterable[Patient],
    predictions: Mapping[str, Mapping[str, str | Path]],
    pseudo: PseudoLeadField,
    gradient: str,
) -> dict[str, Any]:
    """Errors of every applicable method, patient by patient; arguments as for `evaluate`.

    Returns:
        patients: name -> method -> errors, with units in the keys; missing: name -> method ->
        reason; out_of_distribution: name -> method -> the check; without_code: encoder -> why it
        has no row.

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
            "without_code": {"pca": NO_PCA}}  # fmt: skip


def chamfer_rows(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Chamfer distances of imported patients from files {encoder}/chamfer/{patient}.json."""
    return [read_json(path) | {"encoder": Path(path).parents[1].name} for path in paths]
