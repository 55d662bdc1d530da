"""Section of the report on imported patients."""

from collections.abc import Iterator, Mapping
from typing import Any

from einthoven.app.report.page import PageSection, Table

COLUMNS = {
    "angle in the heart (°)": "angular_error_deg",
    "magnitude (rel.)": "magnitude_error_rel",
    "ECG rel. ℓ2": "ecg_rel_l2",
    "QRS amplitude (mV)": "qrs_amplitude_error_mv",
}
SURFACES = ("torso", "lv", "rv", "epi")


def imported_sections(metrics: Mapping[str, Any]) -> list[PageSection]:
    """Errors of each method on each imported patient; empty without imported patients."""
    if "imported" not in metrics:
        return []
    imported = metrics["imported"]
    errors = [
        [patient, method, *(f"{values[key]:.3g}" for key in COLUMNS.values())]
        for patient, method, values in _rows(imported["patients"])
    ]
    decoded = [[row["patient"], row["encoder"], *_distances(row)] for row in imported["chamfer"]]
    checks = [
        [patient, method, "yes" if check["in_distribution"] else "no", "; ".join(check["reasons"])]
        for patient, method, check in _rows(imported["out_of_distribution"])
    ]
    codes = {method.rpartition("-")[0] for method in metrics["methods"]}
    reasons = "".join(
        f" No rows of the code {name}: {why}."
        for name, why in imported["without_code"].items()
        if name in codes
    )
    text = (
        "Patients from the user's own files, against the finite elements on their own meshes. They "
        f"enter no training and no mean.{reasons}"
    )
    return [PageSection("Imported patients", text, [
        Table(["patient", "method", *COLUMNS], errors),
        Table(["patient", "code", *SURFACES], decoded,
              "Chamfer distance between decoded and true surface in mm."),
        Table(["patient", "method", "in distribution", "beyond"], checks,
              "Whether the anatomy is like those of the training; if not, believe the "
              "finite elements."),
    ])]  # fmt: skip


def _rows(patients: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Patient -> method -> entry, as rows."""
    for patient, methods in patients.items():
        for method, entry in methods.items():
            yield patient, method, entry


def _distances(found: Mapping[str, Any]) -> list[str]:
    """Mean Chamfer distance of each surface as text."""
    if "failed" in found:
        return [found["failed"], "", "", ""]
    return [f"{found['chamfer'][name]['surface_mm']:.2f}" for name in SURFACES]
