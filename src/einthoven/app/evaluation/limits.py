"""Published limits of the normal adult ECG, by sex, each with its source."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "ecg_limits.csv"
SEXES = ("female", "male")
NORMAL_P98 = 2.0537
"""98th percentile of the standard normal distribution."""


@dataclass(frozen=True)
class FeatureLimits:
    """Published limits of one feature.

    Attributes:
        low, high: 2nd and 98th percentile, or the limits of textbooks; None if not published.
        centre: median or mean of healthy people. sd: their standard deviation.
        kind: percentile, or clinical (limits of textbooks, which are not percentiles).
        sources: of the values.
    """

    low: float | None
    high: float | None
    centre: float | None
    sd: float | None
    kind: str
    sources: tuple[str, ...]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both limits, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def middle(self) -> float | None:
        """The published centre, else the middle between the percentiles."""
        if self.centre is not None or self.bounds is None or self.kind != "percentile":
            return self.centre
        return (self.bounds[0] + self.bounds[1]) / 2

    @property
    def spread(self) -> float | None:
        """The published SD, else that of a normal distribution with these percentiles."""
        if self.sd is not None or self.bounds is None or self.kind != "percentile":
            return self.sd
        return (self.bounds[1] - self.bounds[0]) / (2 * NORMAL_P98) or None


@cache
def _table() -> dict[tuple[str, str], list[FeatureLimits]]:
    """Feature and sex -> limits; the first takes precedence."""

    def number(text: str) -> float | None:
        return float(text) if text else None

    table: dict[tuple[str, str], list[FeatureLimits]] = {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            low, high, centre, sd = (number(row[key]) for key in ("low", "high", "centre", "sd"))
            limits = FeatureLimits(low, high, centre, sd, row["kind"], (row["source"],))
            table.setdefault((row["feature"], row["sex"]), []).append(limits)
    return table


@cache
def limits_for(feature: str, sex: str | None) -> FeatureLimits | None:
    """Limits for a sex; None if there are none.

    Rows of the sex take precedence over rows of both. If the sex is unknown, rows of both take
    precedence over the union of the rows of the sexes: the widest limits, the mean of the centres.

    Args:
        feature: as in ecg.features.
        sex: female, male or None.
    """
    of_sex = {kind: _table().get((feature, kind), []) for kind in (*SEXES, "any")}
    if sex is not None:
        return _merged([*of_sex.get(sex, []), *of_sex["any"]])
    by_sex = [limits for kind in SEXES if (limits := _merged(of_sex[kind]))]
    return _merged([*of_sex["any"], *([_union(by_sex)] if by_sex else [])])


def _merged(rows: Sequence[FeatureLimits]) -> FeatureLimits | None:
    """Limits, centre and SD, each from the first row that has it."""
    if not rows:
        return None
    bounded = next((row for row in rows if row.bounds), None)
    centred = next((row for row in rows if row.centre is not None), None)
    found = bounded or rows[0]
    spread = next((row for row in rows if row.sd is not None), None)
    used = [row for row in (found, centred, spread) if row]
    return replace(
        found,
        centre=centred.centre if centred else None,
        sd=spread.sd if spread else None,
        sources=tuple(dict.fromkeys(source for row in used for source in row.sources)),
    )


def _union(rows: Sequence[FeatureLimits]) -> FeatureLimits:
    """One row for several sexes."""
    bounds = [row.bounds for row in rows if row.bounds]
    centres = [row.centre for row in rows if row.centre is not None]
    spreads = [row.sd for row in rows if row.sd is not None]
    return FeatureLimits(
        low=min((low for low, _ in bounds), default=None),
        high=max((high for _, high in bounds), default=None),
        centre=sum(centres) / len(centres) if centres else None,
        sd=max(spreads, default=None),
        kind=rows[0].kind,
        sources=tuple(dict.fromkeys(source for row in rows for source in row.sources)),
    )
