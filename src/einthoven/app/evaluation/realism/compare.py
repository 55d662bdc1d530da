"""Two groups of people compared, all of them and matched ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from einthoven.app.evaluation.realism.areas import RocArea
from einthoven.app.evaluation.realism.differences import (
    FeatureDifference,
    difference,
    median_abs_smd,
    median_spread_ratio,
    most_telling,
)
from einthoven.app.evaluation.realism.discrepancy import MeanDiscrepancy, mean_discrepancy
from einthoven.app.evaluation.realism.groups import compared, feature_sets
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.base.core.errors import BadInput

BEATS = "beats"


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Two groups and the features that both have.

    Attributes:
        one, other: the groups. columns: [feature] whether it is compared.
        seed: of folds and permutations.
    """

    one: PeopleEcgs
    other: PeopleEcgs
    columns: np.ndarray
    seed: int

    @classmethod
    def of(
        cls, one: PeopleEcgs, other: PeopleEcgs, seed: int, within: np.ndarray | None = None
    ) -> "GroupComparison":
        """Compare by all features that both groups have.

        Args:
            one, other: the groups. seed: of folds and permutations.
            within: [feature] those that another comparison had; None: all.

        Raises:
            BadInput: no feature is left.
        """
        columns = compared(one, other)[0]
        columns = columns if within is None else columns & within
        if not columns.any():
            raise BadInput(f"{one.label} and {other.label} have no feature in common")
        return cls(one, other, columns, seed)

    @property
    def names(self) -> list[str]:
        """Features that are compared."""
        return [name for name, used in zip(self.one.feature_names, self.columns) if used]

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """[person, feature] of both groups, the compared features alone."""
        return self.one.features[:, self.columns], self.other.features[:, self.columns]

    @cached_property
    def differences(self) -> list[FeatureDifference]:
        """Differences of all compared features."""
        ours, theirs = self.values
        return [difference(*each) for each in zip(self.names, ours.T, theirs.T)]

    @cached_property
    def discrepancy(self) -> MeanDiscrepancy:
        """Maximum mean discrepancy of the features."""
        return mean_discrepancy(*self.values, self.seed)

    def area(self, what: str, model: str, repeats: int | None = None) -> RocArea:
        """Area under the ROC curve of a classifier.

        Args:
            what: a set of features (`groups.feature_sets`), or beats.
            model: of `classifiers.MODELS`. repeats: as of `cross_validated_area`.
        """
        # scikit-learn is slow to import, and reports without recordings do not need it
        from einthoven.app.evaluation.realism.classifiers import cross_validated_area

        if what == BEATS:
            ours, theirs = self.one.beats(), self.other.beats()
        else:
            chosen = feature_sets(self.names)[what]
            ours, theirs = (values[:, chosen] for values in self.values)
        return cross_validated_area(ours, theirs, model, self.seed, repeats=repeats)

    def areas(
        self, wanted: Mapping[str, Sequence[str]], repeats: int | None = None
    ) -> dict[str, RocArea]:
        """Areas by name, such as features_logistic.

        Args:
            wanted: set of features, or beats -> models; sets without a feature are left out.
            repeats: as of `cross_validated_area`.
        """
        known = {BEATS, *feature_sets(self.names)}
        return {f"{what}_{model}": self.area(what, model, repeats)
                for what, models in wanted.items() if what in known
                for model in models}  # fmt: skip

    def found(self, areas: Mapping[str, RocArea]) -> dict[str, Any]:
        """All numbers as they are written to JSON."""
        return {
            "n": [len(self.one), len(self.other)],
            "n_features": len(self.names),
            "median_abs_smd": median_abs_smd(self.differences),
            "median_spread_ratio": median_spread_ratio(self.differences),
            "median_spread_ratio_robust": median_spread_ratio(self.differences, robust=True),
            "auc": {name: {"auc": its.auc, "se": its.se, "interval": its.interval}
                    for name, its in areas.items()},
            "mmd": asdict(self.discrepancy),
            "by_feature": {one.feature: asdict(one) for one in most_telling(self.differences)},
        }  # fmt: skip
