"""The judge of realism: simulated people against real ones, with controls of real people alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.app.evaluation.realism.areas import RocArea
from einthoven.app.evaluation.realism.compare import BEATS, GroupComparison
from einthoven.app.evaluation.realism.differences import (
    FeatureDifference,
    median_abs_smd,
    median_spread_ratio,
    most_telling,
)
from einthoven.app.evaluation.realism.groups import compared
from einthoven.app.evaluation.realism.matching import MatchedPeople, match
from einthoven.app.evaluation.realism.people import LEAST_PEOPLE, PeopleEcgs
from einthoven.base.core.seeds import derive_seed, generator

FEATURES = "features"
LINEAR = {FEATURES: ("logistic",), BEATS: ("components",)}
FULL = {
    FEATURES: ("logistic", "forest"),
    "qrs": ("logistic",),
    "t": ("logistic",),
    "global": ("logistic",),
    BEATS: ("components",),
}
"""Set of features -> classifiers: of controls, and of the simulated people."""
N_HALVES = 20
"""Random divisions of the real people into halves."""
N_SHOWN = 10


@dataclass(frozen=True, eq=False)
class JudgedRealism:
    """Simulated people compared with real ones.

    Attributes:
        matching: of simulated and real people.
        matched, everyone: comparison of the matched, and of all.
        areas, areas_of_all: areas under ROC curves of both, by name.
        control: comparison of other real people with the real ones, matched; None without any.
        control_areas: its areas. halves: areas of one half of the real people against the other.
        left_out: feature -> why it is not compared.
    """

    matching: MatchedPeople
    matched: GroupComparison
    everyone: GroupComparison
    areas: Mapping[str, RocArea]
    areas_of_all: Mapping[str, RocArea]
    control: GroupComparison | None
    control_matching: MatchedPeople | None
    control_areas: Mapping[str, RocArea]
    halves: Mapping[str, RocArea]
    left_out: Mapping[str, str]

    @property
    def telling(self) -> list[FeatureDifference]:
        """The features that differ most."""
        return most_telling(self.matched.differences, N_SHOWN)

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers that are read first; None without a control, or real people for halves."""
        matched, control = self.matched.differences, self.control
        found = {
            "auc_features": self.areas[f"{FEATURES}_logistic"].auc,
            "auc_features_se": self.areas[f"{FEATURES}_logistic"].se,
            "auc_forest": self.areas[f"{FEATURES}_forest"].auc,
            "auc_beats": self.areas[f"{BEATS}_components"].auc,
            "auc_control": _area(self.control_areas, f"{FEATURES}_logistic"),
            "auc_halves": _area(self.halves, f"{FEATURES}_logistic"),
            "median_abs_smd": median_abs_smd(matched),
            "median_spread_ratio": median_spread_ratio(matched),
            "median_spread_ratio_robust": median_spread_ratio(matched, robust=True),
            "mmd2": self.matched.discrepancy.mmd2,
            "mmd_p": self.matched.discrepancy.p,
        }
        if control:
            found |= {
                "median_abs_smd_control": median_abs_smd(control.differences),
                "median_spread_ratio_control": median_spread_ratio(control.differences),
            }
        return found

    @property
    def found(self) -> dict[str, Any]:
        """All numbers, as they are written to JSON."""
        halves = {name: {"auc": its.auc, "se": its.se} for name, its in self.halves.items()}
        return self.summary | {
            "matching": _matching(self.matching),
            "matched": self.matched.found(self.areas),
            "unmatched": self.everyone.found(self.areas_of_all),
            "control": self.control and self.control.found(self.control_areas),
            "control_matching": self.control_matching and _matching(self.control_matching),
            "halves": halves,
            "telling": [one.line for one in self.telling],
            "features_left_out": dict(self.left_out),
        }


def judge_realism(
    simulated: PeopleEcgs, real: PeopleEcgs, control: PeopleEcgs | None = None, seed: int = 0
) -> JudgedRealism:
    """Compare simulated with real people, and real people with each other.

    Args:
        simulated, real: the two groups, of the same columns.
        control: other real people, who say how far two recorded groups differ.
        seed: of matching, folds, halves and permutations.

    Raises:
        BadInput: no feature is measured in both groups.
    """
    everyone = GroupComparison.of(simulated, real, seed)
    matching = match(simulated, real, seed)
    matched = GroupComparison.of(matching.one, matching.other, seed)
    areas = matched.areas(FULL)
    areas_of_all = everyone.areas(FULL) if matching.by else areas
    against, control_matching = None, None
    if control is not None:
        control_matching = match(control, real, seed)
        pair = control_matching.one, control_matching.other
        against = GroupComparison.of(*pair, seed=seed, within=everyone.columns)
    left_out = compared(simulated, real)[1]
    return JudgedRealism(
        matching, matched, everyone, areas, areas_of_all, against, control_matching,
        against.areas(FULL) if against else {}, halves_areas(real, everyone.columns, seed),
        left_out,
    )  # fmt: skip


def halves_areas(people: PeopleEcgs, columns: np.ndarray, seed: int) -> dict[str, RocArea]:
    """One random half of a group against the other: the areas of groups that do not differ.

    Args:
        people: the group. columns: [feature] those to compare. seed: of the divisions.

    Returns:
        name -> mean area of `N_HALVES` divisions, and the SD among these as its `se`: how far an
        area is from 0.5 by chance; empty for a group too small to be divided.
    """
    if len(people) < 2 * LEAST_PEOPLE:
        return {}
    rng, areas = generator(seed, "halves"), list[dict[str, RocArea]]()
    for k in range(N_HALVES):
        order = rng.permutation(len(people))
        middle = len(order) // 2
        first, second = people.chosen(order[:middle]), people.chosen(order[middle:])
        drawn = derive_seed(seed, "halves", k)
        areas.append(GroupComparison.of(first, second, drawn, columns).areas(LINEAR, repeats=1))
    return {name: RocArea(float(np.mean([one[name].auc for one in areas])),
                          float(np.std([one[name].auc for one in areas], ddof=1)), areas[0][name].n)
            for name in areas[0]}  # fmt: skip


def _area(areas: Mapping[str, RocArea], name: str) -> float | None:
    return areas[name].auc if name in areas else None


def _matching(found: MatchedPeople) -> dict[str, Any]:
    return {
        "by": list(found.by), "not_by": dict(found.not_by), "partners": found.partners,
        "n": [len(found.one), len(found.other)], "balance": found.balance,
        "statement": found.statement,
    }  # fmt: skip
