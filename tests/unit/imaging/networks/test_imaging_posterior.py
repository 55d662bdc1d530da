"""The amortised posterior: its densities, its draws, its calibration, against what is known."""

import numpy as np
import pytest
import torch
from beat_posterior import BeatPosterior
from helpers.imaging_corpus import corpus
from scipy.special import logsumexp
from scipy.stats import chisquare, multivariate_normal

from einthoven.base.config.imaging import PATTERNS, ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.beat_parameters import PARAMETERS
from einthoven.imaging.corpus.splits import SPLITS
from einthoven.imaging.networks.calibration import rank_shares, sbc_ranks, widening
from einthoven.imaging.networks.imaging_network import Beats, MapPrediction
from einthoven.imaging.networks.imaging_task import train_network
from einthoven.imaging.networks.mixture.mixture import GaussianMixture
from einthoven.imaging.networks.mixture.mixture_network import N_MAPS, PosteriorNetwork
from einthoven.imaging.networks.scores import scores

SIZES = (3, 5, 2, 4)
"""Components, coordinates, rank, classes."""


def mixture(n_beats: int = 2) -> GaussianMixture:
    generator = torch.Generator().manual_seed(0)
    n = GaussianMixture.n_outputs(*SIZES)
    outputs = torch.randn(n_beats, n, generator=generator, dtype=torch.float64)
    return GaussianMixture.of_outputs(outputs, SIZES)


def test_a_training_calibrates_on_validation_hearts(monkeypatch, tmp_path) -> None:
    given, made_up = [], corpus()
    monkeypatch.setattr(PosteriorNetwork, "calibrate", lambda self, beats: given.append(beats))
    config = ImagingTrainingSettings(posterior_epochs=1, posterior_width=32, posterior_mixture=2)
    split = SPLITS["anatomy"](made_up, config)
    train_network("posterior", made_up, split, config, tmp_path)
    [beats] = given
    ecg = made_up.ecg(split.forward)[made_up.split == "val"]
    assert np.array_equal(beats.ecg.numpy(), ecg.astype(np.float32)) and len(ecg) == 24


@pytest.mark.parametrize("unknown", [(), (1,), (0, 3, 4), (0, 1, 2, 3, 4)])
def test_density_is_that_of_dense_gaussians_on_what_is_known(unknown: tuple[int, ...]) -> None:
    found = mixture()
    values = torch.linspace(-1, 1, 10, dtype=torch.float64).reshape(2, 5)
    values[:, list(unknown)] = torch.nan
    classes = torch.tensor([3, 0])
    kept = [i for i in range(5) if i not in unknown]
    expected = []
    for beat in range(2):
        terms = []
        for k in range(3):
            factor = found.factor[beat, k].numpy()
            covariance = np.diag(found.sd[beat, k].numpy() ** 2) + factor @ factor.T
            term = found.log_weights[beat, k] + found.log_classes[beat, k, classes[beat]]
            if kept:
                gauss = multivariate_normal(found.mean[beat, k].numpy()[kept],
                                            covariance[np.ix_(kept, kept)])  # fmt: skip
                term = term + gauss.logpdf(values[beat].numpy()[kept])
            terms.append(float(term))
        expected.append(logsumexp(terms))
    assert np.allclose(found.log_prob(values, classes).numpy(), expected, atol=1e-10)


def test_draws_have_the_moments_of_the_mixture() -> None:
    found = GaussianMixture(*(part.float() for part in mixture(1)))
    values, classes = found.sample(40_000, torch.Generator().manual_seed(1))
    weight = found.log_weights.exp()[0]
    mean = (weight[:, None] * found.mean[0]).sum(dim=0)
    second = sum(
        w * (m[:, None] * m + torch.diag(s**2) + f @ f.T)
        for w, m, s, f in zip(weight, found.mean[0], found.sd[0], found.factor[0])
    )
    assert (values[0].mean(dim=0) - mean).abs().max() < 0.05
    assert (values[0].T.cov() - (second - mean[:, None] * mean)).abs().max() < 0.15
    share = torch.bincount(classes[0], minlength=4) / 40_000
    assert (share - (weight[:, None] * found.log_classes.exp()[0]).sum(dim=0)).abs().max() < 0.01


