"""CardioSoft XML (GE Healthcare): the rhythm strip, or the device's median beat."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording

WAVEFORMS = ("StripData", "RestingECGMeasurements/MedianSamples")
"""Elements that hold leads, in order of preference: ten seconds, or one beat."""
_SEXES = {"MALE": "male", "FEMALE": "female"}


def read_cardiosoft(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read the leads in mV, and the data of the person.

    Args:
        path: the file, its root `CardiologyXML`.
        declared: its rate must be that of the file; the file states the unit.

    Raises:
        BadInput: not XML, not of CardioSoft, no waveforms, samples that are no numbers, leads that
            are missing or of different lengths, or another rate than declared.
    """
    path = Path(path)
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as XML ({error})") from error
    if root.tag != "CardiologyXML":
        raise BadInput(f"{path}: root <{root.tag}>; only CardioSoft's <CardiologyXML> is read")
    parts = (part for name in WAVEFORMS if (part := root.find(name)) is not None)
    part = next((part for part in parts if part.find("WaveformData") is not None), None)
    if part is None:
        raise BadInput(f"{path}: no WaveformData in {' or '.join(WAVEFORMS)}")
    rate = _number(part, "SampleRate", path)
    if declared.rate_hz and declared.rate_hz != rate:
        raise BadInput(f"{path}: SampleRate is {rate:g} Hz, not {declared.rate_hz:g} Hz; "
                       "leave out --rate-hz")  # fmt: skip
    step_mv = _number(part, "Resolution", path) / 1000.0
    unit = part.find("Resolution").get("units")  # type: ignore[union-attr]
    if unit != "uVperLsb":
        raise BadInput(f"{path}: <Resolution> in {unit}; export it in uVperLsb")
    leads = {data.get("lead", ""): step_mv * _samples(data, path)
             for data in part.findall("WaveformData")}  # fmt: skip
    lengths = {name: len(values) for name, values in leads.items()}
    if len(set(lengths.values())) > 1:
        raise BadInput(f"{path}: leads of different lengths: {lengths}; truncated? export it again")
    return Recording.of_leads(path, leads, rate, _person(root, path))


def _number(parent: ElementTree.Element, name: str, path: Path) -> float:
    """The positive number in a child element."""
    text = parent.findtext(name)
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not value > 0:
        raise BadInput(f"{path}: <{parent.tag}><{name}> is {text!r}, not a positive number")
    return value


def _samples(data: ElementTree.Element, path: Path) -> np.ndarray:
    """Counts [time] of one lead."""
    try:
        return np.array([float(word) for word in (data.text or "").split(",")])
    except ValueError as error:
        raise BadInput(f"{path}: WaveformData of lead {data.get('lead')}: {error}") from error


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
        values.append(_number(info, name, path) if known else None)
    return Person(_SEXES.get((info.findtext("Gender") or "").strip().upper()), *values)
