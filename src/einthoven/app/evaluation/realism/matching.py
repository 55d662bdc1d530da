"""Matching of two groups of people by heart rate, age and sex.

Each person of the smaller group gets the same number of partners of the larger one: of the same
sex, within 10 beats per minute and 10 years. What a group does not state is not matched. Values are
never changed: who has no partner is left out. Matching with calipers: Austin, Pharm. Stat. 2011,
10:150, doi:10.1002/pst.433.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from einthoven.app.evaluation.realism.people import LEAST_PEOPLE, PeopleEcgs
from einthoven.base.core.seeds import generator

CALIPERS: Mapping[str, float] = {"rate": 10.0, "age": 10.0}
"""Largest difference of partners: beats per minute, years."""
UNITS = {"rate": "per minute", "age": "years"}
LEAST_KNOWN = 0.5
"""Share of each group that must state a quantity for it to be matched."""
MOST_PARTNERS = 5
_FORBIDDEN = 1e6


@dataclass(frozen=True, eq=False)
class MatchedPeople:
    """Two groups after matching.

    Attributes:
        one, other: those who have partners.
        by: quantities that were matched: rate, age, sex.
        not_by: quantity -> why it was not.
        partners: of each person of the smaller group.
        balance: quantity -> before and after -> its means in both groups.
    """

    one: PeopleEcgs
    other: PeopleEcgs
    by: tuple[str, ...]
    not_by: Mapping[str, str]
    partners: int
    balance: Mapping[str, Any]

    @property
    def statement(self) -> str:
        """Line that says what was matched, and what was not."""
        if self.by:
            how = ", ".join(
                f"{name} (within {CALIPERS[name]:g} {UNITS[name]})" if name in CALIPERS else name
                for name in self.by
            )
            said = (
                f"matched by {how}: {len(self.one)} of {self.one.label} and {len(self.other)} of "
                f"{self.other.label}, {self.partners} to each of the smaller group"
            )
        else:
            said = "not matched: all are compared"
        return "; ".join([said, *(f"{name} not: {why}" for name, why in self.not_by.items())])


def match(one: PeopleEcgs, other: PeopleEcgs, seed: int = 0) -> MatchedPeople:
    """Match two groups by all that both of them state.

    Args:
        one, other: the groups. seed: of the order among equal partners.

    Returns:
        The matched groups. With fewer than `LEAST_PEOPLE` pairs, first age and then rate are given
        up, and `not_by` says so.
    """
    not_by = {name: _unknown(name, one, other) for name in ("sex", *CALIPERS)}
    not_by = {name: why for name, why in not_by.items() if why}
    by = [name for name in ("sex", "rate", "age") if name not in not_by]
    while by:
        kept, partners = _pairs(one, other, by, seed)
        if len(kept[0]) >= LEAST_PEOPLE and len(kept[1]) >= LEAST_PEOPLE:
            break
        not_by[by.pop()] = f"only {min(map(len, kept))} would have partners"
    else:
        kept, partners = (np.arange(len(one)), np.arange(len(other))), 0
    matched = one.chosen(kept[0]), other.chosen(kept[1])
    balance = {"before": _means(one, other), "after": _means(*matched)}
    return MatchedPeople(*matched, tuple(by), not_by, partners, balance)


def _values(name: str, people: PeopleEcgs) -> np.ndarray:
    """Numbers of a quantity; of the sex one for women; NaN where it is not stated."""
    if name == "sex":
        return np.array([{"female": 1.0, "male": 0.0}.get(sex, np.nan) for sex in people.sexes])
    return {"rate": people.rates, "age": people.ages}[name]


def _unknown(name: str, *groups: PeopleEcgs) -> str:
    """Why a quantity cannot be matched; empty if it can be."""
    shares = {people.label: np.isfinite(_values(name, people)).mean() for people in groups}
    few = [label for label, share in shares.items() if share < LEAST_KNOWN]
    return f"not stated by {', '.join(few)}" if few else ""


def _pairs(
    one: PeopleEcgs, other: PeopleEcgs, by: list[str], seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Numbers of those kept in both groups, and the partners per person of the smaller one."""
    swapped = len(one) > len(other)
    few, many = (other, one) if swapped else (one, other)
    order = generator(seed, "matching").permutation(len(many))
    costs = _costs(few, many.chosen(order), by)
    best, partners, gained = np.zeros((0, 1), int), 1, 0.0
    chosen, active = np.zeros((len(few), 0), int), np.arange(len(few))
    for k in range(1, min(MOST_PARTNERS, len(many) // len(few)) + 1):
        rows, columns = linear_sum_assignment(costs[active])
        allowed = costs[active][rows, columns] < _FORBIDDEN
        found = active[rows[allowed]]
        chosen = np.column_stack([chosen[np.isin(active, found)], columns[allowed]])
        active = found
        costs[:, columns[allowed]] = _FORBIDDEN
        # precision of a difference of means: 1 / (1 / n + 1 / (k n)), up to the factor n / 1
        if len(active) * k / (k + 1) > gained:
            best, partners, gained = chosen, k, len(active) * k / (k + 1)
            kept_few = active
    if not gained:
        return (np.arange(0), np.arange(0)), 0
    kept_many = np.sort(order[best.ravel()])
    return ((kept_many, kept_few) if swapped else (kept_few, kept_many)), partners


def _costs(few: PeopleEcgs, many: PeopleEcgs, by: list[str]) -> np.ndarray:
    """[few, many] squared distance in calipers; `_FORBIDDEN` beyond them, and where unknown."""
    total = np.zeros((len(few), len(many)))
    for name in by:
        gap = np.abs(_values(name, few)[:, None] - _values(name, many)[None])
        allowed = gap <= CALIPERS.get(name, 0.0)  # false for NaN
        gap = np.where(allowed, gap / CALIPERS.get(name, 1.0), np.sqrt(_FORBIDDEN))
        total += gap**2
    return np.minimum(total, _FORBIDDEN)


def _means(one: PeopleEcgs, other: PeopleEcgs) -> dict[str, dict[str, float | None]]:
    """Quantity -> mean of each group; of the sex the share of women."""
    return {
        name: {people.label: _mean(_values(name, people)) for people in (one, other)}
        for name in ("rate", "age", "sex")
    }


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
