"""The nearest training beat: exact where it is the beat itself, and as good as its neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.imaging_corpus import corpus

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.corpus import splits
from einthoven.imaging.corpus.splits import SPLITS
from einthoven.imaging.networks.nearest import nearest_errors, nearest_figures, nearest_rows

CONFIG = ImagingTrainingSettings(splits=["anatomy", "pattern"])


@pytest.fixture(scope="module")
def made_up():
    return corpus()


def test_a_beat_of_the_training_is_its_own_nearest(made_up):
    split = SPLITS["anatomy"](made_up, CONFIG)
    test = splits.Tested(split.train[::7], "fem", "")
    np.testing.assert_array_equal(nearest_rows(made_up, split, test), test.rows)
    found = nearest_errors(made_up, split, test).scores()
    assert found.at_error_ms == found.apd_error_ms == 0 and found.vm_pearson == pytest.approx(1)


def test_the_nearest_is_the_minimum_of_all_distances(made_up):
    split = SPLITS["anatomy"](made_up, CONFIG)
    test = split.tests["anatomy"]
    ecg = made_up.ecg("fem")[:, [0, 1, *range(6, 12)]][..., ::4].astype(float)
    for row, near in zip(test.rows, nearest_rows(made_up, split, test)):
        distance = np.linalg.norm(ecg[split.train] - ecg[row], axis=(1, 2))
        assert near == split.train[distance.argmin()]


def test_amplitudes_count(made_up):
    split = SPLITS["anatomy"](made_up, CONFIG)
    test = split.tests["anatomy"]
    ecg = made_up.ecg("fem").copy()
    ecg[test.rows] *= 1.5
    louder = nearest_rows(replace(made_up, ecgs={"fem": ecg}), split, test)
    assert (louder != nearest_rows(made_up, split, test)).any()


def test_all_tests_of_the_splits_are_judged_and_an_unseen_pattern_is_the_hardest(made_up):
    found = nearest_figures(made_up, CONFIG)
    assert set(found) == {"random", "anatomy", "pattern", "pattern-and-anatomy", "each-pattern"}
    assert found["random"]["at_error_ms"] < found["pattern"]["at_error_ms"]
    assert found["random"]["n_simulations"] == len(SPLITS["anatomy"](made_up, CONFIG).train)
    assert set(nearest_figures(made_up, ImagingTrainingSettings(splits=["anatomy"]))) == {
        "random", "anatomy"
    }  # fmt: skip
