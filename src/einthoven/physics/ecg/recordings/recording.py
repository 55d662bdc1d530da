"""A 12-lead recording, independent of its file format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.lead_names import by_name, lead_of, with_one_and_two
from einthoven.physics.ecg.recordings.tidy import tidied
from einthoven.physics.ecg.recordings.units import NOTHING_DECLARED, PER_MV, Declared

__all__ = ["NOTHING_DECLARED", "PER_MV", "UNKNOWN", "Declared", "Person", "Recording"]

MAX_MV, MIN_MV = 30.0, 0.05
"""Range of peaks in mV: electrodes give a few, drift some ten; others are in another unit."""


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


UNKNOWN = Person()


@dataclass(frozen=True, eq=False)
class Recording:
    """Twelve leads.

    Attributes:
        name: of the record. ecg: [12, time] mV in the order of core.names.LEADS.
        rate_hz: samples per second. person: data of the person.
        source: the file; None in memory.
        notes: what was derived, detected, corrected or cut off on reading, a sentence each.
    """

    name: str
    ecg: np.ndarray
    rate_hz: float
    person: Person = UNKNOWN
    source: Path | None = None
    notes: tuple[str, ...] = ()

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
        notes: Sequence[str] = (),
    ) -> Self:
        """The recording of named leads, in any order and spelling; limb leads follow from two.

        Args:
            source: the file, or a name.
            leads: two limb leads and V1 to V6, each [time] mV, NaN where a sample is missing;
                other names are ignored.
            rate_hz: samples per second.
            person: data of the person.
            notes: findings of the reader.

        Raises:
            BadInput: missing or duplicate leads, lengths that differ, NaN between valid samples,
                or values that are not millivolt.
        """
        named = {
            str(lead_of(name)): np.asarray(values, dtype=np.float64)
            for name, values in by_name(leads.items(), str(source)).items()
        }
        known, cuts = tidied(named, rate_hz, str(source)) if named else ({}, [])
        known, computed = with_one_and_two(known)
        if missing := [lead for lead in INDEPENDENT_LEADS if lead not in known]:
            given = ", ".join(leads) or "none"
            raise BadInput(f"{source}: no lead {', '.join(missing)}; the leads are {given}. "
                           "Twelve-lead recordings are read: export all leads")  # fmt: skip
        derived = all_leads(np.stack([known[lead] for lead in INDEPENDENT_LEADS]))
        ecg = np.stack([known.get(lead, row) for lead, row in zip(LEADS, derived)])
        peak = float(np.abs(ecg - np.median(ecg, axis=1, keepdims=True)).max(initial=0.0))
        if peak > 0:  # a flat record is refused later
            cause = "are they microvolt?" if peak > MAX_MV else "are they volt?"
            check.between(f"{source}: highest value in mV", peak, MIN_MV, MAX_MV, cause)
        path = source if isinstance(source, Path) else None
        name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name if path else source
        return cls(str(name), ecg, rate_hz, person, path, (*notes, *cuts, *computed))
