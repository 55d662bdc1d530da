"""The learning curve over patients: rows of one network, and its continued slope."""

import numpy as np
import pytest
from patients_curve import continued, of_network


def test_a_power_law_is_continued_exactly():
    sizes = np.array([25.0, 50.0, 100.0, 200.0])
    slope, needed = continued(sizes, 30 * sizes**-0.5, 30 * 900**-0.5)
    assert slope == pytest.approx(-0.5)
    assert needed == pytest.approx(900)


def test_an_error_that_no_longer_falls_never_arrives():
    sizes = np.array([25.0, 50.0])
    slope, needed = continued(sizes, np.array([5.0, 5.5]), 4.0)
    assert slope > 0
    assert needed == np.inf


def test_rows_of_several_files_are_sorted_by_size():
    rows = [
        {"network": "theirs", "patients": 50, "test": [4.0, 0.4]},
        {"network": "ours", "patients": 25, "test": [2.0, 0.1]},
        {"network": "theirs", "patients": 25, "test": [5.0, 0.5]},
    ]
    sizes, error = of_network(rows, "theirs")
    assert sizes.tolist() == [25, 50]
    assert error.tolist() == [[5.0, 0.5], [4.0, 0.4]]
