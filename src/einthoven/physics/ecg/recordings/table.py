"""Tables of leads: text files with one column per lead."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.content import NotARecording, text_of
from einthoven.physics.ecg.recordings.lead_names import by_name, n_leads
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording
from einthoven.physics.ecg.recordings.units import PER_MV, name_and_unit, per_mv, unit_by_size

TIMES = re.compile(
    r"(?:elapsed[ _])?(?:time|t|timestamps?|seconds|sec)"
    r"(?:[\s_]*[\[(/]?\s*(?P<unit>ms|s|sec)[\])]?)?",
    re.IGNORECASE,
)
"""Name of a column of times, with or without its unit."""
_TIME_UNITS = {"ms": 1e-3, "s": 1.0, "sec": 1.0}
"""Unit of time -> seconds."""
RATE_TOLERANCE, LARGEST_JITTER = 0.02, 0.3
"""Relative difference of the rate from the declared one; deviation of a time from equal steps, in
steps (times in whole ms at 360 Hz deviate by 0.18, a lost sample by 0.5 or more)."""
LONGEST_STEP_S = 0.05
"""Longest step of a recording; longer ones are ms. So the unit of times without one is known."""
LEAST_LEADS, PREAMBLE = 3, 100
"""Names of leads in a header, and number of lines in which it is looked for."""
_STATED_RATE = re.compile(
    r"\b(?:sampl\w*[ _]?(?:rate|freq\w*)|fs|rate_hz|rate|freq\w*)"
    r"\W*[:=,;\t ]\s*(?P<rate>\d+(?:[.,]\d+)?)",
    re.IGNORECASE,
)
"""Line before the header such as `# sampling rate: 500 Hz`."""
_STATED_UNIT = re.compile(r"\bunits?\W*[:=,;\t ]\s*(?P<unit>[mµμu]?V)\b", re.IGNORECASE)


def read_csv(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a table whose header names the leads, with a column of times or a rate.

    Args:
        path: separated by comma, semicolon, tab, bar or blanks, with a decimal point or comma; a
            header such as `time_ms,I,II,V1,...,V6`, maybe with units (`I (uV)`, or a line of them
            below), maybe after lines that state rate and unit. Other columns are ignored.
        declared: rate without a column of times; unit if the file states none.

    Raises:
        BadInput: as `read_columns`; no rate, or one that contradicts the times; not a unit of
            voltage, or none that is clear; missing leads.
    """
    path = Path(path)
    table = _Table.of(path)
    leads, units = table.leads()
    rate_hz = _rate_of(table, declared)
    unit, notes = table.stated_unit or declared.unit, list[str]()
    bare = {name: row for name, row in leads.items() if not units[name]}
    if bare and unit is None:
        unit = unit_by_size(bare, rate_hz, str(path))
        notes.append(f"the unit {unit} was detected by the size of the QRS")
    in_mv = {name: row / per_mv(units[name] or unit or "mV", f"{path}: column {name}")
             for name, row in leads.items()}  # fmt: skip
    return Recording.of_leads(path, in_mv, rate_hz, notes=notes)


def read_columns(path: Path) -> tuple[dict[str, np.ndarray], float | None]:
    """Columns [time] by name without the times, and samples per second if there are times.

    Raises:
        BadInput: no header, a cell that is not a number, times that do not rise in equal steps.
    """
    table = _Table.of(path, any_names=True)
    check.unique(f"{path}: columns", table.header)
    times = table.times()
    columns = {name: table.column(k) for k, name in enumerate(table.header) if k != times}
    return columns, table.rate_hz()


@dataclass(frozen=True, eq=False)
class _Table:
    """A text file in cells.

    Attributes:
        path: of the file. header: names of the columns. units: of each column, below its name.
        cells: [row][column] texts, with decimal points. first_line: number of the first row.
        stated_rate, stated_unit: of a line before the header.
    """

    path: Path
    header: list[str]
    units: list[str]
    cells: list[list[str]]
    first_line: int
    stated_rate: float | None
    stated_unit: str | None

    @classmethod
    def of(cls, path: Path, any_names: bool = False) -> "_Table":
        """The table of a file; the header is the first line with leads, or with any names."""
        lines = text_of(path).splitlines()
        at = _header_line(lines, any_names)
        delimiter = _delimiter(lines[at]) if at is not None else ","
        header = _header(lines[at], delimiter) if at is not None else []
        leads = n_leads(name_and_unit(name)[0] for name in header)
        if at is None or not any_names and leads < 2:
            kind = BadInput if any_names or _looks_like_numbers(lines) else NotARecording
            raise kind(f"{path}: the first line must name the leads, e.g. time_ms,I,II,...,V6; it "
                       f"is {', '.join(header[:12])!r}")  # fmt: skip
        below = [_cells(line, delimiter) for line in lines[at + 1 : at + 2]]
        has_units = bool(below) and _are_units(below[0])
        rows = [_cells(line, delimiter) for line in lines[at + 1 + has_units :] if line.strip()]
        if not rows:
            raise BadInput(f"{path}: no samples below the header; export it again")
        if delimiter != ",":
            rows = [[cell.replace(",", ".") for cell in row] for row in rows]
        before = "\n".join(lines[:at])
        rate, unit = _STATED_RATE.search(before), _STATED_UNIT.search(before)
        return cls(
            path, header, [cell.strip("'\" []()") for cell in below[0]] if has_units else [], rows,
            at + 2 + has_units, float(rate["rate"].replace(",", ".")) if rate else None,
            unit["unit"] if unit else None,
        )  # fmt: skip

    def column(self, k: int) -> np.ndarray:
        """Values [time] of a column, NaN for an empty cell; an error names the line."""
        values = np.empty(len(self.cells))
        for row, cells in enumerate(self.cells):
            cell = cells[k].strip() if k < len(cells) and len(cells) >= len(self.header) else "?"
            try:
                values[row] = float(cell) if cell else np.nan
            except ValueError:
                if cell.lower() not in ("na", "n/a", "null", "-"):
                    n = len(self.header)
                    raise BadInput(
                        f"{self.path}: line {self.first_line + row} is not {n} numbers; correct or "
                        "delete it"
                    ) from None
                values[row] = np.nan
        return values

    def leads(self) -> tuple[dict[str, np.ndarray], dict[str, str | None]]:
        """Columns of leads by name, and the unit that the file states for each."""
        found: dict[str, np.ndarray] = {}
        units: dict[str, str | None] = {}
        columns = ((name_and_unit(column), k) for k, column in enumerate(self.header))
        named = by_name(((name, (k, unit)) for (name, unit), k in columns), str(self.path))
        for name, (k, unit) in named.items():
            found[name] = self.column(k)
            units[name] = unit or (self.units[k] if k < len(self.units) else None)
        return found, units

    def times(self) -> int | None:
        """Index of the column of times."""
        return next((k for k, name in enumerate(self.header) if TIMES.fullmatch(name)), None)

    def rate_hz(self) -> float | None:
        """Samples per second by the column of times."""
        if (k := self.times()) is None:
            return None
        named = TIMES.fullmatch(self.header[k])
        unit = (named["unit"] if named else None) or (self.units[k] if k < len(self.units) else "")
        if any(":" in row[k] for row in self.cells[:1] if k < len(row)):
            return _rate(np.array([_clock(row[k]) for row in self.cells]), self.path)
        times = self.column(k)
        return _rate(times * _TIME_UNITS.get(unit.lower(), _seconds_per_unit(times)), self.path)


