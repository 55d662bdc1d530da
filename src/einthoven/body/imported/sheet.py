"""Sheet of imported patients: a CSV with one line per patient."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self

from einthoven.base.config.physiology import COLUMNS
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv

NAME = r"[a-z][a-z0-9-]*"
VIRTUAL = re.compile(r"p[0-9]{4}")
REQUIRED = ("patient", "heart", "unit", "axes")
OF_TORSO = ("torso", "electrodes")
PERSON = ("sex", "height_cm", "weight_kg")
OPTIONAL = ("tags", "skin", "pose", "bodies")
POSES = ("given", "typical")
UNKNOWN_AXES = "unknown"
MAX_BODIES = 100
MEASURED = ("fiber", "time", "scenario")
"""Words of the column `tags` that name the mesh's own fibres and activation."""


class Row(NamedTuple):
    """One patient of the sheet; paths are relative to `folder`."""

    patient: str
    heart: str
    """A file, or `epi=FILE lv=FILE rv=FILE base=FILE`."""
    torso: str
    """A file; empty: the torso is inferred (`imported.inferred`)."""
    electrodes: str
    """CSV with name, x, y, z: electrodes, and landmarks for missing ones."""
    unit: str
    axes: str
    """Three letters; `unknown` if there is no torso and the electrodes determine the orientation.
    """
    tags: str = ""
    """`ARRAY base=1 epi=2 lv=3 rv=4` if the heart has its own tags; and `MEASURED`."""
    folder: str = "."
    skin: str = ""
    """Points of the skin, for an inferred torso."""
    sex: str = ""
    """For an inferred torso: female or male, with height and weight; or empty."""
    height_cm: float = 0.0
    weight_kg: float = 0.0
    pose: str = "given"
    """given: the heart's position is that of its file. typical: as in virtual patients."""
    body: int = 0
    """Body of an inferred torso: 0 is the most likely one, 1, 2, ... are random."""
    of: str = ""
    """Patient to which a random body belongs."""
    physiology: Mapping[str, float] = MappingProxyType({})
    """Measured speeds and durations, by the columns of the cohort's sheet (`COLUMNS`)."""

    def drawn(self, body: int) -> "Row":
        """The same patient with another random body."""
        return self._replace(patient=f"{self.patient}-body{body}", body=body, of=self.patient)

    @property
    def measured(self) -> dict[str, str]:
        """Words of `tags` that name fibres and activation, with their values."""
        pairs = (word.partition("=")[::2] for word in self.tags.split())
        return {word: value for word, value in pairs if word in MEASURED}

    @property
    def surface_tags(self) -> str:
        """Other words of `tags`."""
        words = self.tags.split()
        return " ".join(word for word in words if word.partition("=")[0] not in MEASURED)

    @property
    def files(self) -> list[str]:
        """All files of the patient."""
        heart = [part.partition("=")[2] for part in self.heart.split() if "=" in part]
        places = [*(heart or [self.heart]), self.torso, self.electrodes, self.skin]
        files = [Path(self.folder) / place for place in places if place]
        named = (Path(self.folder) / value for value in self.measured.values())
        files += [path for path in named if path.is_file()]
        # openCARP and EDGAR split a mesh into several files
        beside = (".pts", ".elem", ".fac", ".lon")
        more = [f.with_suffix(s) for f in files if f.suffix in beside for s in beside]
        return [str(f) for f in dict.fromkeys([*files, *(m for m in more if m.exists())])]


@dataclass(frozen=True)
class ImportSheet:
    """Rows of a sheet, and what is wrong with its other lines."""

    path: Path
    rows: Mapping[str, Row]
    """Patient -> row, one per additional body too."""
    faults: Mapping[str, str]
    """Patient, or `line N` -> what is wrong and what helps."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a sheet: CSV with the columns of docs/reference/import-sheet.md.

        Raises:
            BadInput: the sheet is missing, is not CSV or has no line.
        """
        path = Path(path)
        if not path.is_file():
            raise BadInput(
                f"{path}: no such sheet; it is a CSV file, see docs/reference/import-sheet.md"
            )
        rows, faults = dict[str, Row](), dict[str, str]()
        for number, line in enumerate(read_csv(path), start=2):
            where = f"{path}: line {number}"
            try:
                added = {row.patient: row for row in _rows_of(line, str(path.parent), where)}
                if twice := rows.keys() & added.keys():
                    raise BadInput(f"{where}: {', '.join(sorted(twice))} is given twice")
                rows |= added
            except BadInput as error:
                name = line.get("patient", "")
                known = name in rows or name in faults or not re.fullmatch(NAME, name)
                faults[f"line {number}" if known else name] = str(error)
        if not rows and not faults:
            columns = ", ".join((*REQUIRED, *OF_TORSO, "tags"))
            raise BadInput(
                f"{path}: no patient in the sheet; write one line per patient below the names of "
                f"the columns, {columns}"
            )
        return cls(path, rows, faults)

    def row(self, patient: str) -> Row:
        """The row of a patient.

        Raises:
            BadInput: its line is wrong, or there is none.
        """
        if patient in self.faults:
            raise BadInput(self.faults[patient])
        if patient not in self.rows:
            there = f"{self.path}: no patient {patient}; it has {', '.join(self.rows)}"
            raise BadInput("\n".join([there, *self.faults.values()]))
        return self.rows[patient]

    def refuse_faults(self, but: Collection[str] = ()) -> None:
        """Refuse a sheet with wrong lines of other patients than those named.

        Raises:
            BadInput: with a line for each fault.
        """
        if wrong := [fault for name, fault in self.faults.items() if name not in but]:
            raise BadInput("\n".join(wrong))


