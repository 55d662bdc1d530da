"""CardioSoft XML (GE Healthcare): the rhythm strip, or the device's median beat."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.elements import number, sex_of
from einthoven.physics.ecg.recordings.lead_names import by_name
from einthoven.physics.ecg.recordings.recording import Person, Recording

WAVEFORMS = ("StripData", "RestingECGMeasurements/MedianSamples")
"""Elements that hold leads, in order of preference: ten seconds, or one beat."""


def of_cardiosoft(root: ElementTree.Element, path: Path) -> Recording:
    """Leads in mV, and the data of the person.

    Args:
        root: the element `CardiologyXML`. path: of the file, for messages.

    Raises:
        BadInput: no waveforms, samples that are no numbers, or leads that are missing or of
            different lengths.
    """
    parts = (part for name in WAVEFORMS if (part := root.find(name)) is not None)
    part = next((part for part in parts if part.find("WaveformData") is not None), None)
    if part is None:
        raise BadInput(f"{path}: no WaveformData in {' or '.join(WAVEFORMS)}; export it with "
                       "waveforms")  # fmt: skip
    rate = number(part, "SampleRate", path)
    step_mv = number(part, "Resolution", path) / 1000.0
    unit = part.find("Resolution").get("units")  # type: ignore[union-attr]
    if unit != "uVperLsb":
        raise BadInput(f"{path}: <Resolution> in {unit}; export it in uVperLsb")
    waves = by_name(((data.get("lead", ""), data) for data in part.findall("WaveformData")),
                    str(path))  # fmt: skip
    leads = {name: step_mv * _samples(data, path) for name, data in waves.items()}
    return Recording.of_leads(path, leads, rate, _person(root, path))


def _samples(data: ElementTree.Element, path: Path) -> np.ndarray:
    """Counts [time] of one lead."""
    try:
        return np.array([float(word) for word in (data.text or "").split(",")])
    except ValueError as error:
        raise BadInput(f"{path}: WaveformData of lead {data.get('lead')}: {error}; correct it, or "
                       "export the file again") from error  # fmt: skip


def _person(root: ElementTree.Element, path: Path) -> Person:
    """Sex, age, height and weight; an empty field is None."""
    info = root.find("PatientInfo")
    if info is None:
        return Person()
    units = {"Age": "YEARS", "Height": "CENTIMETERS", "Weight": "KILOGRAMS"}
    values: list[float | None] = []
    for name, unit in units.items():
        field = info.find(name)
        known = field is not None and (field.text or "").strip() and field.get("units") == unit
        values.append(number(info, name, path) if known else None)
    return Person(sex_of(info.findtext("Gender")), *values)
