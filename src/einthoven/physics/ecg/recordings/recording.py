"""A 12-lead recording, whatever file it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.leads import all_leads

_BY_LOWER = {lead.lower(): lead for lead in LEADS}
MAX_MV, MIN_MV = 30.0, 0.05
"""Higher and lower peaks are not millivolt: electrodes carry a few mV, drift some ten."""
PER_MV = {
    "mv": 1.0, "uv": 1e3, "µv": 1e3, "μv": 1e3, "v": 1e-3,
    "millivolt": 1.0, "microvolt": 1e3, "volt": 1e-3,
}  # fmt: skip
"""Unit in lower case (micro as u, micro sign or Greek mu) -> so many of it per mV."""


@dataclass(frozen=True)
class Person:
    """Of whom a recording is; None is what the file does not say.

    Attributes:
        sex: female or male. age_years, height_cm, weight_kg: numbers.
    """

    sex: str | None = None
    age_years: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None


@dataclass(frozen=True)
class Declared:
    """What a file may not say itself.

    Attributes:
        rate_hz: samples per second. unit: of values without one (mV, uV or V); None: mV.
    """

    rate_hz: float | None = None
    unit: str | None = None

    def per_mv(self, unit: str | None, where: str) -> float:
        """How many of a unit make a mV; of the declared one where the file names none.

        Raises:
            BadInput: not a unit of voltage.
        """
        name = unit or self.unit or "mV"
        if name.lower() not in PER_MV:
            raise BadInput(f"{where}: unit {name!r} is not mV, uV or V")
        return PER_MV[name.lower()]


NOTHING_DECLARED = Declared()
UNKNOWN = Person()


@dataclass(frozen=True, eq=False)
class Recording:
    """Twelve leads.

    Attributes:
        name: of the record. ecg: [12, time] mV in the order of core.names.LEADS.
        rate_hz: samples per second. person: what the file says of the person.
        source: the file; None of what was made in memory.
    """

    name: str
    ecg: np.ndarray
    rate_hz: float
    person: Person = UNKNOWN
    source: Path | None = None

    @property
    def where(self) -> str:
        """What a message calls it: the file, or the name."""
        return str(self.source or self.name)

    @classmethod
    def of_leads(
        cls,
        source: str | Path,
        leads: Mapping[str, np.ndarray],
        rate_hz: float,
        person: Person = UNKNOWN,
    ) -> Self:
        """From leads by name, in any order and case; the limb leads follow from I and II.

        Args:
            source: the file, or a name of what is in memory.
            leads: at least I, II and V1 to V6, each [time] mV; other names are passed over.
            rate_hz: samples per second.
            person: of whom.

        Raises:
            BadInput: leads are missing or double, not finite, or not in millivolt.
        """
        names = [_BY_LOWER[given.lower()] for given in leads if given.lower() in _BY_LOWER]
        check.unique(f"{source}: leads", names)
        known = {
            _BY_LOWER[given.lower()]: np.asarray(values, dtype=np.float64)
            for given, values in leads.items()
            if given.lower() in _BY_LOWER
        }
        if missing := [lead for lead in INDEPENDENT_LEADS if lead not in known]:
            there = ", ".join(leads) or "none"
            raise BadInput(f"{source}: no lead {', '.join(missing)}; the leads are {there}")
        _raise_if_not_finite(source, known, rate_hz)
        derived = all_leads(np.stack([known[lead] for lead in INDEPENDENT_LEADS]))
        ecg = np.stack([known.get(lead, row) for lead, row in zip(LEADS, derived)])
        peak = float(np.abs(ecg - np.median(ecg, axis=1, keepdims=True)).max(initial=0.0))
        if peak > 0:  # an all but flat record is not one in volt
            cause = "are they microvolt?" if peak > MAX_MV else "are they volt?"
            check.between(f"{source}: highest value in mV", peak, MIN_MV, MAX_MV, cause)
        path = source if isinstance(source, Path) else None
        return cls(path.stem if path else str(source), ecg, rate_hz, person, path)


def _raise_if_not_finite(
    source: str | Path, leads: Mapping[str, np.ndarray], rate_hz: float
) -> None:
    """Name the first lead with a NaN, how many it has, and when the first one is."""
    for name, values in leads.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise BadInput(
                f"{source}: lead {name}: {len(bad)} of {len(values)} values are NaN or infinite, "
                f"the first at {bad[0] / rate_hz:.3f} s; cut the gap out, or fill it"
            )
