"""WFDB records, such as those of PTB, PTB-XL and the PhysioNet challenges, by the package wfdb.

Format: https://physionet.org/physiotools/wag/header-5.htm and signal-5.htm.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.common_gain import with_common_gain
from einthoven.physics.ecg.recordings.elements import sex_of
from einthoven.physics.ecg.recordings.lead_names import by_name, lead_of
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording
from einthoven.physics.ecg.recordings.units import PER_MV

_RATE = re.compile(r"\d+\.?\d*(/|$)")
_SEX = re.compile(r".*\b(?:sex|gender)\W+(female|male|f|m)\b", re.IGNORECASE)
_AGE = re.compile(r".*\bage\W+(\d+)\b", re.IGNORECASE)
FORMATS = frozenset("8 16 24 32 61 80 160 212 310 311 508 516 524".split())
"""Storage formats (signal-5.htm)."""
STANDARD_GAIN = 200.0
"""Counts per mV of a header that states none (header-5.htm)."""
_SEGMENTED = re.compile(r"\S+/\d+\s")
"""First words of the header of a record in several segments."""


def read_wfdb(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a record of one or several segments, in all formats and with byte offsets.

    Of several samples per frame, as many are kept as all leads have. Header gains that break
    Einthoven's law are replaced by one gain where the counts obey it (`with_common_gain`).

    Args:
        path: the header, record.hea.
        declared: its rate must be that of the header; the header states the unit.

    Raises:
        BadInput: missing or broken files, not a unit of voltage, a wrong checksum, missing leads,
            or another rate than declared.
    """
    path = Path(path)
    record, text = _record(path)
    found = _of_segments(record, path) if hasattr(record, "segments") else _of_one(record, path)
    if declared.rate_hz and declared.rate_hz != found.rate_hz:
        raise BadInput(
            f"{path}: the header says {found.rate_hz:g} Hz, not {declared.rate_hz:g} Hz; "
            "leave out --rate-hz"
        )
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    return Recording.of_leads(path, found.leads, found.rate_hz, _person(comments), found.notes)


def segments_of(path: Path) -> list[Path]:
    """Headers of the segments that a header names; none for a record in one part."""
    try:
        with path.open(encoding="latin-1") as file:
            lines = [line.split() for line in file if line.strip() and line[0] != "#"]
    except OSError:
        return []
    if not lines or not _SEGMENTED.match(" ".join([*lines[0], ""])):
        return []
    return [path.with_name(f"{words[0]}.hea") for words in lines[1:] if words[0] != "~"]


@dataclass(frozen=True, eq=False)
class _Signals:
    """Leads [time] mV by name, with their rate and findings."""

    leads: dict[str, np.ndarray]
    rate_hz: float
    notes: tuple[str, ...] = ()


def _of_one(record: Any, path: Path) -> _Signals:
    """Signals of a record in one part, at the rate that all leads have."""
    gains = [gain or STANDARD_GAIN for gain in record.adc_gain]
    notes = []
    if not all(record.adc_gain):
        notes.append("the header has no gain; the standard's 200 counts per mV were taken")
    record.adc_gain = gains
    names = record.sig_name
    values = by_name(zip(names, record.dac(expanded=True), strict=True), str(path))
    counts = dict(zip(names, record.e_d_signal, strict=True))
    units = dict(zip(names, record.units))
    leads = {name: row / _per_mv(name, units[name], path) for name, row in values.items()}
    per_frame = dict(zip(names, record.samps_per_frame))
    least = min((per_frame[name] for name in leads), default=1)
    if any(per_frame[name] != least for name in leads):
        leads = {name: _mean_of(row, per_frame[name], least, path) for name, row in leads.items()}
        notes.append(f"leads have several samples per frame; their means at {least} were taken")
    else:
        leads, corrected = with_common_gain(leads, counts, dict(zip(names, gains)))
        notes += corrected
    leads = leads or dict.fromkeys(names, np.zeros(0))  # their names are in the message
    return _Signals(leads, float(record.fs) * least, tuple(notes))


def _of_segments(record: Any, path: Path) -> _Signals:
    """Signals of all segments in turn, NaN where a segment has not the lead."""
    whole = record.multi_to_single(physical=True)
    leads = {name: row / _per_mv(name, unit, path)
             for name, unit, row in zip(whole.sig_name, whole.units, whole.p_signal.T)
             if lead_of(name)}  # fmt: skip
    return _Signals(leads, float(record.fs))


