"""Differences of single features between two groups: means, spreads, and the feature alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from einthoven.app.evaluation.realism.groups import MECHANISMS, kind_of, wave_of
from einthoven.physics.ecg.features import label_of

SD_PER_IQR = 1.3489795003921634
"""Interquartile range of a Gaussian, in its SD."""
LARGEST_SMD = 100.0
"""SMD of a feature that has another value in each group, the same in all of a group."""
MOST_PER_KIND = 2
"""Leads of one kind of feature among the most telling ones, which would otherwise be all alike."""


@dataclass(frozen=True)
class FeatureDifference:
    """One feature of two groups.

    Attributes:
        feature: name. n: number of values of each group.
        medians, means, sds, iqrs: of each group, in the feature's unit.
        smd: difference of the means over the root mean square of both SDs, at most `LARGEST_SMD`.
        smd_robust: the same of medians and interquartile ranges; None if both ranges are zero.
        spread_ratio: SD of the first over that of the second; None if that is zero.
        spread_ratio_robust: the same of interquartile ranges.
        auc: probability that a value of the first group exceeds one of the second.
    """

    feature: str
    n: tuple[int, int]
    medians: tuple[float, float]
    means: tuple[float, float]
    sds: tuple[float, float]
    iqrs: tuple[float, float]
    smd: float
    smd_robust: float | None
    spread_ratio: float | None
    spread_ratio_robust: float | None
    auc: float

    @property
    def line(self) -> str:
        """The difference in one line, with what makes the wave."""
        wave = wave_of(self.feature)
        (ours, theirs), (our_sd, their_sd) = self.medians, self.sds
        return (
            f"{label_of(self.feature)}: simulated {ours:.3g} (SD {our_sd:.2g}), real {theirs:.3g} "
            f"({their_sd:.2g}); SMD {self.smd:+.2f}, alone AUC {self.auc:.2f}; {wave}: "
            f"{MECHANISMS[wave]}"
        )


def difference(feature: str, ours: np.ndarray, theirs: np.ndarray) -> FeatureDifference:
    """Compare the values of a feature; those that are not measured (NaN) do not count.

    Args:
        feature: its name. ours, theirs: [person] values, at least two known in each, and not all
            the same.
    """
    sides = [values[np.isfinite(values)] for values in (ours, theirs)]
    means = _pair([side.mean() for side in sides])
    sds = _pair([side.std(ddof=1) for side in sides])
    quartiles = [np.percentile(side, [25.0, 50.0, 75.0]) for side in sides]
    medians, iqrs = _pair([q[1] for q in quartiles]), _pair([q[2] - q[0] for q in quartiles])
    smd = _standardised(means, sds)
    if smd is None:
        smd = float(np.copysign(LARGEST_SMD, means[0] - means[1]))
    robust = _standardised(medians, _pair([iqr / SD_PER_IQR for iqr in iqrs]))
    return FeatureDifference(
        feature, (len(sides[0]), len(sides[1])), medians, means, sds, iqrs,
        float(np.clip(smd, -LARGEST_SMD, LARGEST_SMD)), robust, _ratio(sds), _ratio(iqrs),
        probability_of_more(*sides),
    )  # fmt: skip


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _standardised(centres: tuple[float, float], spreads: tuple[float, float]) -> float | None:
    """Difference of centres over the root mean square of spreads; None if these are zero."""
    pooled = np.sqrt((spreads[0] ** 2 + spreads[1] ** 2) / 2)
    return float((centres[0] - centres[1]) / pooled) if pooled > 0 else None


def _ratio(spreads: tuple[float, float]) -> float | None:
    return spreads[0] / spreads[1] if spreads[1] > 0 else None


def probability_of_more(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mann-Whitney's U over the number of pairs: P(ours > theirs) + P(equal) / 2.

    Args:
        ours, theirs: [person] finite values.
    """
    ranks = rankdata(np.concatenate([ours, theirs]))[: len(ours)]
    return float((ranks.sum() - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(theirs)))


def most_telling(
    differences: Sequence[FeatureDifference], n: int | None = None
) -> list[FeatureDifference]:
    """Features by |SMD|, the largest first, with at most `MOST_PER_KIND` leads of one kind.

    Args:
        differences: of all features. n: how many; None: all that the rule leaves.
    """
    chosen, counts = list[FeatureDifference](), dict[str, int]()
    for one in sorted(differences, key=lambda d: (-abs(d.smd), d.feature)):
        kind = kind_of(one.feature)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST_PER_KIND:
            chosen.append(one)
    return chosen[:n]


def median_abs_smd(differences: Sequence[FeatureDifference]) -> float:
    """Median of |SMD| of all features."""
    return float(np.median([abs(one.smd) for one in differences]))


def median_spread_ratio(
    differences: Sequence[FeatureDifference], robust: bool = False
) -> float | None:
    """Median ratio of the spreads of all features in which the second group has any.

    Args:
        differences: of all features. robust: of interquartile ranges instead of SDs.
    """
    ratios = [one.spread_ratio_robust if robust else one.spread_ratio for one in differences]
    known = [ratio for ratio in ratios if ratio is not None]
    return float(np.median(known)) if known else None
