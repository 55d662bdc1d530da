"""Network for infarcts: it learns a known change, intervals cover, same seed same weights."""

import numpy as np
import pytest
import torch
from helpers.infarct_pairs import made_up
from sklearn.metrics import roc_auc_score

from einthoven.base.core.errors import BadInput
from einthoven.imaging.infarct.infarct_model import ARTERIES, InfarctModel
from einthoven.imaging.infarct.infarct_network import InfarctNetwork, InfarctTargets
from einthoven.imaging.infarct.infarct_task import train_infarct_network
from einthoven.imaging.infarct.training_beats import TrainingBeats


@pytest.fixture(scope="module")
def trained():
    return train_infarct_network(made_up(300), None, seed=1, epochs=12)[0]


def test_it_finds_scar_territory_and_size_in_a_heart_it_has_not_seen(trained):
    test = made_up(150).rows(np.arange(300, 450))
    beats = TrainingBeats.of(test)
    found = InfarctModel([trained], 1.0, 0.0, {}).estimate(beats.ecg, is_recorded=False)
    present = beats.truth.present.numpy() > 0
    assert roc_auc_score(present, found.presence) > 0.9
    large = present & (beats.truth.sizes[:, 0].numpy() > 10)
    artery = np.array(ARTERIES)[found.territory.argmax(axis=1)]
    named = np.concatenate([test.region, test.region])
    assert np.mean([a in name for a, name in zip(artery[large], named[large])]) > 0.9
    assert np.corrcoef(found.lv_percent[present, 0], beats.truth.sizes[present, 0])[0, 1] > 0.65


def test_intervals_cover_the_calibration_scars_and_are_in_order(trained):
    """Conformal margins cover at least the level on the beats that set them."""
    val = TrainingBeats.of(made_up(60, ("p0009",), ("val",), seed=5))
    network = InfarctNetwork()
    network.load_state_dict(trained.state_dict())
    network.eval().calibrate(torch.as_tensor(val.ecg), val.truth)
    scar = val.truth.present > 0
    with torch.no_grad():
        low, _, high = network(torch.as_tensor(val.ecg)).sizes[scar].unbind(dim=2)
    inside = (low <= val.truth.sizes[scar] + 1e-5) & (val.truth.sizes[scar] <= high + 1e-5)
    assert (inside.float().mean(dim=0) >= 0.9).all()


def test_the_loss_of_sizes_is_least_at_the_quantiles():
    """Pinball loss: of constants, the true quantile of the sizes has the least loss."""
    network = InfarctNetwork().eval()
    for values in network.parameters():
        values.data.zero_()
    sizes = torch.linspace(0.0, 40.0, 201)
    truth = InfarctTargets(torch.ones(201), torch.ones(201, 17),
                           torch.stack([sizes, torch.zeros(201)], dim=1))  # fmt: skip
    ecg = torch.zeros(201, 12, 500)

    def loss(low, middle, high):
        network.last.bias.data[18:21] = torch.tensor([low, middle, high]) / 20.0
        return network.loss(ecg, truth).item()

    best = loss(2.0, 20.0, 38.0)
    for other in ((4.0, 20.0, 38.0), (0.0, 20.0, 38.0), (2.0, 24.0, 38.0), (2.0, 20.0, 34.0)):
        assert loss(*other) > best


def test_the_same_seed_gives_the_same_weights_and_backgrounds_count():
    pairs, people = made_up(40), made_up(4).healthy
    one, two, other = (
        train_infarct_network(pairs, given, seed=3, epochs=1)[0].state_dict()
        for given in (people, people, None)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["last.weight"], other["last.weight"])


def test_a_missing_split_is_refused():
    with pytest.raises(BadInput, match="split val"):
        train_infarct_network(made_up(3, ("p0000",), ("train",)), None, seed=1)
