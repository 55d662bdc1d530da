"""Networks I and II are those of Landajuela 2022; errors."""

import numpy as np
import pytest
import torch
from torch import nn

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.networks.imaging_network import Beats, MapPrediction
from einthoven.imaging.networks.landajuela import NetworkOne, NetworkTwo, delayed
from einthoven.imaging.networks.scores import Errors, pearson, scores
from einthoven.imaging.networks.squeezenet import (
    Convolution,
    Features,
    Fire,
    Stem,
    peak_to_peak,
    with_height,
)


@pytest.mark.parametrize("kind, count", [(NetworkOne, 486_657), (NetworkTwo, 392_907)])
def test_networks_have_the_published_number_of_parameters(kind, count):
    assert kind(ImagingTrainingSettings(), ()).n_parameters == count


def test_features_are_those_of_squeezenet():
    for stride, n_times in ((2, 33), (1, 500)):
        features = Features(stride)
        assert sum(p.numel() for p in features.parameters()) == 354_432
        assert features(with_height(torch.randn(2, 12, 500))).shape == (2, 512, 1, n_times)


def test_the_ecg_is_not_rounded_where_layers_are_in_bfloat16():
    network = NetworkOne(ImagingTrainingSettings(), ()).eval()
    stem, fire = network.features[0], network.features[3]
    assert isinstance(stem, Stem) and isinstance(fire, Fire)
    ecg, features = torch.randn(3, 12, 1, 50), torch.randn(3, 64, 1, 50)
    exact = stem(ecg), fire(features)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = stem(ecg), fire(features)
    assert torch.equal(rounded[0], exact[0])
    assert rounded[1].dtype == torch.bfloat16
    assert torch.allclose(rounded[1].float(), exact[1], atol=0.05 * exact[1].max().item())


def test_a_convolution_is_the_one_of_torch_in_one_dimension():
    x = torch.randn(3, 12, 50)
    for stride, padding in ((1, 0), (2, 1)):
        ours = Convolution(12, 7, 3, stride=stride, padding=padding)
        plain = nn.Conv1d(12, 7, 3, stride=stride, padding=padding)
        plain.load_state_dict(ours.state_dict())
        assert torch.allclose(ours(with_height(x)).squeeze(2), plain(x), atol=1e-5)
    fire = Fire(12, 4, 5)
    squeezed = torch.relu(nn.functional.conv1d(x, fire.squeeze.weight, fire.squeeze.bias))
    wide = nn.functional.conv1d(squeezed, fire.expand3.weight, fire.expand3.bias, padding=1)
    assert torch.allclose(fire(with_height(x)).squeeze(2)[:, 5:], torch.relu(wide), atol=1e-5)


def test_leads_are_divided_by_their_peak_to_peak():
    ecg = torch.randn(4, 12, 500)
    ecg[0, 3] = 0.2  # flat
    scaled = peak_to_peak(ecg)
    extent = scaled.amax(-1) - scaled.amin(-1)
    assert extent[0, 3] == 0 and scaled[0, 3].abs().max() == 0
    assert np.allclose(np.delete(extent.flatten().numpy(), 3), 1, atol=1e-6)
    assert torch.allclose(peak_to_peak(37 * ecg), scaled, atol=1e-5)
    network = NetworkOne(ImagingTrainingSettings(), ()).eval()
    with torch.no_grad():
        assert torch.allclose(network(37 * ecg), network(ecg), atol=1e-4, rtol=1e-4)


def test_a_delay_moves_the_ecg_and_tells_by_how_much():
    ecg = torch.randn(50, 12, 500)
    moved, delay = delayed(ecg, 40)
    assert 0 <= delay.min() < delay.max() <= 40
    for beat, ms in enumerate(delay.int().tolist()):
        assert not moved[beat, :, :ms].any()
        assert torch.allclose(moved[beat, :, ms:], ecg[beat, :, : 500 - ms], atol=1e-5)


def test_limits_of_v_m_go_there_and_back():
    v_m = torch.linspace(-80, 30, 500).expand(2, 75, 500)
    for limits, expected in (("fixed", (-85.50618677, 50.0)), ("beat", (-80.0, 30.0))):
        network = NetworkTwo(ImagingTrainingSettings(vm_limits=limits), ())
        empty = torch.zeros(2, 0)
        others = empty, empty.long()
        network.fit_scales(Beats(torch.zeros(2, 12, 500), empty, empty, empty, v_m, *others))
        assert np.allclose(network.limits.numpy(), expected)


def test_scores_of_known_errors():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 100, (200, 75))
    error = np.where(np.arange(200) % 2, 3.0, 1.0)[:, None]
    v_m = rng.normal(size=(200, 75, 50))
    found = scores(
        MapPrediction(truth + error, truth, -v_m), MapPrediction(truth, truth + np.nan, v_m)
    )
    assert found.at_error_ms == pytest.approx(2) and found.at_error_sd_ms == pytest.approx(1)
    assert found.vm_pearson == pytest.approx(-1) and found.vm_pearson_sd == pytest.approx(0)
    assert found.apd_share == 0 and found.apd_error_ms is None
    assert scores(MapPrediction(truth), MapPrediction(truth)).vm_pearson is None
    halves = [Errors.of(MapPrediction((truth + error)[rows], truth[rows], -v_m[rows]),
                        MapPrediction(truth[rows], (truth + np.nan)[rows], v_m[rows]))
              for rows in (slice(0, 70), slice(70, None))]  # fmt: skip
    assert Errors.joined(halves).scores() == found
    assert pearson(np.ones(9), np.arange(9.0)) == 0
    a, b = rng.normal(size=(2, 30))
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
