"""GE MUSE XML: the rhythm strip, or the median beat.

The format is described by its document type definition `restecg.dtd`: each lead is a base64 text
of little-endian 16-bit counts; III, aVR, aVL and aVF are not stored.
"""

import base64
import binascii
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.elements import number, optional_number, sex_of
from einthoven.physics.ecg.recordings.recording import Person, Recording
from einthoven.physics.ecg.recordings.units import per_mv

TYPES = ("Rhythm", "Median")
"""Values of <WaveformType>, in order of preference: ten seconds, or one beat."""
MISSING_COUNT = -32768
CM_PER_INCH, KG_PER_POUND = 2.54, 0.45359237


def of_muse(root: ElementTree.Element, path: Path) -> Recording:
    """Leads in mV, and the data of the person.

    Args:
        root: the element `RestingECG`. path: of the file, for messages.

    Raises:
        BadInput: no waveform, samples that are not base64 of 16-bit counts or not as many as
            stated, leads that were not recorded together, or as `Recording.of_leads`.
    """
    waveforms = {(wave.findtext("WaveformType") or "").strip(): wave
                 for wave in reversed(root.findall("Waveform"))
                 if wave.find("LeadData") is not None}  # fmt: skip
    if (kind := next((name for name in TYPES if name in waveforms), None)) is None:
        raise BadInput(f"{path}: no <Waveform> of type {' or '.join(TYPES)} with <LeadData>; "
                       "export it with waveforms")  # fmt: skip
    waveform = waveforms[kind]
    exponent = float(waveform.findtext("SampleExponent") or 0)
    rate_hz = number(waveform, "SampleBase", path) * 10.0**exponent
    leads: dict[str, np.ndarray] = {}
    starts: dict[str, float] = {}
    for data in waveform.findall("LeadData"):
        name = (data.findtext("LeadID") or "").strip()
        if name in leads:
            raise BadInput(f"{path}: <LeadData> of {name} is there twice; export it again")
        leads[name] = _samples(data, name, path)
        starts[name] = float(data.findtext("LeadTimeOffset") or 0)
    if len(set(starts.values())) > 1:
        raise BadInput(f"{path}: <LeadTimeOffset> differs between leads ({starts}): they were "
                       "recorded in turn; export the simultaneous leads")  # fmt: skip
    off = [data.findtext("LeadID") for data in waveform.findall("LeadData")
           if (data.findtext("LeadOff") or "").strip().upper() == "TRUE"]  # fmt: skip
    notes = [f"the recorder says that the electrode of {name} was off" for name in off]
    return Recording.of_leads(path, leads, rate_hz, _person(root), notes)


def _samples(data: ElementTree.Element, name: str, path: Path) -> np.ndarray:
    """Samples [time] mV of one lead, NaN where one is missing."""
    where = f"{path}: lead {name}"
    size = (data.findtext("LeadSampleSize") or "2").strip()
    if size != "2":
        raise BadInput(f"{where}: <LeadSampleSize> {size}; only 2 bytes are read: export it again")
    try:
        raw = base64.b64decode(
            "".join((data.findtext("WaveFormData") or "").split()), validate=True
        )
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"{where}: <WaveFormData> is not base64 ({error}); truncated? export it "
                       "again") from error  # fmt: skip
    stated = optional_number(data, "LeadSampleCountTotal")
    if len(raw) % 2 or (stated is not None and stated != len(raw) // 2):
        raise BadInput(f"{where}: <WaveFormData> has {len(raw)} bytes, and <LeadSampleCountTotal> "
                       f"is {data.findtext('LeadSampleCountTotal')}; truncated? export it "
                       "again")  # fmt: skip
    counts = np.frombuffer(raw, "<i2")
    step = number(data, "LeadAmplitudeUnitsPerBit", path)
    unit = data.findtext("LeadAmplitudeUnits") or "MICROVOLTS"
    values = counts * (step / per_mv(unit, where))
    return np.where(counts == MISSING_COUNT, np.nan, values)


def _person(root: ElementTree.Element) -> Person:
    """Sex, age, height and weight; an empty field is None."""
    info = root.find("PatientDemographics")
    if info is None:
        return Person()
    in_years = (info.findtext("AgeUnits") or "YEARS").strip().upper() == "YEARS"
    inches, pounds = optional_number(info, "HeightIN"), optional_number(info, "WeightLBS")
    return Person(
        sex_of(info.findtext("Gender")),
        optional_number(info, "PatientAge") if in_years else None,
        optional_number(info, "HeightCM") or (inches and inches * CM_PER_INCH),
        optional_number(info, "WeightKG") or (pounds and pounds * KG_PER_POUND),
    )
