"""A 12-lead recording, independent of its file format."""

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
"""Range of peaks in mV: electrodes give a few, drift some ten; others are in another unit."""
PER_MV = {
    "mv": 1.0, "uv": 1e3, "µv": 1e3, "μv": 1e3, "v": 1e-3,
    "millivolt": 1.0, "microvolt": 1e3, "volt": 1e-3,
}  # fmt: skip
"""Unit in lower case (micro as u, micro sign or Greek mu) -> units per mV."""


@dataclass(frozen=True)
class Person:
    """The recorded person; None for what the file does not state.

    Attributes:
        sex: female or male. age_years, height_cm, weight_kg: numbers.
    """

    sex: str | None = None
    age_years: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None


@dataclass(frozen=True)
class Declared:
    """Rate and unit of a file that does not state them.

    Attributes:
        rate_hz: samples per second. unit: mV, uV or V; None: mV.
    """

    rate_hz: float | None = None
    unit: str | None = None

    def per_mv(self, unit: str | None, where: str) -> float:
        """Units per mV, of the file's unit or else of the declared one.

        Raises:
            BadInput: not a unit of voltage.
        """
        name = unit or self.unit or "mV"
        if name.lower() not in PER_MV:
            raise BadInput(f"{where}: unit {name!r} is not mV, uV or V; state it with --unit")
        return PER_MV[name.lower()]


NOTHING_DECLARED = Declared()
UNKNOWN = Person()


@dataclass(frozen=True, eq=False)
class Recording:
    """Twelve leads.

    Attributes:
        name: of the record. ecg: [12, time] mV in the order of core.names.LEADS.
        rate_hz: samples per second. person: data of the person.
        source: the file; None in memory.
    """

    name: str
    ecg: np.ndarray
    rate_hz: float
    person: Person = UNKNOWN
    source: Path | None = None

    @property
    def where(self) -> str:
        """The file, or the name, for messages."""
        return str(self.source or self.name)

    @classmethod
    def of_leads(
        cls,
        source: str | Path,
        leads: Mapping[str, np.ndarray],
        rate_hz: float,
        person: Person = UNKNOWN,
    ) -> Self:
        """The recording of named leads, in any order and case; limb leads follow from I and II.

        Args:
            source: the file, or a name.
            leads: at least I, II and V1 to V6, each [time] mV; other names are ignored.
            rate_hz: samples per second.
            person: data of the person.

        Raises:
            BadInput: missing or duplicate leads, NaN, or values that are not millivolt.
        """
        named = [
            (_BY_LOWER[name.lower()], np.asarray(values, dtype=np.float64))
            for name, values in leads.items()
            if name.lower() in _BY_LOWER
        ]
        check.unique(f"{source}: leads", [name for name, _ in named])
        known = dict(named)
        if missing := [lead for lead in INDEPENDENT_LEADS if lead not in known]:
            given = ", ".join(leads) or "none"
            raise BadInput(f"{source}: no lead {', '.join(missing)}; the leads are {given}")
        _raise_if_not_finite(source, known, rate_hz)
        derived = all_leads(np.stack([known[lead] for lead in INDEPENDENT_LEADS]))
        ecg = np.stack([known.get(lead, row) for lead, row in zip(LEADS, derived)])
        peak = float(np.abs(ecg - np.median(ecg, axis=1, keepdims=True)).max(initial=0.0))
        if peak > 0:  # a flat record is refused later
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