def _rate_of(table: _Table, declared: Declared) -> float:
    """Samples per second by the times, else of the file's text, else the declared ones."""
    by_times = table.rate_hz()
    if (rate := by_times or table.stated_rate or declared.rate_hz) is None:
        raise BadInput(f"{table.path}: no column time_ms or time_s; give the rate with --rate-hz")
    if declared.rate_hz and abs(rate / declared.rate_hz - 1) > RATE_TOLERANCE:
        raise BadInput(f"{table.path}: the file says {rate:g} Hz, not {declared.rate_hz:g} Hz; "
                       "is the column of times in another unit?")  # fmt: skip
    return rate


def _header_line(lines: Sequence[str], any_names: bool) -> int | None:
    """Index of the line that names the leads; of the first line of names as a last resort."""
    first = None
    for k, line in enumerate(lines[:PREAMBLE]):
        if not line.strip():
            continue
        cells = _header(line, _delimiter(line))
        if n_leads(name_and_unit(cell)[0] for cell in cells) >= LEAST_LEADS and not any_names:
            return k
        if line[0] in "#%":
            continue
        if all(_is_number(cell) for cell in cells if cell):
            break
        first = k if first is None else first
        if any_names:
            break
    return first


def _looks_like_numbers(lines: Sequence[str]) -> bool:
    """Whether the first line that is no comment has only numbers, or there is none."""
    rest = [line for line in lines[:PREAMBLE] if line.strip() and line[0] not in "#%"]
    return not rest or all(_is_number(cell) for cell in _cells(rest[0], _delimiter(rest[0])))


def _delimiter(line: str) -> str:
    """The separator of a header; a blank stands for any number of them."""
    return next((mark for mark in "\t;|," if mark in line), " ")


def _header(line: str, delimiter: str) -> list[str]:
    """Names of a header, also of one that is a comment, without quotes."""
    return [cell.strip().strip("'\"") for cell in _cells(line.lstrip("#% "), delimiter)]


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a quote that is not closed in a line too long
        return [line]


def _are_units(cells: Sequence[str]) -> bool:
    """Whether cells are units of voltage and time only."""
    words = [cell.strip("'\" []()").lower() for cell in cells]
    known = {*PER_MV, *_TIME_UNITS, "hh:mm:ss.mmm", "seconds", ""}
    return any(word in PER_MV for word in words) and all(word in known for word in words)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _clock(cell: str) -> float:
    """Seconds of `mm:ss.mmm` or `hh:mm:ss.mmm`."""
    seconds = 0.0
    for part in cell.strip("'\" []").split(":"):
        seconds = 60.0 * seconds + (float(part) if _is_number(part) else float("nan"))
    return seconds


def _seconds_per_unit(times: np.ndarray) -> float:
    """Seconds of the unit of times that state none: a step of more than 50 ms is one in ms."""
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    return 1.0 if step < LONGEST_STEP_S else 1e-3


def _rate(seconds: np.ndarray, path: Path) -> float:
    """Samples per second of times in equal steps, to the rounding of the times."""
    steps = np.diff(seconds)
    if len(steps) >= 2 and steps.min() > 0:
        even = np.linspace(seconds[0], seconds[-1], len(seconds))
        if np.abs(seconds - even).max() <= LARGEST_JITTER * steps.mean():
            rate = float(len(steps) / (seconds[-1] - seconds[0]))
            return float(round(rate)) if abs(rate - round(rate)) < 0.05 else rate
    raise BadInput(f"{path}: the times must rise in equal steps; are they ms or s, or were samples "
                   "lost?")  # fmt: skip
