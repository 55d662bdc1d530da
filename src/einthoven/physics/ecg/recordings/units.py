"""Units of voltage: of a file, of the user, or of the size of the QRS."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import BadInput

PER_MV = {
    "mv": 1.0, "uv": 1e3, "µv": 1e3, "μv": 1e3, "v": 1e-3, "nv": 1e6,
    "millivolt": 1.0, "microvolt": 1e3, "volt": 1e-3,
    "millivolts": 1.0, "microvolts": 1e3, "volts": 1e-3,
}  # fmt: skip
"""Unit in lower case (micro as u, micro sign or Greek mu) -> units per mV."""
QRS_MV = (0.5, 10.0)
"""Range of the QRS, peak to peak, in the largest of twelve leads (1.1 to 5.6 mV in 358 recordings
of PTB-XL and LUDB). Volt, millivolt and microvolt then cannot be taken for each other, and counts
of 5 uV are none of them."""
MIN_QRS_MV = 0.2
"""Lower limit for values that can only be millivolt."""
WINDOW_S = 1.2
"""Duration that holds a QRS in most parts of a recording."""

_COLUMN = re.compile(
    r"(?P<name>.+?)(?:\s*[\[(/]\s*(?P<unit>\S*?v|\S*volts?)\s*[\])]?|[\s_](?P<bare>[munµμ]?v))",
    re.IGNORECASE,
)
"""A column `V1 (uV)`, `V1 [mV]`, `V1/mV` or `V1_uV`."""


@dataclass(frozen=True)
class Declared:
    """Rate and unit of a file that does not state them.

    Attributes:
        rate_hz: samples per second. unit: mV, uV or V; None: by the size of the QRS.
    """

    rate_hz: float | None = None
    unit: str | None = None


NOTHING_DECLARED = Declared()


def name_and_unit(column: str) -> tuple[str, str | None]:
    """Name of a column, and its unit if it states one."""
    if (found := _COLUMN.fullmatch(column.strip())) is None:
        return column.strip(), None
    return found["name"].strip(), found["unit"] or found["bare"]


def per_mv(unit: str, where: str) -> float:
    """Units per mV.

    Args:
        unit: of the file or the user. where: file and field, for messages.

    Raises:
        BadInput: not a unit of voltage.
    """
    if unit.strip().lower() not in PER_MV:
        raise BadInput(
            f"{where}: unit {unit!r} is not mV, uV or V; correct it, or remove it there "
            "and state it with --unit"
        )
    return PER_MV[unit.strip().lower()]


def unit_by_size(leads: Mapping[str, np.ndarray], rate_hz: float, where: str) -> str:
    """The unit in which the QRS has a size that is found in adults.

    Args:
        leads: lead -> [time], in one unknown unit; NaN where a sample is missing.
        rate_hz: samples per second.
        where: file, for messages.

    Raises:
        BadInput: no unit fits, as for counts of a converter.
    """
    size = qrs_size(leads, rate_hz)
    low, high = QRS_MV
    for unit in ("mV", "uV", "V"):
        least = MIN_QRS_MV if unit == "mV" else low
        if least <= size / PER_MV[unit.lower()] <= high:
            return unit
    if size == 0:  # a flat record is refused later
        return "mV"
    raise BadInput(
        f"{where}: no unit is stated, and a QRS of {size:.4g} is none in mV, uV or V (adults have "
        f"{low:g} to {high:g} mV in the largest lead); counts of a converter? convert them, or "
        "state the unit with --unit"
    )


def qrs_size(leads: Mapping[str, np.ndarray], rate_hz: float) -> float:
    """Peak to peak of the QRS in the largest lead: the median over parts of the recording."""
    sizes = [0.0]
    for values in leads.values():
        known = values[np.isfinite(values)]
        n = min(len(known), round(WINDOW_S * rate_hz))
        if n < 2:
            continue
        parts = known[: len(known) // n * n].reshape(-1, n)
        # the line through the ends is the drift
        line = parts[:, :1] + (parts[:, -1:] - parts[:, :1]) * np.linspace(0.0, 1.0, n)
        sizes.append(float(np.median(np.ptp(parts - line, axis=1))))
    return max(sizes)
