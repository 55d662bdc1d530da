"""The file of a calibrated population: its patients, and the draw of each one's physiology.

`einthoven calibrate` writes it, `variation.people_draws` names it, and `traits.person` makes the
draws. A patient whose body was not chosen is left out of the run.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv, write_text

COLUMNS = ("patient", "draw")
LEFT_OUT = "left out"
"""Entry in place of the draw of a patient whose body was not chosen."""
TO_MAKE = "make it anew with `einthoven calibrate`"


def is_named(path: str | Path, patient: str) -> bool:
    """Whether the file names the patient.

    Raises:
        BadInput: as `read_draws`.
    """
    return patient in _all(path)


def draw_of(path: str | Path, patient: str) -> int:
    """The draw of a patient.

    Raises:
        BadInput: as `read_draws`, or the file does not name the patient, or leaves it out.
    """
    found = _known(path, patient)
    if found is None:
        raise BadInput(f"{path}: {patient} is left out of this population; no run has it")
    return found


def is_left_out(path: str | Path, patient: str) -> bool:
    """Whether the population is without this patient's body.

    Raises:
        BadInput: as `read_draws`, or the file does not name the patient.
    """
    return _known(path, patient) is None


def _known(path: str | Path, patient: str) -> int | None:
    found = _all(path)
    if patient not in found:
        raise BadInput(f"{path}: names no draw of {patient}; {TO_MAKE} for all patients")
    return found[patient]


def _all(path: str | Path) -> dict[str, int | None]:
    path = Path(path)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise BadInput(f"variation.people_draws: {path}: no such file; {TO_MAKE}") from error
    return _read_once(path, changed)


def read_draws(path: str | Path) -> dict[str, int | None]:
    """Patient -> draw, 0 for the one that it has without the file, None if it is left out.

    Raises:
        BadInput: no CSV with these columns, a draw that is neither a whole number nor "left out", a
            patient named twice.
    """
    found = dict[str, int | None]()
    for number, row in enumerate(read_csv(path), 2):
        if set(row) != set(COLUMNS):
            raise BadInput(f"{path}: columns {', '.join(row)} instead of {', '.join(COLUMNS)}")
        patient, draw = row["patient"], row["draw"]
        if draw != LEFT_OUT and not (draw.isascii() and draw.isdigit()):
            raise BadInput(
                f"{path}, line {number}, draw: {draw!r} is no whole number from 0 on, nor "
                f"{LEFT_OUT!r}"
            )
        if patient in found:
            raise BadInput(f"{path}, line {number}, patient: {patient} is named twice")
        found[patient] = None if draw == LEFT_OUT else int(draw)
    if not found:
        raise BadInput(f"{path}: names no patient; {TO_MAKE}")
    return found


def write_draws(path: str | Path, draws: Mapping[str, int | None]) -> None:
    """Write patients and their draws, None for those that are left out, atomically."""
    named = ((patient, LEFT_OUT if draw is None else draw) for patient, draw in draws.items())
    rows = [",".join(COLUMNS), *(f"{patient},{draw}" for patient, draw in sorted(named))]
    write_text(path, "\n".join(rows) + "\n")


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int) -> dict[str, int | None]:
    return read_draws(path)
