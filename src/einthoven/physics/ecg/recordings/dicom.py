"""DICOM waveforms (12-lead and general ECG storage), by the package pydicom."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.content import NotARecording, content_of
from einthoven.physics.ecg.recordings.elements import sex_of
from einthoven.physics.ecg.recordings.lead_names import by_name, lead_of, n_leads
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording
from einthoven.physics.ecg.recordings.units import per_mv

_PREAMBLE = 128
_NUMBERS = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)
"""Numbers of the leads in the codes of MDC (`2:1`) and SCP-ECG (`5.6.3-9-1`, ISO 11073-91064)."""
CODES = {f"{before}{k}": lead for before in ("2:", "5.6.3-9-")
         for k, lead in zip(_NUMBERS, LEADS)}  # fmt: skip
CM_PER_M = 100.0


def is_dicom(first: bytes) -> bool:
    """Whether the first bytes of a file, 132 or more, are those of DICOM."""
    return first[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def read_dicom(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read the multiplex group with the most leads, the longest of these, and the person.

    Args:
        path: the file, with any suffix.
        declared: its rate must be that of the file; the file states the unit.

    Raises:
        BadInput: no DICOM file, or one without waveforms; truncated samples; no rate, sensitivity
            or unit of voltage; or as `Recording.of_leads`.
        MissingExtra: the package is not installed.
    """
    path = Path(path)
    with extra("recordings", "reading DICOM"):
        import pydicom
    try:
        data = pydicom.dcmread(io.BytesIO(content_of(path)))
        groups = list(data.get("WaveformSequence", []))
    except BadInput:
        raise
    except Exception as error:  # the package raises many types
        raise BadInput(f"{path}: cannot be read as DICOM ({error}); copy it again") from error
    if not groups:
        raise NotARecording(f"{path}: DICOM without waveforms; is it an image or a report? export "
                            "the ECG as a waveform")  # fmt: skip
    try:
        best = max(range(len(groups)), key=lambda k: (
            n_leads(_names(groups[k])), int(groups[k].NumberOfWaveformSamples)))  # fmt: skip
        counts = pydicom.waveforms.multiplex_array(data, best, as_raw=True)
        rate_hz = float(groups[best].SamplingFrequency)
        channels = zip(groups[best].ChannelDefinitionSequence, counts.T)
        leads = {name: _in_mv(channel, row, f"{path}: {name}") for name, (channel, row)
                 in by_name(zip(_names(groups[best]), channels), str(path)).items()}  # fmt: skip
    except BadInput:
        raise
    except Exception as error:  # a missing element, or samples that are not as many as stated
        raise BadInput(f"{path}: damaged waveform ({error}); truncated? export it "
                       "again") from error  # fmt: skip
    if declared.rate_hz and declared.rate_hz != rate_hz:
        raise BadInput(f"{path}: the file says {rate_hz:g} Hz, not {declared.rate_hz:g} Hz; leave "
                       "out --rate-hz")  # fmt: skip
    return Recording.of_leads(path, leads, rate_hz, _person(data))


def _names(group: Any) -> list[str]:
    """Leads of a group's channels by their codes; else the meaning of the code, or the label."""
    names = []
    for channel in group.get("ChannelDefinitionSequence", []):
        source = next(iter(channel.get("ChannelSourceSequence", [])), None)
        code = str(source.get("CodeValue", "")) if source else ""
        meaning = str(source.get("CodeMeaning", "")) if source else ""
        label = str(channel.get("ChannelLabel", ""))
        known = (text for text in (code, meaning, label) if lead_of(text))
        names.append(CODES.get(code) or next(known, meaning or label))
    return names


def _in_mv(channel: Any, counts: np.ndarray, where: str) -> np.ndarray:
    """Samples [time] mV of a channel: (counts + baseline) * sensitivity * correction."""
    unit_code = next(iter(channel.get("ChannelSensitivityUnitsSequence", [])), None)
    if unit_code is None or "ChannelSensitivity" not in channel:
        raise BadInput(f"{where}: no ChannelSensitivity with its unit; the file holds counts only: "
                       "export it with units")  # fmt: skip
    step = float(channel.ChannelSensitivity) * float(
        channel.get("ChannelSensitivityCorrectionFactor", 1)
    )
    values = counts * step + float(channel.get("ChannelBaseline", 0) or 0)
    return values / per_mv(str(unit_code.get("CodeValue", "")), where)


def _person(data: Any) -> Person:
    """Sex, age, height and weight; what is missing is None."""
    age = str(data.get("PatientAge", "") or "")
    years = float(age[:3]) if age[:3].isdigit() and age[3:] == "Y" else None
    height, weight = data.get("PatientSize"), data.get("PatientWeight")
    return Person(
        sex_of(str(data.get("PatientSex", ""))), years,
        float(height) * CM_PER_M if height else None, float(weight) if weight else None,
    )  # fmt: skip