def _mean_of(values: np.ndarray, per_frame: int, wanted: int, path: Path) -> np.ndarray:
    """Means of successive samples, `wanted` per frame: [time]."""
    if per_frame % wanted:
        raise BadInput(
            f"{path}: leads with {per_frame} and {wanted} samples per frame; resample them to one "
            "rate"
        )
    return values.reshape(-1, per_frame // wanted).mean(axis=1)


def _per_mv(name: str, unit: str, path: Path) -> float:
    if unit.lower() not in PER_MV:
        raise BadInput(f"{path}: unit {unit!r} of the gain of {name} is not mV, uV or V; "
                       "correct the header")  # fmt: skip
    return PER_MV[unit.lower()]


def _record(path: Path) -> tuple[Any, str]:
    """A `wfdb.Record` in counts, or `MultiRecord` in mV, verified, and the header's text."""
    try:
        text = path.read_text(encoding="latin-1")
        lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        several = bool(lines and _SEGMENTED.match(f"{lines[0]} "))
        with _as_named(path, lines) as name:
            record = _read(name, several, any(line.split()[1][:2] == "61" for line in lines[1:]))
    except OSError as error:
        file = path.with_name(Path(error.filename).name) if error.filename else path
        raise BadInput(
            f"{file}: cannot be read ({error.strerror}); a header and its signal files stay "
            "together under their names: copy all of them"
        ) from error
    except Exception as error:  # wfdb raises many types
        raise BadInput(
            f"{path}: not the header of a WFDB record, or one whose files are truncated "
            f"({error}); copy the record again"
        ) from error
    _raise_if_no_rate(lines[0].split(), path)
    unknown = [] if several else sorted({str(form) for form in record.fmt or ()} - FORMATS)
    if unknown:
        raise BadInput(f"{path}: signal format {', '.join(unknown)} is none of WFDB's; damaged? "
                       "copy the record again")  # fmt: skip
    if not several:
        _raise_if_damaged(record, path)
    return record, text


def _read(name: Path, several: bool, big_endian: bool) -> Any:
    """The record without suffix; wfdb 4.3 cannot leave the counts of format 61 as they are."""
    import wfdb  # slow: it loads pandas

    record = wfdb.rdrecord(str(name), physical=several or big_endian, m2s=False,
                           smooth_frames=several)  # fmt: skip
    if not several:
        record.sig_name = [name or f"signal {k}" for k, name in enumerate(record.sig_name or ())]
    if big_endian and not several:
        record.e_d_signal = record.adc(expanded=True)
    return record


@contextmanager
def _as_named(path: Path, lines: list[str]) -> Iterator[Path]:
    """The record without suffix; where names differ in capitals, links that fit the header."""
    if path.suffix == ".hea":
        yield path.with_suffix("").resolve()
        return
    names = {path.name, *(line.split()[0] for line in lines[1:])}
    here = {file.name.lower(): file for file in path.parent.iterdir()}
    with TemporaryDirectory() as folder:
        for name in names:
            if (file := here.get(name.lower())) is not None:
                link = path.stem + ".hea" if file == path else name
                (Path(folder) / link).symlink_to(file.resolve())
        yield Path(folder) / path.stem


def _raise_if_no_rate(words: list[str], path: Path) -> None:
    if len(words) > 2 and not _RATE.match(words[2]):  # wfdb would take 250 Hz
        raise BadInput(f"{path}: sampling rate {words[2]!r} is not a number; correct the header")


def _raise_if_damaged(record: Any, path: Path) -> None:
    """Refuse a record without signals, or whose checksums do not fit."""
    if record.e_d_signal is None:
        raise BadInput(f"{path}: not the header of a WFDB record with signals; is it a layout?")
    stated = [0 if value is None else value for value in record.checksum]
    if not any(stated):  # some writers put zeros there
        return
    computed = record.calc_checksum(expanded=True)
    for name, expected, found, value in zip(record.sig_name, stated, computed, record.checksum):
        if value is not None and (found - expected) % 65536:
            raise BadInput(f"{path}: the checksum of {name} does not fit; damaged? copy it again")


def _person(comments: list[str]) -> Person:
    """Sex and age from comments in the form of PTB."""
    sex = next(filter(None, map(_SEX.match, comments)), None)
    age = next(filter(None, map(_AGE.match, comments)), None)
    return Person(sex_of(sex[1]) if sex else None, float(age[1]) if age else None)
