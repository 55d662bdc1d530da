"""Splits of simulated beats share no beat, and say which cannot be made."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.imaging_corpus import corpus

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.splits import SPLITS, of_few_hearts

CONFIG = ImagingTrainingSettings()


@pytest.fixture(scope="module")
def made_up():
    return corpus()


@pytest.mark.parametrize("name", SPLITS)
def test_no_beat_is_trained_on_and_tested(made_up, name):
    split = SPLITS[name](made_up, CONFIG)
    assert set(made_up.split[split.train]) == {"train"} and set(made_up.split[split.val]) == {"val"}
    for name_of_test, test in split.tests.items():
        assert len(test.rows) and not set(test.rows) & {*split.train, *split.val}
        if "anatomy" in name_of_test:
            assert not {*made_up.patient[test.rows]} & {*made_up.patient[split.train]}
        if "pattern" in name_of_test:
            assert not {*made_up.pattern[test.rows]} & {*made_up.pattern[split.train]}


def test_the_random_split_keeps_five_per_cent(made_up):
    split = SPLITS["anatomy"](made_up, CONFIG)
    kept = split.tests["random"].rows
    assert len(kept) == round(0.05 * (len(kept) + len(split.train)))
    again = SPLITS["anatomy"](made_up, CONFIG)
    other = SPLITS["anatomy"](made_up, CONFIG.model_copy(update={"seed": 2}))
    assert np.array_equal(kept, again.tests["random"].rows)
    assert not np.array_equal(kept, other.tests["random"].rows)


def test_forward_models_differ_between_training_and_test(made_up):
    split = SPLITS["forward-model"](made_up, CONFIG)
    assert split.forward == "pseudo" and split.tests["pseudo-to-fem"].forward == "fem"
    without = replace(made_up, ecgs={"fem": made_up.ecg("fem")})
    with pytest.raises(BadInput, match="no ECG of forward model 'pseudo'"):
        SPLITS["forward-model"](without, CONFIG)


def test_splits_that_cannot_be_made(made_up):
    with pytest.raises(BadInput, match="left_out_pattern = 'crt'.*lbbb, sinus"):
        SPLITS["pattern"](made_up, CONFIG.model_copy(update={"left_out_pattern": "crt"}))
    split = SPLITS["anatomy"](made_up, CONFIG)
    assert len(np.unique(made_up.patient[of_few_hearts(made_up, split, 2).train])) == 2
    with pytest.raises(BadInput, match="curve_anatomies: 9"):
        of_few_hearts(made_up, split, 9)
