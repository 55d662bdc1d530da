"""Cohort sheet: one line per patient with what is known of the body and the physiology."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from einthoven.base.core.files import atomic
from einthoven.data.patient.parameters import PatientParameters

BODY = ("patient", "split", "sex", "height_cm", "bmi")


def write_cohort_sheet(
    path: str | Path,
    patients: Iterable[PatientParameters],
    physiology: Mapping[str, Mapping[str, float]],
) -> None:
    """Write a CSV with `BODY` and the physiology; unknown entries of the body are empty.

    `physiology` maps a patient's columns to values after the draw.
    """
    with atomic(path) as temporary, temporary.open("w", newline="") as file:
        columns = dict.fromkeys(column for its in physiology.values() for column in its)
        sheet = csv.DictWriter(file, [*BODY, *columns], lineterminator="\n")
        sheet.writeheader()
        for one in patients:
            body = {key: getattr(one, key) for key in BODY}
            sheet.writerow(body | dict(physiology[one.patient]))
