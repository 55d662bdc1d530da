"""Sheets of recordings: which file is of which patient, with sex, age and health.

A sheet is a CSV file beside the recordings. Its kind follows from its columns: that of PTB-XL, that
of LUDB, or a plain one (`file`, and any of `patient`, `sex`, `age_years`, `healthy`).
"""

import ast
import csv
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from einthoven.base.core.errors import BadInput

ADULT_YEARS, OLDEST_YEARS = 18.0, 120.0
"""Age of an adult; PTB-XL writes 300 for everybody above 89, which is no age to match by."""
TEST_EVERY = 3
"""People of PTB-XL whose number is a multiple of it decide nothing (`is_of_test`)."""
NORMAL_RHYTHMS = frozenset({"SR", "SBRAD", "STACH", "SARRH"})
HEALTHY_CODES = NORMAL_RHYTHMS | {"NORM", "LVOLT"}
"""Statements of PTB-XL that a healthy adult may have."""
LEAST_LIKELIHOOD = 80.0
"""Least likelihood of NORM in PTB-XL, per cent."""
LUDB_RHYTHMS = frozenset(
    {"Sinus rhythm", "Sinus bradycardia", "Sinus tachycardia", "Sinus arrhythmia"}
)
LUDB_FINDINGS = (
    "Conduction abnormalities", "Extrasystolies", "Hypertrophies", "Cardiac pacing", "Ischemia",
    "Non-specific repolarization abnormalities", "Other states",
)  # fmt: skip
"""Columns of LUDB that are empty for healthy people."""
SEX_OF = {"0": "male", "1": "female", "m": "male", "f": "female", "male": "male",
          "female": "female"}  # fmt: skip
"""Sex in lower case as sheets write it (numbers as PTB-XL) -> ours."""
TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
Row = Mapping[str, str]


@dataclass(frozen=True)
class ListedRecording:
    """One row of a sheet.

    Attributes:
        file: of the recording, with its suffix.
        patient: name of the person, who may have several recordings.
        sex: female, male or None. age_years: None if unknown.
        healthy: whether the sheet says so of an adult; None if it says nothing.
    """

    file: Path
    patient: str
    sex: str | None
    age_years: float | None
    healthy: bool | None


def _age(text: str) -> float | None:
    """Age of a cell; None if it is empty or no number."""
    with suppress(ValueError):
        age = float(text)
        return age if math.isfinite(age) else None
    return None


def _listed(
    file: Path, patient: str, row: tuple[str, str], healthy: bool | None
) -> ListedRecording:
    """A row of which `row` is the sex and the age."""
    sex, age = SEX_OF.get(row[0].strip().lower()), _age(row[1])
    if healthy is not None and age is not None:
        healthy = healthy and age >= ADULT_YEARS
    known = age if age is not None and age <= OLDEST_YEARS else None
    return ListedRecording(file, patient, sex, known, healthy)


def _of_ptb_xl(row: Row, folder: Path) -> ListedRecording:
    codes: dict[str, float] = ast.literal_eval(row["scp_codes"])
    healthy = codes.get("NORM", 0.0) >= LEAST_LIKELIHOOD and codes.keys() <= HEALTHY_CODES
    patient = row["patient_id"].removesuffix(".0")
    file = folder / f"{row['filename_hr']}.hea"
    return _listed(file, patient, (row["sex"], row["age"]), healthy)


def _of_ludb(row: Row, folder: Path) -> ListedRecording:
    healthy = row["Rhythms"].strip() in LUDB_RHYTHMS and not any(
        row[finding].strip() for finding in LUDB_FINDINGS
    )
    return _listed(folder / f"{row['ID']}.hea", row["ID"], (row["Sex"], row["Age"]), healthy)


def _plain(row: Row, folder: Path) -> ListedRecording:
    said = row.get("healthy", "").strip().lower()
    person = row.get("sex", ""), row.get("age_years", "")
    patient = row.get("patient", "").strip() or row["file"]
    return _listed(folder / row["file"], patient, person, TRUTH.get(said))


KINDS: dict[frozenset[str], Callable[[Row, Path], ListedRecording]] = {
    frozenset({"patient_id", "sex", "age", "scp_codes", "filename_hr"}): _of_ptb_xl,
    frozenset({"ID", "Sex", "Age", "Rhythms", *LUDB_FINDINGS}): _of_ludb,
    frozenset({"file"}): _plain,
}
"""Columns that a kind of sheet needs -> reader of a row; the first kind that fits applies."""


def _kind(columns: Sequence[str] | None) -> Callable[[Row, Path], ListedRecording] | None:
    return next((kind for needed, kind in KINDS.items() if needed <= set(columns or ())), None)


def sheet_of(folder: Path) -> Path | None:
    """The first CSV file of a folder whose columns are those of a sheet; None without one."""
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            if _kind(next(csv.reader(file), None)):
                return path
    return None


def read_listed(sheet: str | Path, folder: Path) -> list[ListedRecording]:
    """Rows of a sheet.

    Args:
        sheet: CSV file of one of the kinds. folder: to which its file names are relative.

    Raises:
        BadInput: no such file, columns of no kind, or a cell that cannot be read.
    """
    sheet = Path(sheet)
    if not sheet.is_file():
        raise BadInput(f"{sheet}: no such sheet of recordings")
    with sheet.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        kind = _kind(reader.fieldnames)
        if kind is None:
            given = ", ".join(reader.fieldnames or ()) or "none"
            raise BadInput(
                f"{sheet}: columns {given}; expected those of PTB-XL's or LUDB's sheet, or file "
                "with any of patient, sex, age_years, healthy"
            )
        listed = []
        for number, row in enumerate(reader, start=2):
            try:
                listed.append(kind(row, folder))
            except (ValueError, SyntaxError, TypeError, AttributeError) as problem:
                raise BadInput(f"{sheet}: line {number} cannot be read ({problem})") from problem
    return listed


def healthy_adults(folder: Path) -> list[ListedRecording]:
    """The first recording of each healthy adult of a folder's sheet.

    Raises:
        BadInput: the folder has no sheet, or the sheet marks nobody as healthy.
    """
    sheet = sheet_of(folder)
    if sheet is None:
        raise BadInput(f"{folder}: no sheet says who is healthy; give the folder of PTB-XL or LUDB")
    return one_per_patient(read_listed(sheet, folder), True, str(sheet))


def is_of_test(listed: ListedRecording) -> bool:
    """Whether a person of PTB-XL is of those on whom results are judged, and nothing is chosen.

    Raises:
        BadInput: the patient has no number.
    """
    if not listed.patient.isdecimal():
        raise BadInput(f"{listed.file}: patient {listed.patient!r}: not a number, as those of "
                       "PTB-XL are; only its people are divided into fit and test")  # fmt: skip
    return int(listed.patient) % TEST_EVERY == 0


def one_per_patient(
    listed: Sequence[ListedRecording], healthy: bool, where: str
) -> list[ListedRecording]:
    """The first recording of each patient, in the sheet's order, so that people are independent.

    Args:
        listed: rows. healthy: take those of healthy adults alone. where: the sheet, for messages.

    Raises:
        BadInput: healthy people are asked for, and the sheet marks none.
    """
    if healthy:
        listed = [row for row in listed if row.healthy]
        if not listed:
            raise BadInput(f"{where}: no row of a healthy adult; leave --healthy out")
    first: dict[str, ListedRecording] = {}
    for row in listed:
        first.setdefault(row.patient, row)
    return list(first.values())
