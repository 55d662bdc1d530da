"""Comparison of sex differences in simulated ECGs with those of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.physics.ecg.features import FeatureRow, label_of, unit_of

FEWEST = 3
"""Least number of patients of each sex."""
AS_IN_PEOPLE, REVERSED, UNDECIDED = "as in people", "the other way round", "not told apart"
STRONGER, WEAKER = "stronger than in people", "weaker than in people"


@dataclass(frozen=True)
class PublishedDifference:
    """A published difference between healthy women and men.

    Attributes:
        female, male: mean or median; None if only the sign is known.
        source: publication.
    """

    female: float | None
    male: float | None
    source: str


_SIMONSON = "Simonson 1960, 566 people (abstract)"
SMALLER_IN_WOMEN: Mapping[str, PublishedDifference] = {
    "qrs_ms": PublishedDifference(86, 92, "ELSA-Brasil, Pinto-Filho 2017 (abstract)"),
    "t_mv_v5": PublishedDifference(0.317, 0.444, "Haarmark 2010 (abstract)"),
    "t_mv_v3": PublishedDifference(None, None, "Gambill 1995, by a fifth (abstract)"),
    "r_mv_v5": PublishedDifference(None, None, _SIMONSON),
    "s_mv_v2": PublishedDifference(None, None, _SIMONSON),
}
"""Features that are smaller in healthy women than in healthy men."""


def sex_differences(rows: Sequence[FeatureRow], scenario: str) -> dict[str, dict[str, Any]]:
    """Features that are smaller in healthy women, compared in a cohort of both sexes.

    In simulations conduction speeds are drawn independently of sex, so a difference comes from the
    shape, size and position of hearts and torsos.

    Args:
        rows: of `ecg.features.feature_table`.
        scenario: of the beats.

    Returns:
        feature -> female, male: medians; n_female, n_male: numbers of patients; difference: mean
        of women minus mean of men; interval: its 95 % confidence interval (Welch's); verdict: by
        the interval, as in people, reversed or undecided, and stronger or weaker than in people if
        published numbers lie outside it; published: (female, male) in people, if known as numbers;
        source: of the published difference. Features of fewer than `FEWEST` women or men are left
        out.
    """
    differences = {}
    for feature, published in SMALLER_IN_WOMEN.items():
        women, men = (_values(rows, scenario, sex, feature) for sex in ("female", "male"))
        if min(len(women), len(men)) >= FEWEST:
            differences[feature] = _difference(women, men, published)
    return differences


def _values(rows: Sequence[FeatureRow], scenario: str, sex: str, feature: str) -> np.ndarray:
    some = [row.values.get(feature, np.nan) for row in rows
            if (row.scenario, row.sex) == (scenario, sex)]  # fmt: skip
    values = np.array(some, float)
    return values[np.isfinite(values)]


def _difference(
    women: np.ndarray, men: np.ndarray, published: PublishedDifference
) -> dict[str, Any]:
    difference = float(women.mean() - men.mean())
    low = high = difference
    if np.ptp(women) > 0 or np.ptp(men) > 0:
        from scipy.stats import ttest_ind  # slow, and an audit of recordings rarely needs it

        interval = ttest_ind(women, men, equal_var=False).confidence_interval(0.95)
        low, high = float(interval.low), float(interval.high)
    known = None
    if published.female is not None and published.male is not None:
        known = (published.female, published.male)
    expected = None if known is None else known[0] - known[1]
    return {
        "female": float(np.median(women)), "male": float(np.median(men)),
        "n_female": len(women), "n_male": len(men), "difference": difference,
        "interval": (low, high), "verdict": _verdict(low, high, expected),
        "published": known, "source": published.source,
    }  # fmt: skip


def _verdict(low: float, high: float, expected: float | None) -> str:
    """Text on whether a negative difference was found; `expected` is that of people."""
    if high >= 0:
        return REVERSED if low > 0 else UNDECIDED
    if expected is None or low <= expected <= high:
        return AS_IN_PEOPLE
    return STRONGER if high < expected else WEAKER


def statement(differences: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence: whether women's QRS is shorter and their T waves smaller; empty if unknown."""
    named = {"qrs_ms": "the QRS of women is shorter", "t_mv_v5": "their T wave in V5 is smaller"}
    parts = []
    for feature, text in named.items():
        if row := differences.get(feature):
            low, high = row["interval"]
            parts.append(
                f"{text}: {row['verdict']} ({row['difference']:+.3g} {unit_of(feature)}, "
                f"{low:.3g} to {high:.3g})"
            )
    return f"At equal conduction {'; '.join(parts)}." if parts else ""


def sex_table(differences: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text."""
    header = ["feature", "women", "men", "difference", "95 %", "in people", "verdict", "source"]
    rows = []
    for feature, row in differences.items():
        low, high = row["interval"]
        people = "smaller" if row["published"] is None else "{:g}, {:g}".format(*row["published"])
        rows.append([
            label_of(feature), f"{row['female']:.3g} (n {row['n_female']})",
            f"{row['male']:.3g} (n {row['n_male']})", f"{row['difference']:+.3g}",
            f"{low:.3g} to {high:.3g}", people, row["verdict"], row["source"],
        ])  # fmt: skip
    return header, rows
