"""Bands of groups: percentiles of many, extremes of few."""

import numpy as np

from einthoven.base.core.percentiles import LEAST_FOR_PERCENTILES, band_of


def test_few_values_have_extremes_and_many_have_percentiles() -> None:
    few, many = band_of(LEAST_FOR_PERCENTILES - 1), band_of(LEAST_FOR_PERCENTILES)
    assert few.name == "minimum to maximum"
    assert np.percentile([3.0, 1.0, 2.0, 9.0], few[:2]).tolist() == [1.0, 9.0]
    assert many == (2.0, 98.0, "2 to 98 %")
