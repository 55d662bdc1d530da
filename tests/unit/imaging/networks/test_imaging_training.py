"""Networks learn a corpus and are the same when they are read again."""

import numpy as np
import pytest
import torch
from helpers.imaging_corpus import corpus

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.splits import SPLITS
from einthoven.imaging.networks.imaging_task import beats_of, predict, train_network, truth_of
from einthoven.imaging.networks.registry import NETWORKS, load_network
from einthoven.imaging.networks.scores import scores

CONFIG = ImagingTrainingSettings(
    conditioned_epochs=24, conditioned_width=64, network_1_epochs=1, network_2_epochs=1
)


@pytest.fixture(scope="module")
def made_up():
    return corpus()


@pytest.fixture(scope="module")
def trained(made_up, tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditioned")
    split = SPLITS["anatomy"](made_up, CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NETWORKS["conditioned"], "batch", 8)
        network, curve = train_network("conditioned", made_up, split, CONFIG, folder)
    return split, network, curve, folder


def test_ours_beats_the_mean_of_the_training_beats(made_up, trained):
    split, network, curve, _ = trained
    rows = split.tests["random"].rows
    found = predict(network, made_up, rows, "fem")
    truth = truth_of(made_up, rows, network)
    mean = made_up.activation_time[split.train].mean(axis=0)
    of_mean = np.abs(truth.activation_time - mean).mean()
    assert scores(found, truth).at_error_ms < 0.4 * of_mean
    assert curve[-1]["loss"] < 0.2 * curve[0]["loss"] and "val_at_error_ms" in curve[-1]


def test_a_network_reads_back_as_it_was(made_up, trained):
    split, network, _, folder = trained
    again = load_network(folder / "model.safetensors", "conditioned")
    rows = split.tests["anatomy"].rows[:5]
    ours, theirs = (predict(n, made_up, rows, "fem") for n in (network, again))
    assert np.array_equal(ours.activation_time, theirs.activation_time)
    with pytest.raises(BadInput, match="holds a imaging-conditioned model"):
        load_network(folder / "model.safetensors", "network-1")
    with pytest.raises(BadInput, match="expected one of network-1"):
        load_network(folder / "model.safetensors", "network-3")


def test_unknown_measures_are_allowed(made_up, trained):
    _, network, _, _ = trained
    ecg = torch.as_tensor(made_up.ecg("fem")[:3])
    unknown = network.predict(ecg, torch.full((3, 1), torch.nan))
    assert np.isfinite(unknown.activation_time).all()
    assert not np.allclose(unknown.activation_time, network.predict(ecg, torch.ones(3, 1))[0])


@pytest.mark.parametrize("name", ["network-1", "network-2"])
def test_the_networks_of_the_paper_learn(made_up, name):
    kind = NETWORKS[name]
    network = kind(CONFIG, made_up.measure_names)
    beats = beats_of(made_up, np.arange(4), "fem", network)
    network.fit_scales(beats)
    optimizer = torch.optim.Adam(network.parameters(), kind.learning_rate)
    losses = []
    for _ in range(4):
        losses.append(network.loss(beats))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def test_the_same_seed_gives_the_same_bytes(made_up, tmp_path):
    few = CONFIG.model_copy(update={"conditioned_epochs": 2})
    split = SPLITS["anatomy"](made_up, few)
    for name in ("a", "b"):
        train_network("conditioned", made_up, split, few, tmp_path / name)
    first, second = ((tmp_path / n / "model.safetensors").read_bytes() for n in "ab")
    assert first == second


def test_bfloat16_learns_as_well(made_up, trained, tmp_path):
    split, exact, *_ = trained
    config = CONFIG.model_copy(update={"precision": "bf16-mixed"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NETWORKS["conditioned"], "batch", 8)
        network, _ = train_network("conditioned", made_up, split, config, tmp_path)
    rows = split.tests["random"].rows
    truth = truth_of(made_up, rows, network)
    errors = [scores(predict(n, made_up, rows, "fem"), truth).at_error_ms for n in (network, exact)]
    assert errors[0] < 1.2 * errors[1]
    assert all(p.dtype == torch.float32 for p in network.parameters())
    other = (a != b for a, b in zip(network.parameters(), exact.parameters()))
    assert any(bool(values.any()) for values in other), "nothing was rounded"