def read_sheet(path: str | Path) -> list[Row]:
    """The patients of a sheet, one row each, and one per additional body.

    Args:
        path: CSV with the columns of docs/reference/import-sheet.md.

    Raises:
        BadInput: the sheet is missing, has no patient or lacks a column, a field is empty, or a
            name is wrong or given twice; with a line for each wrong line of the sheet.
    """
    sheet = ImportSheet.read(path)
    sheet.refuse_faults()
    return list(sheet.rows.values())


def _rows_of(line: Mapping[str, str], folder: str, where: str) -> list[Row]:
    """The rows of one line."""
    _refuse_spilled_tags(line, where)
    known = {k: v for k, v in line.items() if k in (*REQUIRED, *OF_TORSO, *PERSON, *OPTIONAL)}
    needed = (*REQUIRED, *OF_TORSO) if known.get("torso") else REQUIRED
    if empty := [key for key in needed if not known.get(key)]:
        raise BadInput(f"{where}: {', '.join(empty)} missing; the columns are "
                       f"{', '.join((*REQUIRED, *OF_TORSO, 'tags'))}, and without a torso "
                       f"{', '.join((*PERSON, *OPTIONAL[1:]))}")  # fmt: skip
    name = known["patient"]
    if not re.fullmatch(NAME, name) or VIRTUAL.match(name):
        raise BadInput(
            f"{where}: patient {name!r}: lower-case letters, digits and hyphens, "
            "a letter first; names like p0001 belong to virtual patients"
        )
    return _bodies(known, folder, _physiology(line, where), where)


def _refuse_spilled_tags(line: Mapping[str, str], where: str) -> None:
    """Refuse a line with more fields than columns, or with words of tags in other columns."""
    spilled = line.get("", "")
    beside = [key for key in (*PERSON, *OPTIONAL[1:]) if "=" in line.get(key, "")]
    if spilled or beside:
        what = f"{spilled!r} is beyond its columns"
        what = what if spilled else f"{beside[0]} holds words of tags"
        raise BadInput(
            f"{where}: {what}; a comma within a field? put the field in quotes, such as "
            '"class base=1,5 epi=2 lv=3 rv=4"'
        )


def _bodies(
    known: Mapping[str, str], folder: str, physiology: Mapping[str, float], where: str
) -> list[Row]:
    """The row of a line, and one row per additional random body."""
    _check_torso(known, where)
    text = {key: known.get(key) or "0" for key in ("height_cm", "weight_kg", "bodies")}
    try:
        height, weight, bodies = (
            float(text["height_cm"]),
            float(text["weight_kg"]),
            int(text["bodies"]),
        )
    except ValueError as error:
        raise BadInput(f"{where}: {', '.join(text)}: {error}") from error
    if known.get("sex") and not (100 <= height <= 230 and 25 <= weight <= 300):
        raise BadInput(
            f"{where}: height_cm {height:g}, weight_kg {weight:g}: "
            "implausible for an adult; in m or in pounds?"
        )
    if not 0 <= bodies <= MAX_BODIES:
        raise BadInput(f"{where}: bodies {bodies}: 0 to {MAX_BODIES} are drawn")
    text = {key: known.get(key, "") for key in (*REQUIRED, *OF_TORSO, "tags", "skin", "sex")}
    text |= {"folder": folder, "pose": known.get("pose") or POSES[0]}
    row = Row(physiology=physiology, height_cm=height, weight_kg=weight, **text)  # type: ignore[arg-type]
    return [row, *(row.drawn(k + 1) for k in range(bodies))]


def _check_torso(known: Mapping[str, str], where: str) -> None:
    """Check what only a patient without a torso may state, and that it is complete."""
    inferred, pose = not known.get("torso"), known.get("pose") or POSES[0]
    if pose not in POSES:
        raise BadInput(f"{where}: pose: {pose!r} is none of {', '.join(POSES)}")
    if not inferred:
        meant = [key for key in (*PERSON, "skin", "bodies") if known.get(key)]
        meant += ["pose"] if pose != POSES[0] else []
        if meant:
            raise BadInput(f"{where}: {', '.join(meant)}: only for patients without a torso")
    person = [key for key in PERSON if known.get(key)]
    if person and len(person) < len(PERSON):
        raise BadInput(f"{where}: {', '.join(person)} alone; a person has {', '.join(PERSON)}")
    if (
        inferred
        and pose != POSES[0]
        and not (person or known.get("electrodes") or known.get("skin"))
    ):
        raise BadInput(
            f"{where}: torso missing, and with pose {pose} the heart's place tells nothing of it; "
            f"give one, or what it is inferred from: electrodes, skin, {', '.join(PERSON)}"
        )
    if known["axes"] == UNKNOWN_AXES and (not inferred or pose == POSES[0]):
        raise BadInput(f"{where}: axes: unknown ones need an inferred torso and pose: typical")


def _physiology(line: Mapping[str, str], where: str) -> Mapping[str, float]:
    """Column -> value of the non-empty physiology columns of the cohort's sheet."""
    found: dict[str, float] = {}
    for column in COLUMNS:
        if text := line.get(column):
            try:
                found[column] = float(text)
            except ValueError:
                found[column] = math.nan
            if not math.isfinite(found[column]):
                raise BadInput(f"{where}: {column}: {text!r} is not a number")
    return MappingProxyType(found)
