"""Features by the wave that they describe, and those that two groups can be compared by.

The words on the mechanism follow from the definition of a feature, not from a fit.
"""

import re

import numpy as np

from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.features import BEAT_FEATURES

LEAST_MEASURED = 0.5
"""Share of each group in which a feature must be measured to be compared."""
ROUNDING = 1e-6
"""Relative difference of ECGs in single precision that means nothing."""
MECHANISMS = {
    "P": "activation of the atria",
    "QRS": "activation of the ventricles",
    "ST": "end of the activation, plateau",
    "T": "repolarisation",
    "QRS and T": "activation and repolarisation",
}
"""Wave -> what makes it; lead fields, and so the body, scale all of them."""
BOTH = ("qt_ms", "qrs_t_angle_deg")
_WAVES = {"P": re.compile(r"p\d?_|pr_|pq_"), "T": re.compile(r"t\d?_"), "ST": re.compile(r"j_|st")}
_LEAD = re.compile(rf"_({'|'.join(LEADS)})$", re.IGNORECASE)


def kind_of(feature: str) -> str:
    """A feature's name without its lead: t_mv_v5 -> t_mv."""
    return _LEAD.sub("", feature)


def lead_of(feature: str) -> str | None:
    """Lead of a feature: t_mv_v5 -> V5; None for one of all leads."""
    found = _LEAD.search(feature)
    return {lead.lower(): lead for lead in LEADS}[found.group(1).lower()] if found else None


def wave_of(feature: str) -> str:
    """Wave that a feature describes, a key of `MECHANISMS`."""
    if feature in BOTH:
        return "QRS and T"
    return next((wave for wave, named in _WAVES.items() if named.match(feature)), "QRS")


def compared(one: PeopleEcgs, other: PeopleEcgs) -> tuple[np.ndarray, dict[str, str]]:
    """Features that both groups have.

    Args:
        one, other: groups with the same columns.

    Returns:
        [feature] whether it is compared; feature -> why not.
    """
    columns, left_out = one.feature_names, dict[str, str]()
    no_p = [people.label for people in (one, other) if not _has_p(people)]
    for k, feature in enumerate(columns):
        sides = [people.features[:, k] for people in (one, other)]
        known = [side[np.isfinite(side)] for side in sides]
        few = [p.label for p, side, measured in zip((one, other), sides, known)
               if len(measured) < max(2, LEAST_MEASURED * len(side))]  # fmt: skip
        if no_p and wave_of(feature) == "P":
            left_out[feature] = f"no P wave: {', '.join(no_p)}"
        elif few:
            left_out[feature] = f"measured in few: {', '.join(few)}"
        elif _are_equal(np.concatenate(known)):
            left_out[feature] = "the same in all"
    return np.array([name not in left_out for name in columns]), left_out


def _are_equal(values: np.ndarray) -> bool:
    """Whether values differ by no more than rounding, which a classifier would magnify."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def _has_p(people: PeopleEcgs) -> bool:
    """Whether any P wave was found: simulations may have no atria."""
    columns = [k for k, name in enumerate(people.feature_names) if wave_of(name) == "P"]
    values = people.features[:, columns]
    return bool((np.isfinite(values) & (values != 0)).any())


def feature_sets(names: list[str]) -> dict[str, list[int]]:
    """Name of a set of features -> its columns, of those compared; empty sets are left out."""
    sets = {
        "features": list(range(len(names))),
        "qrs": [k for k, name in enumerate(names) if wave_of(name) == "QRS"],
        "t": [k for k, name in enumerate(names) if wave_of(name) == "T"],
        "global": [k for k, name in enumerate(names) if name in BEAT_FEATURES],
    }
    return {name: columns for name, columns in sets.items() if columns}
