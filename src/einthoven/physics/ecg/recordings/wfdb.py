"""WFDB records, such as those of PTB, PTB-XL and the MIT-BIH databases, by the package wfdb.

Format: https://physionet.org/physiotools/wag/header-5.htm and signal-5.htm.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.recording import (
    NOTHING_DECLARED,
    PER_MV,
    Declared,
    Person,
    Recording,
)

_RATE = re.compile(r"\d+\.?\d*(/|$)")
_SEX = re.compile(r".*\b(?:sex|gender)\W+(female|male|f|m)\b", re.IGNORECASE)
_AGE = re.compile(r".*\bage\W+(\d+)\b", re.IGNORECASE)


def read_wfdb(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a record.

    Args:
        path: the header, record.hea.
        declared: its rate must be that of the header; the header states the unit.

    Raises:
        BadInput: missing or broken files, not a unit of voltage, a wrong checksum, missing leads,
            or another rate than declared.
    """
    path = Path(path)
    record = _record(path)
    leads = {}
    for name, unit, counts, gain, baseline in zip(
        record.sig_name, record.units, record.d_signal.T, record.adc_gain, record.baseline
    ):
        if unit.lower() not in PER_MV:
            raise BadInput(f"{path}: unit {unit!r} of the gain of {name} is not mV, uV or V")
        leads[name] = (counts - baseline) / (gain * PER_MV[unit.lower()])
    for values, missing in zip(leads.values(), np.isnan(record.dac()).T):
        values[missing] = np.nan
    rate = float(record.fs)
    if declared.rate_hz and declared.rate_hz != rate:
        raise BadInput(f"{path}: the header says {rate:g} Hz, not {declared.rate_hz:g} Hz; "
                       "leave out --rate-hz")  # fmt: skip
    return Recording.of_leads(path, leads, rate, _person(record.comments))


def _record(path: Path) -> Any:
    """A `wfdb.Record` in counts of the converter, with its rate and checksums verified."""
    import wfdb  # slow: it loads pandas

    try:
        text = path.read_text(encoding="latin-1")
        record = wfdb.rdrecord(str(path.with_suffix("").resolve()), physical=False)
    except OSError as error:
        raise BadInput(f"{error.filename or path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # wfdb raises many types
        raise BadInput(
            f"{path}: not the header of a WFDB record, or one whose files are truncated "
            f"({error}); copy the record again"
        ) from error
    if record.d_signal is None:
        raise BadInput(f"{path}: not the header of a WFDB record with signals")
    words = next(line for line in text.splitlines() if line.strip() and line[0] != "#").split()
    if len(words) > 2 and not _RATE.match(words[2]):  # wfdb would take 250 Hz
        raise BadInput(f"{path}: sampling rate {words[2]!r} is not a number")
    for name, stated, computed in zip(record.sig_name, record.checksum, record.calc_checksum()):
        if stated is not None and (computed - stated) % 65536:
            raise BadInput(f"{path}: the checksum of {name} does not fit; damaged? copy it again")
    return record


def _person(comments: list[str]) -> Person:
    """Sex and age from comments in the form of PTB."""
    sex = next(filter(None, map(_SEX.match, comments)), None)
    age = next(filter(None, map(_AGE.match, comments)), None)
    return Person(
        {"f": "female", "m": "male"}[sex[1][0].lower()] if sex else None,
        float(age[1]) if age else None,
    )
