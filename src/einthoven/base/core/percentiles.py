"""Bands of a group of patients: percentiles of many, all of a few."""

from typing import NamedTuple

LEAST_FOR_PERCENTILES = 20
"""Least number of values whose 2nd and 98th percentiles are stated; of fewer, the extremes are."""


class GroupBand(NamedTuple):
    """Band about a group: percentiles at its ends, and its name."""

    low: float
    high: float
    name: str


def band_of(n: int) -> GroupBand:
    """Band of `n` values: 2nd to 98th percentile, or minimum to maximum of few."""
    if n < LEAST_FOR_PERCENTILES:
        return GroupBand(0.0, 100.0, "minimum to maximum")
    return GroupBand(2.0, 98.0, "2 to 98 %")
