"""Tables of leads: CSV with one column per lead, NumPy arrays of twelve leads."""

import csv
import re
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording

TIME_COLUMNS = {"time_ms": 1e-3, "t_ms": 1e-3, "time_s": 1.0, "t_s": 1.0}
"""Names of a column of times -> seconds per unit."""
RATE_TOLERANCE = 0.02


_UNIT = re.compile(r"(?P<name>\S+?)\s*[\[(/]\s*(?P<unit>\S*?[vV])\s*[\])]?")
"""A column `V1 (uV)`, `V1 [mV]` or `V1/mV`."""


def read_csv(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a table whose header names the leads, with a column of times or a rate.

    Args:
        path: comma- or semicolon-separated; a first line such as `time_ms,I,II,V1,...,V6`, with
            or without units: `time_ms,I (uV),...`.
        declared: rate without a column of times; unit if the header names none.

    Raises:
        BadInput: as `read_columns`; no rate, or one that contradicts the times; not a unit of
            voltage; missing leads.
    """
    path = Path(path)
    columns, column_hz = read_columns(path)
    if (rate_hz := column_hz or declared.rate_hz) is None:
        raise BadInput(f"{path}: no column time_ms or time_s; give the rate with --rate-hz")
    if declared.rate_hz and abs(rate_hz / declared.rate_hz - 1) > RATE_TOLERANCE:
        raise BadInput(f"{path}: the times are {rate_hz:g} Hz, not {declared.rate_hz:g} Hz; "
                       "is the column of times in another unit?")  # fmt: skip
    leads: dict[str, np.ndarray] = {}
    for column, values in columns.items():
        named = _UNIT.fullmatch(column)
        name, unit = (named["name"], named["unit"]) if named else (column, None)
        leads[name] = values / declared.per_mv(unit, f"{path}: column {column}")
    return Recording.of_leads(path, leads, rate_hz)


def read_npy(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read leads I, II, III, aVR, aVL, aVF, V1 to V6, in this order.

    Args:
        path: an array [12, time] or [time, 12] of numbers.
        declared: the rate, which the file cannot state; the unit.

    Raises:
        BadInput: no such array, both dimensions are 12, or no rate.
    """
    path = Path(path)
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: cannot be read as a NumPy array ({error})") from error
    n_leads = len(LEADS)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise BadInput(f"{path}: not an array of numbers; save it with numpy.save")
    if values.ndim != 2 or n_leads not in values.shape or values.shape == (n_leads, n_leads):
        raise BadInput(f"{path}: shape {values.shape}, expected (12, time) or (time, 12)")
    if declared.rate_hz is None:
        raise BadInput(f"{path}: an array has no sampling rate; give it with --rate-hz")
    rows = values if len(values) == n_leads else values.T
    leads = dict(zip(LEADS, rows / declared.per_mv(None, str(path))))
    return Recording.of_leads(path, leads, declared.rate_hz)


def read_columns(path: Path) -> tuple[dict[str, np.ndarray], float | None]:
    """Columns [time] by name without the times, and samples per second if there are times.

    Raises:
        BadInput: no header, a cell that is not a number, times that do not rise in equal steps.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text ({error})") from error
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    if len(rows) < 2 or all(_is_number(cell) for cell in header):
        raise BadInput(f"{path}: the first line must name the leads, e.g. time_ms,I,II,...,V6")
    check.unique(f"{path}: columns", header)
    columns = dict(zip(header, _numbers(rows[1:], len(header), path).T))
    times = next((name for name in columns if name.lower() in TIME_COLUMNS), None)
    if times is None:
        return columns, None
    return columns, _rate(columns.pop(times) * TIME_COLUMNS[times.lower()], path)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(rows: list[list[str]], n_columns: int, path: Path) -> np.ndarray:
    """[row, column] values; an error names the line."""
    values = np.empty((len(rows), n_columns))
    for k, row in enumerate(rows):
        if len(row) != n_columns or not all(map(_is_number, row)):
            raise BadInput(f"{path}: line {k + 2} is not {n_columns} numbers; correct or delete it")
        values[k] = [float(cell) for cell in row]
    return values


def _rate(seconds: np.ndarray, path: Path) -> float:
    steps = np.diff(seconds)
    if len(steps) < 2 or not steps.min() > 0 or np.ptp(steps) > 0.02 * steps.mean():
        raise BadInput(f"{path}: the times must rise in equal steps; are they ms or s?")
    return float(len(steps) / (seconds[-1] - seconds[0]))
