"""A 12-lead recording, whatever file it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.names import LEADS

INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_BY_LOWER = {lead.lower(): lead for lead in LEADS}
MAX_MV = 30.0
"""Higher values are not millivolt: electrodes carry a few mV, drift some ten."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Twelve leads.

    Attributes:
        name: of the record. ecg: [12, time] mV in the order of core.names.LEADS.
        rate_hz: samples per second. sex: female or male, None where the file does not say.
    """

    name: str
    ecg: np.ndarray
    rate_hz: float
    sex: str | None = None

    @classmethod
    def of_leads(
        cls, name: str, leads: Mapping[str, np.ndarray], rate_hz: float, sex: str | None = None
    ) -> Self:
        """From leads by name, in any order and case; the limb leads follow from I and II.

        Args:
            name: of the record, for messages.
            leads: at least I, II and V1 to V6, each [time] mV; other names are passed over.
            rate_hz: samples per second.
            sex: female or male, None where it is not known.

        Raises:
            BadInput: leads are missing or double, not finite, or not in millivolt.
        """
        names = [_BY_LOWER[given.lower()] for given in leads if given.lower() in _BY_LOWER]
        check.unique(f"{name}: leads", names)
        known = {
            _BY_LOWER[given.lower()]: np.asarray(values, dtype=np.float64)
            for given, values in leads.items()
            if given.lower() in _BY_LOWER
        }
        if missing := [lead for lead in INDEPENDENT if lead not in known]:
            there = ", ".join(leads) or "none"
            raise BadInput(f"{name}: no lead {', '.join(missing)}; the leads are {there}")
        one, two = known["I"], known["II"]
        derived = {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2,
                   "aVF": two - one / 2}  # fmt: skip
        ecg = np.stack([(derived | known)[lead] for lead in LEADS])
        check.finite(f"{name}: ecg", ecg)
        peak = float(np.abs(ecg - np.median(ecg, axis=1, keepdims=True)).max())
        check.between(f"{name}: highest value in mV", peak, 0.0, MAX_MV, "are they microvolt?")
        return cls(name, ecg, rate_hz, sex)
