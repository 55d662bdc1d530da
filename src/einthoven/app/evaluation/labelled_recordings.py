"""Recordings of people with what physicians said of them: conduction, infarct, pacing, health.

PTB-XL and LUDB are read, from their sheets. People are in two parts, which no person is in both of:
`fit`, by which choices are made, and `test`, which decides nothing.
"""

import ast
import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from einthoven.app.evaluation.realism.sheets import ListedRecording, is_of_test, read_listed
from einthoven.base.core.errors import BadInput
from einthoven.imaging.model.recorded_pattern import LEFT, OTHER, PACED, RIGHT, SINUS

LEFT_PART, RIGHT_PART = "incomplete lbbb", "incomplete rbbb"
CODES = {"PACE": PACED, "CLBBB": LEFT, "CRBBB": RIGHT, "ILBBB": LEFT_PART, "IRBBB": RIGHT_PART,
         "LAFB": OTHER, "LPFB": OTHER, "IVCD": OTHER, "WPW": OTHER}  # fmt: skip
"""Code of PTB-XL -> conduction, the first that applies."""
INFARCTS = frozenset({"AMI", "ALMI", "ASMI", "IMI", "ILMI", "IPLMI", "IPMI", "LMI", "PMI"})
SIDES = {"right": RIGHT, "rechts": RIGHT, "höger": RIGHT, "left": LEFT, "links": LEFT,
         "vänster": LEFT}  # fmt: skip
BLOCK = re.compile(
    r"(?P<part>incomplete|unvollständiger?|inkomplett)?\s*"
    r"(?:(?P<english>right|left) bundle branch block|(?P<german>rechts|links)schenkelblock"
    r"|(?P<swedish>höger|vänster)sidigt skänkelblock)"
)
"""A bundle branch block in a report in English, German or Swedish."""
PHRASES = {"Incomplete left bundle": LEFT_PART, "Incomplete right bundle": RIGHT_PART,
           "Complete left bundle": LEFT, "Complete right bundle": RIGHT,
           "hemiblock": OTHER, "intravintricular": OTHER, "wpw": OTHER}  # fmt: skip
"""Phrase of LUDB -> conduction, the first that applies; its spelling."""
ANTERIOR, INFERIOR = "anterior", "inferior"
WALL_CODES = {"AMI": ANTERIOR, "ALMI": ANTERIOR, "ASMI": ANTERIOR, "IMI": INFERIOR,
              "ILMI": INFERIOR, "IPLMI": INFERIOR, "IPMI": INFERIOR}  # fmt: skip
"""Code of an infarct in PTB-XL -> its wall."""
WALL_PHRASES = {"anterior wall": ANTERIOR, "septal": ANTERIOR, "inferior wall": INFERIOR}
"""Phrase of LUDB -> the wall."""
CERTAIN = re.compile(r"scar formation|(?<!n)stemi")
"""An infarct in LUDB, whose other words are ischaemia and "undefined"."""
FIT, TEST = "fit", "test"


@dataclass(frozen=True)
class LabelledRecording:
    """One recording of one person.

    Attributes:
        file: of the recording. source: ptb-xl or ludb. patient: unique over both.
        conduction: sinus, lbbb, rbbb, paced, incomplete lbbb, incomplete rbbb or other.
        healthy: an adult without finding. infarct: an infarct, or ischaemia in LUDB.
        part: fit or test. wall: anterior or inferior, of an infarct of one of the two; or empty.
        infarct_percent: likelihood of the infarct that the sheet states, in PTB-XL by the words of
            the report (15: cannot be excluded, 100: certain); 0 without one, as for ischaemia.
    """

    file: Path
    source: str
    patient: str
    conduction: str
    healthy: bool
    infarct: bool
    part: str
    wall: str = ""
    infarct_percent: float = 0.0

    @property
    def group(self) -> str:
        """One of healthy, infarct, its conduction if it is disturbed, or other findings."""
        if self.healthy:
            return "healthy"
        if self.conduction != SINUS:
            return self.conduction
        return "infarct" if self.infarct else "other findings"


def conduction_of_codes(codes: Mapping[str, float], report: str) -> str:
    """Conduction of a row of PTB-XL.

    Where the report names a bundle branch block, the report counts: codes are translations of it,
    and some name the other side, or an incomplete block for a complete one.
    """
    if "PACE" in codes:
        return PACED
    if named := BLOCK.search(report.lower()):
        side = SIDES[named["english"] or named["german"] or named["swedish"]]
        return {LEFT: LEFT_PART, RIGHT: RIGHT_PART}[side] if named["part"] else side
    return next((kind for code, kind in CODES.items() if code in codes), SINUS)


def _one(walls: Iterable[str]) -> str:
    """The only wall; empty if there is none, or both."""
    found = set(walls)
    return found.pop() if len(found) == 1 else ""


def _of_ptb_xl(row: Mapping[str, str], listed: ListedRecording) -> LabelledRecording:
    codes: dict[str, float] = ast.literal_eval(row["scp_codes"])
    part = TEST if is_of_test(listed) else FIT
    percents = [percent for code, percent in codes.items() if code in INFARCTS]
    return LabelledRecording(
        listed.file, "ptb-xl", f"ptb-xl {listed.patient}",
        conduction_of_codes(codes, row["report"]), bool(listed.healthy), bool(percents), part,
        _one(WALL_CODES[c] for c in WALL_CODES if c in codes), max(percents, default=0.0),
    )  # fmt: skip


def _of_ludb(row: Mapping[str, str], listed: ListedRecording) -> LabelledRecording:
    said = row["Conduction abnormalities"]
    conduction = next((kind for phrase, kind in PHRASES.items() if phrase in said), SINUS)
    if "entricular pacing" in row["Cardiac pacing"]:
        conduction = PACED
    part = TEST if int(row["ID"]) % 4 == 3 else FIT
    ill = row["Ischemia"].lower()
    return LabelledRecording(
        listed.file, "ludb", f"ludb {listed.patient}", conduction, bool(listed.healthy),
        bool(ill.strip()), part, _one(WALL_PHRASES[name] for name in WALL_PHRASES if name in ill),
        100.0 if CERTAIN.search(ill) else 0.0,
    )  # fmt: skip


SHEETS: dict[str, Callable[[Mapping[str, str], ListedRecording], LabelledRecording]] = {
    "ptb-xl/ptbxl_database.csv": _of_ptb_xl, "ludb/ludb.csv": _of_ludb,
}  # fmt: skip
"""Sheet in the folder of all data -> reader of a row."""


def read_labelled(folder: str | Path, part: str) -> list[LabelledRecording]:
    """Labelled recordings of one part, in the order of the sheets.

    Args:
        folder: with `ptb-xl/` and `ludb/`. part: fit or test.

    Raises:
        BadInput: no such part, a missing recording, or as of `read_listed`.
    """
    if part not in (FIT, TEST):
        raise BadInput(f"part: {part!r}; one of {FIT}, {TEST}")
    found = []
    for name, kind in SHEETS.items():
        sheet = Path(folder) / name
        listed = read_listed(sheet, sheet.parent)
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            found += [kind(row, one) for row, one in zip(csv.DictReader(file), listed, strict=True)]
    chosen = [one for one in found if one.part == part]
    if missing := [one.file for one in chosen if not one.file.exists()]:
        raise BadInput(f"{missing[0]}: no such recording, though the sheet lists it; is the data "
                       f"complete? ({len(missing)} missing)")  # fmt: skip
    return chosen
