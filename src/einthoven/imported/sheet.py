"""The sheet of imported patients: a CSV with a line for each."""

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from einthoven.config.physiology import COLUMNS
from einthoven.core.errors import BadInput

NAME = r"[a-z][a-z0-9-]*"
VIRTUAL = re.compile(r"p[0-9]{4}")
REQUIRED = ("patient", "heart", "torso", "electrodes", "unit", "axes")


class Row(NamedTuple):
    """One patient of the sheet; paths are relative to `folder`."""

    patient: str
    heart: str
    """A file, or `epi=FILE lv=FILE rv=FILE base=FILE`."""
    torso: str
    electrodes: str
    """CSV with name, x, y, z: electrodes, and landmarks for those that are missing."""
    unit: str
    axes: str
    tags: str = ""
    """`ARRAY base=1 epi=2 lv=3 rv=4`, if the heart has tags of its own."""
    folder: str = "."
    physiology: Mapping[str, float] = MappingProxyType({})
    """Measured speeds and durations, by the columns of the cohort's sheet (`COLUMNS`)."""

    @property
    def files(self) -> list[str]:
        """All files of the patient."""
        heart = [part.partition("=")[2] for part in self.heart.split() if "=" in part]
        places = [*(heart or [self.heart]), self.torso, self.electrodes]
        files = [Path(self.folder) / place for place in places if place]
        # openCARP and EDGAR split a mesh: the neighbours count, too
        beside = (".pts", ".elem", ".fac", ".lon")
        more = [f.with_suffix(s) for f in files if f.suffix in beside for s in beside]
        return [str(f) for f in dict.fromkeys([*files, *(m for m in more if m.exists())])]


def csv_lines(path: Path) -> list[dict[str, str]]:
    """Lines of a CSV file, each by column.

    Raises:
        BadInput: it is none.
    """
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file ({error})") from error


def read_sheet(path: str | Path) -> list[Row]:
    """All imported patients.

    Raises:
        BadInput: the sheet is missing or lacks a column, a field is empty, or a name is wrong or
            given twice.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"imported.sheet: {path}: no such file")
    rows: list[Row] = []
    for number, line in enumerate(csv_lines(path), start=2):
        known = {k: (v or "").strip() for k, v in line.items() if k in (*REQUIRED, "tags")}
        empty = [key for key in REQUIRED if not known.get(key)]
        if empty:
            raise BadInput(f"{path}: line {number}: {', '.join(empty)} missing; the columns are "
                           f"{', '.join((*REQUIRED, 'tags'))}")  # fmt: skip
        name = known["patient"]
        if not re.fullmatch(NAME, name) or VIRTUAL.match(name):
            raise BadInput(
                f"{path}: line {number}: patient {name!r}: lower-case letters, digits and hyphens, "
                "a letter first; names like p0001 belong to virtual patients"
            )
        if name in [row.patient for row in rows]:
            raise BadInput(f"{path}: line {number}: {name} is given twice")
        measured = _physiology(line, f"{path}: line {number}")
        rows.append(Row(**known, folder=str(path.parent), physiology=measured))
    return rows


def _physiology(line: Mapping[str, str | None], where: str) -> Mapping[str, float]:
    """Column -> value of those columns of the cohort's sheet that are filled in.

    Raises:
        BadInput: no number.
    """
    found: dict[str, float] = {}
    for column in COLUMNS:
        if text := (line.get(column) or "").strip():
            try:
                found[column] = float(text)
            except ValueError:
                found[column] = math.nan
            if not math.isfinite(found[column]):
                raise BadInput(f"{where}: {column}: {text!r} is not a number")
    return MappingProxyType(found)
