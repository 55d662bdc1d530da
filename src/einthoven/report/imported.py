"""Section of the report on imported patients."""

from collections.abc import Mapping
from typing import Any

from einthoven.report.page import Section, Table

COLUMNS = {
    "angle in the heart (°)": "angular_error_deg",
    "magnitude (rel.)": "magnitude_error_rel",
    "ECG rel. ℓ2": "ecg_rel_l2",
    "QRS amplitude (mV)": "qrs_amplitude_error_mv",
}


def imported_sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Errors of each method on each imported patient; nothing where there are none."""
    if "imported" not in metrics:
        return []
    imported = metrics["imported"]
    rows = [
        [patient, method, *(f"{values[key]:.3g}" for key in COLUMNS.values())]
        for patient, methods in imported["patients"].items()
        for method, values in methods.items()
    ]
    decoded = [
        [found["patient"], found["encoder"], *_distances(found)] for found in imported["chamfer"]
    ]
    reasons = " ".join(f"{name}: {why}." for name, why in imported["without_code"].items())
    text = (
        "Patients from the user's own files, against the finite elements on their own meshes. They "
        f"enter no training and no mean. No rows of the code {reasons}"
    )
    return [
        Section(
            "Imported patients",
            text,
            [
                Table(["patient", "method", *COLUMNS], rows),
                Table(
                    ["patient", "code", "torso", "lv", "rv", "epi"], decoded,
                    "Chamfer distance between decoded and true surface in mm.",
                ),
                Table(["patient", "method", "in distribution", "beyond"], _checks(imported),
                      "Whether the anatomy is like those of the training; if not, believe the "
                      "finite elements."),
            ],
        )
    ]  # fmt: skip


def _checks(imported: Mapping[str, Any]) -> list[list[str]]:
    return [
        [patient, method, "yes" if its["in_distribution"] else "no", "; ".join(its["reasons"])]
        for patient, methods in imported["out_of_distribution"].items()
        for method, its in methods.items()
    ]


def _distances(found: Mapping[str, Any]) -> list[str]:
    """Mean Chamfer distance of each surface as text."""
    if "failed" in found:
        return [found["failed"], "", "", ""]
    return [f"{found['chamfer'][name]['surface_mm']:.2f}" for name in ("torso", "lv", "rv", "epi")]
