"""Training beats: simulated ones, and changes of simulated scars in recorded beats."""

import numpy as np
import pytest
from helpers.infarct_pairs import beat, made_up

from einthoven.base.core.errors import BadInput
from einthoven.imaging.infarct import training_beats
from einthoven.imaging.infarct.training_beats import TrainingBeats, targets
from einthoven.imaging.inputs.onsets import LEAD_IN_MS, onset_delays

PERSON = np.roll(beat(np.linspace(1.0, 2.0, 12)), LEAD_IN_MS - 30, axis=1)
"""A recorded beat with its onset where networks expect it."""


def test_scarred_beats_have_the_truth_of_their_pair_and_healthy_ones_none():
    pairs = made_up(6)
    beats, truth = TrainingBeats.of(pairs), targets(pairs)
    n = len(pairs)
    assert beats.ecg.shape == (2 * n, 12, 500)
    present = beats.truth.present.numpy()
    np.testing.assert_array_equal(present, np.repeat([0, 1], n))
    for found, own in zip(beats.truth[1:], truth[1:]):
        assert not found[:n].any()
        np.testing.assert_array_equal(found[n:], own)
    np.testing.assert_array_equal(truth.segments.numpy() > 0, pairs.segment_share >= 0.25)


def test_a_recorded_beat_with_a_change_is_their_sum(monkeypatch):
    """One person, gain 1 and no error of the onset: the sum is known at each time."""
    monkeypatch.setattr(training_beats, "GAINS", (1.0, 1.0))
    monkeypatch.setattr(training_beats, "ONSET_SD_MS", 0.0)
    pairs = made_up(1, ("p0000",), ("train",))
    beats = TrainingBeats.of(pairs, PERSON[None])
    ecg, truth = beats.recorded(1, np.random.default_rng(0))
    np.testing.assert_array_equal(truth.present, [0, 1])
    onset = np.array(list(onset_delays(ecg.numpy())))
    np.testing.assert_allclose(onset, LEAD_IN_MS, atol=1.0)
    quiet = slice(5, 470)
    moved = [
        np.abs(ecg[0, :, quiet] - np.roll(PERSON, k, axis=1)[:, quiet]).max() for k in range(-8, 9)
    ]
    assert min(moved) < 1e-5
    change = (pairs.scarred - pairs.healthy)[0]
    sums = [np.roll(PERSON, a, axis=1) + np.roll(change, b, axis=1)
            for a in range(-10, 11) for b in range(-20, 11)]  # fmt: skip
    assert min(np.abs(ecg[1, :, quiet] - total[:, quiet]).max() for total in sums) < 2e-3
    assert np.abs(change).max() > 0.3


def test_mixtures_of_people_lie_between_them():
    beats = TrainingBeats.of(made_up(3), np.stack([PERSON, 2 * PERSON]))
    mixed = beats._mixed(50, np.random.default_rng(0))
    factor = mixed[:, 0].max(axis=1) / PERSON[0].max()
    assert factor.min() >= 1.0 - 1e-6 and factor.max() <= 2.0 + 1e-6
    assert len(np.unique(factor.round(3))) > 5


def test_backgrounds_of_another_shape_are_refused():
    with pytest.raises(BadInput, match="backgrounds"):
        TrainingBeats.of(made_up(2), np.zeros((3, 12, 400)))
