"""The file of a calibrated population: which draw of the physiology each patient has.

`einthoven calibrate` writes it, `variation.people_draws` names it, and `traits.person` makes the
draws.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv, write_text

COLUMNS = ("patient", "draw")
TO_MAKE = "make it anew with `einthoven calibrate`"


def draw_of(path: str | Path, patient: str) -> int:
    """The draw of a patient.

    Raises:
        BadInput: as `read_draws`, or the file does not name the patient.
    """
    path = Path(path)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise BadInput(f"variation.people_draws: {path}: no such file; {TO_MAKE}") from error
    found = _read_once(path, changed).get(patient)
    if found is None:
        raise BadInput(f"{path}: names no draw of {patient}; {TO_MAKE} for all patients")
    return found


def read_draws(path: str | Path) -> dict[str, int]:
    """Patient -> draw, 0 for the one that it has without the file.

    Raises:
        BadInput: no CSV with these columns, a draw that is no whole number, a patient named twice.
    """
    found = dict[str, int]()
    for number, row in enumerate(read_csv(path), 2):
        if set(row) != set(COLUMNS):
            raise BadInput(f"{path}: columns {', '.join(row)} instead of {', '.join(COLUMNS)}")
        patient, draw = row["patient"], row["draw"]
        if not draw.isascii() or not draw.isdigit():
            raise BadInput(f"{path}, line {number}, draw: {draw!r} is no whole number from 0 on")
        if patient in found:
            raise BadInput(f"{path}, line {number}, patient: {patient} is named twice")
        found[patient] = int(draw)
    if not found:
        raise BadInput(f"{path}: names no patient; {TO_MAKE}")
    return found


def write_draws(path: str | Path, draws: Mapping[str, int]) -> None:
    """Write patients and their draws, atomically."""
    rows = [",".join(COLUMNS), *(f"{patient},{draw}" for patient, draw in sorted(draws.items()))]
    write_text(path, "\n".join(rows) + "\n")


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int) -> dict[str, int]:
    return read_draws(path)