def linear_gaussian(n: int, n_draws: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """x ~ N(0, 1), y = x + N(0, 0.5^2): draws of the posterior with `spread` times its SD; x."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 1))
    y = x + 0.5 * rng.standard_normal((n, 1))
    sd = np.sqrt(0.2)
    return (0.8 * y)[:, None] + spread * sd * rng.standard_normal((n, n_draws, 1)), x


def test_ranks_are_uniform_for_the_true_posterior_only() -> None:
    for spread, right in ((1.0, True), (0.7, False), (1.5, False)):
        draws, truth = linear_gaussian(2000, 99, spread)
        shares = rank_shares(sbc_ranks(draws, truth)[:, 0], 99)
        p = chisquare(2000 * shares).pvalue
        assert (p > 0.01) == right, (spread, p)
    with pytest.raises(BadInput, match="do not fill"):
        rank_shares(np.zeros(500, int), 100)


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.7])
def test_widened_intervals_cover_what_they_say(spread: float) -> None:
    """Calibrated on one half, judged on the other."""
    draws, truth = linear_gaussian(4000, 199, spread)
    factor = widening(draws[:2000], truth[:2000])
    assert factor[0] == pytest.approx(1 / spread, rel=0.08)
    middle = np.median(draws[2000:], axis=1, keepdims=True)
    widened = middle + factor * (draws[2000:] - middle)
    ends = np.quantile(widened, [0.05, 0.95], axis=1)
    inside = (ends[0] <= truth[2000:]) & (truth[2000:] <= ends[1])
    assert 0.88 < inside.mean() < 0.92
    with pytest.raises(BadInput, match="too few to calibrate"):
        widening(draws[:5], truth[:5])


SMALL = ImagingTrainingSettings(posterior_width=16, posterior_mixture=2, posterior_epochs=1)


def toy_beats(n: int, seed: int = 1) -> Beats:
    """Lead I holds |x|, the measure x's sign: the map is x times a fixed one, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.5 + 1.5 * torch.rand(n, 1, generator=generator)
    x = x * torch.where(torch.rand(n, 1, generator=generator) < 0.5, -1.0, 1.0)
    ecg = torch.zeros(n, 12, 500)
    ecg[:, 0, :100] = x.abs()
    noise = torch.randn(n, 75, generator=generator)
    times = 50 + 10 * x * torch.linspace(0.5, 1, 75) + noise
    parameters = torch.full((n, len(PARAMETERS)), torch.nan)
    parameters[:, 0] = x[:, 0]
    paced = PATTERNS.index("paced-1")
    pattern = torch.where(x[:, 0] > 0, paced, PATTERNS.index("sinus"))
    return Beats(ecg, x.sign(), times, 300 + noise, torch.zeros(0, 75, 500), parameters, pattern)


def two_maps() -> PosteriorNetwork:
    """A network that says of each ECG: x is 1.2 or -1.2 of `toy_beats`, each half the time."""
    network = PosteriorNetwork(SMALL, ("heart_side",))
    with torch.no_grad():
        network.fit_scales(toy_beats(200))
        pattern = torch.linspace(0.5, 1, 75)
        times = torch.stack([50 + sign * 12 * pattern for sign in (1.0, -1.0)])
        _, n_values, rank, n_classes = network.sizes
        means = torch.zeros(2, n_values)
        means[:, :N_MAPS] = network.maps(times)
        sides = torch.full((2, n_classes), -12.0)
        sides[[0, 1], [PATTERNS.index("paced-1"), PATTERNS.index("sinus")]] = 12.0
        parts = [torch.zeros(2, 1), means, torch.full((2, n_values), -3.0),
                 torch.zeros(2, n_values * rank), sides]  # fmt: skip
        network.last.weight.zero_()
        network.last.bias.copy_(torch.cat(parts, dim=1).flatten())
    return network.eval()


def test_a_posterior_of_two_maps_holds_both_and_not_their_mean() -> None:
    posterior, ecg = BeatPosterior(two_maps()), np.zeros((12, 500))
    both = posterior.infer(ecg)
    last = both.samples[:, -1] - 50
    assert min((last > 6).mean(), (last < -6).mean()) > 0.4
    assert min(both.pattern_probability().values()) > 0.4
    site = PARAMETERS.index("site1_z")
    assert np.isnan(both.parameters[both.pattern == "sinus", site]).all()
    assert np.isfinite(both.parameters[both.pattern == "paced-1", site]).all()
    low, high = both.interval(0.9)
    assert (low[-1] < 44) & (high[-1] > 56)
    maps = 50 + 12 * np.array([[1.0], [-1.0], [0.0]]) * np.linspace(0.5, 1, 75)
    with pytest.raises(BadInput, match="not calibrated"):
        posterior.depth(ecg, maps)
    beats = toy_beats(3000)
    near = (beats.ecg[:, 0, 0] - 1.2).abs() < 0.1
    posterior.network.calibrate(Beats(*(v[near] if len(v) else v for v in beats)))
    depth = posterior.depth(ecg, maps)
    assert depth[:2].min() > 0.5
    assert depth[2] < 0.05
    with pytest.raises(BadInput, match="other unknown; the network reads heart_side"):
        posterior.infer(ecg, {"other": 1.0})
    with pytest.raises(BadInput, match=r"ecg: shape \(12, 400\)"):
        posterior.infer(ecg[:, :400])


def test_calibration_widens_what_is_too_narrow() -> None:
    network, beats = two_maps(), toy_beats(400)
    told = [network.predict(beats.ecg, beats.measures)]
    network.calibrate(beats)
    told.append(network.predict(beats.ecg, beats.measures))
    truth = MapPrediction(beats.activation_time.numpy(), beats.apd90.numpy())
    before, after = (scores(found, truth) for found in told)
    assert before.coverage_90 < 0.85 < 0.88 < after.coverage_90 < 0.92
    assert after.interval_90_ms > before.interval_90_ms
    assert after.at_error_ms == pytest.approx(before.at_error_ms, rel=0.1)
    with pytest.raises(BadInput, match="too few to calibrate"):
        network.calibrate(Beats(*(values[:3] for values in beats)))


def test_the_depth_of_the_truth_is_uniform() -> None:
    """On other beats than those of the calibration."""
    network, beats = two_maps(), toy_beats(800, seed=2)
    first, rest = (Beats(*(values[part] for values in beats))
                   for part in (slice(None, 400), slice(400, None)))  # fmt: skip
    network.calibrate(first)
    with torch.no_grad():
        depth = network.depth(network(rest.ecg, rest.measures), rest.activation_time)
    assert [float((depth > x).float().mean()) for x in (0.1, 0.5)] == pytest.approx(
        [0.9, 0.5], abs=0.08
    )


def test_calibration_makes_the_truth_likelier() -> None:
    """Also where the network is sure of a wrong pattern."""
    network, beats = two_maps(), toy_beats(400)
    wrong = beats._replace(pattern=beats.pattern.roll(1))
    before = float(network.loss(wrong).detach())
    network.calibrate(wrong)
    assert float(network.loss(wrong).detach()) < before - 5
    assert network.sharpness[1] < 0.5 and (network.spread[0] > 1.5 or network.spread.std() > 0)
    chances = network.predict(beats.ecg[:1], beats.measures[:1]).pattern
    assert chances is not None and chances.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_posterior_learns_from_simulations_only() -> None:
    beats = toy_beats(20)
    with pytest.raises(BadInput, match="without parameters, pattern or APD90"):
        PosteriorNetwork(SMALL, ("heart_side",)).fit_scales(
            beats._replace(pattern=beats.pattern - 9)
        )


def test_training_writes_what_is_loaded_again(tmp_path) -> None:
    made_up = corpus()
    split = SPLITS["anatomy"](made_up, SMALL)
    trained, curve = train_network("posterior", made_up, split, SMALL, tmp_path)
    assert {"loss", "val_loss", "val_at_error_ms"} <= set(curve[-1])
    assert trained.widening.std() > 0
    loaded = BeatPosterior.load(tmp_path)
    for measures in (None, {"size": 1.0}):
        found = [p.infer(made_up.ecg("fem")[0], measures, 50).samples
                 for p in (BeatPosterior(trained), loaded)]  # fmt: skip
        assert np.array_equal(*found)
