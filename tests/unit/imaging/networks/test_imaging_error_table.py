"""Names of trainings, and the table of errors with what was trained on what."""

import numpy as np
import pytest
from helpers.imaging_corpus import corpus

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.splits import SPLITS
from einthoven.imaging.networks.error_table import Training, evaluated, table
from einthoven.imaging.networks.imaging_task import train_network
from einthoven.imaging.networks.registry import NETWORKS

CONFIG = ImagingTrainingSettings(conditioned_epochs=1, conditioned_width=16, curve_anatomies=[2])


def test_names_go_there_and_back():
    planned = CONFIG.trainings
    assert len(planned) == len(NETWORKS) * len(SPLITS) - 2 + 1, "I and II need the time"
    assert [str(Training.of(name)) for name in planned] == planned
    with pytest.raises(BadInput, match="'conditioned-anatomy': no training"):
        Training.of("conditioned-anatomy")
    without = ImagingTrainingSettings(networks=["network-1"]).trainings
    assert not any(Training.of(name).n_hearts for name in without)


def test_the_table_says_what_was_trained_on_what(tmp_path):
    made_up, folders = corpus(), []
    for name in ("conditioned_anatomy", "conditioned_forward-model", "conditioned_anatomy_2"):
        training = Training.of(name)
        folders.append(tmp_path / name)
        split = training.rows(made_up, CONFIG)
        train_network(training.network, made_up, split, CONFIG, folders[-1])
    metrics = evaluated(made_up, CONFIG, folders)
    rows = metrics["networks"]["conditioned"]
    assert set(rows) == {"random", "anatomy", "pseudo-to-fem", "pseudo-to-pseudo",
                         "pseudo-to-fem-and-anatomy"}  # fmt: skip
    assert rows["anatomy"]["trained_on"] == "68 beats of 3 hearts (fem)"
    assert rows["anatomy"]["tested_on"] == "24 beats of 1 heart never seen"
    assert rows["pseudo-to-fem"]["trained_on"] == "68 beats of 3 hearts (pseudo)"
    assert rows["random"]["n_simulations"] == 68 and rows["random"]["n_anatomies"] == 3
    split = SPLITS["anatomy"](made_up, CONFIG)
    patterns, count = np.unique(made_up.pattern[split.tests["anatomy"].rows], return_counts=True)
    of_patterns = rows["anatomy"]["at_error_by_pattern_ms"]
    mean = np.average([of_patterns[name] for name in patterns], weights=count)
    assert len(of_patterns) > 1 and mean == pytest.approx(rows["anatomy"]["at_error_ms"], rel=1e-5)
    (point,) = metrics["learning_curve"]
    assert point["n_anatomies"] == 2 and point["test"] == "anatomy"
    text = table(metrics)
    assert text.count("\n") == 2 + len(rows) + 1 and "never seen" in text
