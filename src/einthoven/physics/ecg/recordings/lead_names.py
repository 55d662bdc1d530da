"""Spellings of the twelve leads in files, and those that follow from others."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS

_BEFORE = re.compile(
    r"(?:mdc[_ ]ecg[_ ]lead|(?:ecg|ekg)(?:[\s_]+lead)?|lead|channel|signal|ableitung|derivation)"
    r"(?P<mark>-|[\s_:.]*)(?=\S)",
    re.IGNORECASE,
)
"""Words before the name of a lead: `MDC_ECG_LEAD_V1`, `ECG V1`, `Lead I`."""
_AFTER = re.compile(r"[\s_]*(?:\([^)]*\)|\[[^\]]*\]|lead)$", re.IGNORECASE)
"""Remarks after the name of a lead: `Lead I (Einthoven)`."""
_SPELLINGS = (
    {lead.lower(): lead for lead in LEADS}
    | {f"d{roman}".lower(): roman for roman in ("I", "II", "III")}
    | {f"d{k}": lead for k, lead in enumerate(("I", "II", "III"), start=1)}
    | {f"c{k}": f"V{k}" for k in range(1, 7)}
)
"""Name in lower case -> lead. D1 and DI are I in Romance languages, C1 is V1 in IEC 60601."""
_NUMBERED = {"1": "I", "2": "II", "3": "III"}

LIMB_WEIGHTS = {
    "I": (1.0, 0.0), "II": (0.0, 1.0), "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0),
}  # fmt: skip
"""Limb lead -> weights of I and II (Einthoven 1913, Goldberger 1942)."""


def lead_of(name: str) -> str | None:
    """The lead that a name in a file means; None for another signal, and for -aVR.

    Args:
        name: of a column, channel or signal, without its unit.
    """
    bare = _AFTER.sub("", name.strip().strip("'\"")).strip()
    before = _BEFORE.match(bare)
    rest = (bare[before.end() :] if before else bare).lower()
    if before and before["mark"] == "-" and rest == "avr":
        return None  # a hyphen, or a sign?
    if before and rest in _NUMBERED and before.group().lower().startswith("lead"):
        return _NUMBERED[rest]
    return _SPELLINGS.get(rest)


def n_leads(names: Iterable[str]) -> int:
    """Number of names that mean a lead."""
    return sum(lead_of(name) is not None for name in names)


def by_name[Signal](pairs: Iterable[tuple[str, Signal]], where: str) -> dict[str, Signal]:
    """Signals that are leads, by their name in the file.

    Args:
        pairs: name and signal. where: file, for messages.

    Raises:
        BadInput: two signals have the name of one lead.
    """
    known = [(name, signal) for name, signal in pairs if lead_of(name)]
    counts = Counter(str(lead_of(name)) for name, _ in known)
    if twice := [lead for lead, count in counts.items() if count > 1]:
        raise BadInput(f"{where}: lead {', '.join(twice)} given more than once; correct the names, "
                       "or remove the others")  # fmt: skip
    return dict(known)


def with_one_and_two(leads: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The leads, completed by I and II where they follow from other limb leads.

    Args:
        leads: lead -> [time].

    Returns:
        leads, with I and II if two limb leads are there; a sentence for each that was computed.
    """
    found, notes = dict(leads), list[str]()
    missing = [name for name in ("I", "II") if name not in leads]
    # least-processed leads first: I, II, III are measured, the augmented ones computed
    given = [name for name in LIMB_WEIGHTS if name in leads][:2]
    if missing and len(given) == 2:
        weights = np.linalg.inv(np.array([LIMB_WEIGHTS[name] for name in given]))
        for row, name in zip(weights, ("I", "II")):
            if name in missing:
                found[name] = row[0] * leads[given[0]] + row[1] * leads[given[1]]
                notes.append(f"lead {name} was computed from {given[0]} and {given[1]}")
    return found, notes
