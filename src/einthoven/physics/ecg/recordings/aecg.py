"""HL7 aECG (annotated ECG, ANSI/HL7 V3 ECG R1-2004), the format of the FDA's warehouse.

A series has sets of sequences; the first sequence of a set gives the times by their increment, the
others the leads by origin, scale and digits.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.elements import sex_of, without_namespaces
from einthoven.physics.ecg.recordings.lead_names import by_name, n_leads
from einthoven.physics.ecg.recordings.recording import Person, Recording
from einthoven.physics.ecg.recordings.units import per_mv

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_DAYS_PER_YEAR = 365.25
TIMES = ("TIME_ABSOLUTE", "TIME_RELATIVE")


def of_aecg(root: ElementTree.Element, path: Path) -> Recording:
    """Leads in mV of the sequence set with the most leads, the first of these.

    Args:
        root: the element `AnnotatedECG`. path: of the file, for messages.

    Raises:
        BadInput: no sequence set with leads, no increment of time, digits that are no numbers, or
            as `Recording.of_leads`.
    """
    root = without_namespaces(root)
    sets = [
        [(_code(sequence), sequence) for sequence in part.iterfind("component/sequence")]
        for part in root.iterfind("component/series/component/sequenceSet")
    ]
    best = max(sets, key=lambda pairs: n_leads(code for code, _ in pairs), default=[])
    if not n_leads(code for code, _ in best):
        raise BadInput(f"{path}: no <sequenceSet> with leads in <series>; export the waveforms")
    leads = {code: _samples(sequence, f"{path}: {code}")
             for code, sequence in by_name(best, str(path)).items()}  # fmt: skip
    times = next((sequence for code, sequence in best if code in TIMES), None)
    return Recording.of_leads(path, leads, _rate(times, path), _person(root))


def _code(sequence: ElementTree.Element) -> str:
    code = sequence.find("code")
    return code.get("code", "") if code is not None else ""


def _value_of(parent: ElementTree.Element, name: str, where: str) -> tuple[float, str]:
    """Number and unit of an element's attributes."""
    element = parent.find(f"value/{name}")
    text = element.get("value") if element is not None else None
    try:
        return float(text or ""), str(element.get("unit"))  # type: ignore[union-attr]
    except ValueError as error:
        raise BadInput(f"{where}: <{name} value> is {text!r}, not a number; export it "
                       "again") from error  # fmt: skip


def _rate(times: ElementTree.Element | None, path: Path) -> float:
    """Samples per second, from the increment of the times."""
    if times is None:
        raise BadInput(f"{path}: no sequence {' or '.join(TIMES)}; it gives the sampling rate: "
                       "export it again")  # fmt: skip
    step, unit = _value_of(times, "increment", str(path))
    if unit not in _SECONDS or not step > 0:
        raise BadInput(f"{path}: <increment> {step:g} {unit}; expected a positive time in s or ms: "
                       "correct it")  # fmt: skip
    rate = 1.0 / (step * _SECONDS[unit])
    return float(round(rate)) if abs(rate - round(rate)) < 1e-6 * rate else rate


def _samples(sequence: ElementTree.Element, where: str) -> np.ndarray:
    """Samples [time] mV: origin + scale times digits."""
    scale, unit = _value_of(sequence, "scale", where)
    has_origin = sequence.find("value/origin") is not None
    origin, origin_unit = _value_of(sequence, "origin", where) if has_origin else (0.0, unit)
    try:
        digits = np.array((sequence.findtext("value/digits") or "").split(), dtype=np.float64)
    except ValueError as error:
        raise BadInput(f"{where}: <digits>: {error}; correct it, or export it again") from error
    return origin / per_mv(origin_unit, where) + digits * (scale / per_mv(unit, where))


def _person(root: ElementTree.Element) -> Person:
    """Sex and age, by the dates of birth and of the recording."""
    person = next(root.iter("subjectDemographicPerson"), None)
    if person is None:
        return Person()
    sex = person.find("administrativeGenderCode")
    birth, low = person.find("birthTime"), root.find("effectiveTime/low")
    if low is None:
        low = root.find("effectiveTime/center")
    dates = [_days(element.get("value")) if element is not None else None
             for element in (birth, low)]  # fmt: skip
    age = None
    if dates[0] is not None and dates[1] is not None:
        age = float(int((dates[1] - dates[0]) / _DAYS_PER_YEAR))
    return Person(sex_of(sex.get("code") if sex is not None else None), age)


def _days(date: str | None) -> float | None:
    """Days of a date YYYYMMDD, to a day; None without one."""
    digits = (date or "")[:8]
    if len(digits) < 8 or not digits.isdigit():
        return None
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    return year * _DAYS_PER_YEAR + (month - 1) * _DAYS_PER_YEAR / 12 + day
