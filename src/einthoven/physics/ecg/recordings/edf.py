"""EDF and BDF files (European data format, 16 and 24 bits), by the package edfio."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, extra
from einthoven.physics.ecg.recordings.content import NotARecording, content_of
from einthoven.physics.ecg.recordings.elements import sex_of
from einthoven.physics.ecg.recordings.lead_names import lead_of, n_leads
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording
from einthoven.physics.ecg.recordings.units import per_mv, unit_by_size

BDF = b"\xffBIOSEMI"
_DAYS_PER_YEAR = 365.25


def read_edf(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read the signals whose labels name leads (`ECG I`, `I`, `EKG V1`), and the person.

    Args:
        path: an EDF, EDF+C, BDF or BDF+C file; its first bytes, not its suffix, tell which.
        declared: its rate must be that of the file; unit if the file states none.

    Raises:
        BadInput: damaged, in several parts (EDF+D), no leads, leads at different rates, not a unit
            of voltage, or as `Recording.of_leads`.
        MissingExtra: the package is not installed.
    """
    path = Path(path)
    with extra("recordings", "reading EDF"):
        import edfio
    found = _opened(edfio, path)
    if "+D" in found.reserved[:5]:
        raise BadInput(f"{path}: EDF+D, a record in parts with gaps; export it as EDF or EDF+C")
    signals = {signal.label: signal for signal in found.signals if lead_of(signal.label)}
    labels = [signal.label for signal in found.signals]
    if not n_leads(labels):
        raise NotARecording(f"{path}: no signal is a lead; the labels are {', '.join(labels)}")
    check.unique(f"{path}: signals", [label for label in labels if label in signals])
    rates = {label: float(signal.sampling_frequency) for label, signal in signals.items()}
    if len(set(rates.values())) > 1:
        raise BadInput(f"{path}: leads at different rates: {rates}; resample them to one")
    rate_hz = next(iter(rates.values()))
    if declared.rate_hz and declared.rate_hz != rate_hz:
        raise BadInput(f"{path}: the file says {rate_hz:g} Hz, not {declared.rate_hz:g} Hz; leave "
                       "out --rate-hz")  # fmt: skip
    leads, notes = _in_mv(signals, rate_hz, declared, path)
    return Recording.of_leads(path, leads, rate_hz, _person(found), notes)


def _opened(edfio: Any, path: Path) -> Any:
    raw = content_of(path)
    read = edfio.read_bdf if raw.startswith(BDF) else edfio.read_edf
    try:
        return read(io.BytesIO(raw))
    except Exception as error:  # the package raises many types
        raise BadInput(f"{path}: cannot be read as EDF or BDF ({error}); truncated? copy it "
                       "again") from error  # fmt: skip


def _in_mv(
    signals: dict[str, Any], rate_hz: float, declared: Declared, path: Path
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Leads [time] mV; a sentence if their unit was detected."""
    leads = {label: np.asarray(signal.data, np.float64) for label, signal in signals.items()}
    units = {label: signal.physical_dimension.strip() for label, signal in signals.items()}
    bare = {label: row for label, row in leads.items() if not units[label]}
    unit, notes = declared.unit or "", list[str]()
    if bare and not unit:
        unit = unit_by_size(bare, rate_hz, str(path))
        notes.append(f"the unit {unit} was detected by the size of the QRS")
    return {label: row / per_mv(units[label] or unit, f"{path}: {label}")
            for label, row in leads.items()}, notes  # fmt: skip


def _person(found: Any) -> Person:
    """Sex, and age by the dates of birth and of the recording."""
    try:
        sex = sex_of(found.patient.sex)
    except Exception:  # a plain EDF has free text there, and the package raises many types
        return Person()
    try:
        age = (found.startdate - found.patient.birthdate).days / _DAYS_PER_YEAR
    except Exception:
        return Person(sex)
    return Person(sex, float(int(age)))
