"""The amortised posterior: its densities, its draws, its calibration, against what is known."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from einthoven.core.errors import BadInput
from einthoven.imaging.ambiguity import most_alike
from einthoven.imaging.posterior.calibration import coverage, sbc_ranks, uniformity, widening
from einthoven.imaging.posterior.mixture import Mixture
from einthoven.imaging.posterior.network import PosteriorNetwork
from einthoven.imaging.posterior.posterior import Posterior
from einthoven.imaging.posterior.settings import PosteriorSettings
from einthoven.imaging.posterior.training import Rows, SimulatedBeats, train_posterior
from einthoven.imaging.twin_start import over_heart

SIZES = (3, 5, 2, 4)
"""Components, coordinates, rank, classes."""


def mixture(n_beats: int = 2) -> Mixture:
    generator = torch.Generator().manual_seed(0)
    n = Mixture.n_outputs(*SIZES)
    return Mixture.of_outputs(torch.randn(n_beats, n, generator=generator, dtype=torch.float64),
                              SIZES)  # fmt: skip


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
    found = Mixture(*(part.float() for part in mixture(1)))
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
        _, p = uniformity(sbc_ranks(draws, truth)[:, 0], 99)
        assert (p > 0.01) == right, (spread, p)
    with pytest.raises(BadInput, match="do not fill"):
        uniformity(np.zeros(500, int), 100)
    with pytest.raises(BadInput, match="at least 100"):
        uniformity(np.zeros(50, int), 99)


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.7])
def test_widened_intervals_cover_what_they_say(spread: float) -> None:
    """Calibrated on one half, judged on the other."""
    draws, truth = linear_gaussian(4000, 199, spread)
    factor = widening(draws[:2000], truth[:2000])
    assert factor[0] == pytest.approx(1 / spread, rel=0.08)
    middle = np.median(draws[2000:], axis=1, keepdims=True)
    widened = middle + factor * (draws[2000:] - middle)
    ends = np.quantile(widened, [0.05, 0.95], axis=1)
    assert 0.88 < coverage(ends, truth[2000:])[0] < 0.92
    with pytest.raises(BadInput, match="too few to calibrate"):
        widening(draws[:5], truth[:5])


def toy_beats(n: int) -> SimulatedBeats:
    """Lead I holds |x|, the measure x's sign: the map is x times a fixed one, plus noise."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0.5, 2.0, n) * rng.choice([-1.0, 1.0], n)
    ecg = np.zeros((n, 12, 500))
    ecg[:, 0, :100] = np.abs(x)[:, None]
    times = 50 + 10 * x[:, None] * np.linspace(0.5, 1, 75) + rng.standard_normal((n, 75))
    parameters = np.stack([x + 0.1 * rng.standard_normal(n), np.where(x > 0, x, np.nan)], axis=1)
    pattern = np.where(x > 0, "paced-1", "sinus")
    return SimulatedBeats(ecg.astype(np.float32), np.sign(x)[:, None], times, parameters, pattern,
                          ("heart_side",), ("speed", "site1_z"), ("sinus", "paced-1"))  # fmt: skip


SMALL = PosteriorSettings(width=16, n_ecg_components=8, n_map_components=4, n_mixture=2, rank=1,
                          epochs=1)  # fmt: skip


def two_maps() -> Posterior:
    """A network that says of each ECG: x is 1.2 or -1.2 of `toy_beats`, each half the time."""
    beats, rows = toy_beats(200), np.arange(200)
    network = PosteriorNetwork(SMALL, beats.measure_names, 2, 2)
    with torch.no_grad():
        network.fit(*beats.inputs(rows), beats.unknowns(rows))
        pattern = torch.linspace(0.5, 1, 75)
        times = torch.stack([50 + sign * 12 * pattern for sign in (1.0, -1.0)])
        scores = network.map_scale((times - network.centre) @ network.basis)
        sides = torch.tensor([[12.0, -12.0], [-12.0, 12.0]])
        parts = [torch.zeros(2, 1), scores, torch.zeros(2, 2), torch.full((2, 6), -3.0),
                 torch.zeros(2, 6), -sides]  # fmt: skip
        network.last.weight.zero_()
        network.last.bias.copy_(torch.cat(parts, dim=1).flatten())
    names = beats.measure_names, beats.parameter_names, beats.pattern_names
    return Posterior(network.eval(), np.ones(75), *names)


def test_a_posterior_of_two_maps_holds_both_and_not_their_mean() -> None:
    posterior, ecg = two_maps(), np.zeros((12, 500))
    both = posterior.infer(ecg)
    last = both.samples[:, -1] - 50
    assert min((last > 6).mean(), (last < -6).mean()) > 0.4
    assert min(both.pattern_probability().values()) > 0.4
    assert np.isnan(both.parameters[both.pattern == "sinus", 1]).all()
    assert np.isfinite(both.parameters[both.pattern == "paced-1", 1]).all()
    low, high = both.interval(0.9)
    assert (low[-1] < 44) & (high[-1] > 56)
    maps = 50 + 12 * np.array([[1.0], [-1.0], [0.0]]) * np.linspace(0.5, 1, 75)
    depth = posterior.depth(ecg, maps)
    assert depth[:2].min() > 0.5
    assert depth[2] == 0.0
    with pytest.raises(BadInput, match="other unknown; the network reads heart_side"):
        posterior.infer(ecg, {"other": 1.0})
    with pytest.raises(BadInput, match=r"ecg: shape \(12, 400\)"):
        posterior.infer(ecg[:, :400])


@pytest.mark.slow
def test_training_writes_what_is_loaded_again(tmp_path) -> None:
    beats = toy_beats(400)
    trained = train_posterior(beats, Rows(np.arange(320), np.arange(320, 400)), SMALL, tmp_path)
    loaded = Posterior.load(tmp_path)
    for measures in (None, {"heart_side": 1.0}):
        found = [p.infer(beats.ecg[0], measures, 50).samples for p in (trained, loaded)]
        assert np.array_equal(*found)


def test_beats_with_one_ecg_and_two_maps_are_found() -> None:
    rng = np.random.default_rng(0)
    ecg, maps = rng.standard_normal((6, 3, 20)), 50 + 20 * rng.standard_normal((6, 75))
    ecg[4] = ecg[1] + 0.01 * rng.standard_normal((3, 20))
    ecg[3], maps[3] = ecg[2], maps[2] + 1.0  # one ECG, but one map too
    pair = most_alike(ecg, maps, 10.0)
    assert {pair.first, pair.second} == {1, 4}
    assert pair.ecg_difference < 0.03
    assert pair.map_difference_ms == pytest.approx(np.abs(maps[1] - maps[4]).mean())
    with pytest.raises(BadInput, match="no two of 6 differ by 500 ms"):
        most_alike(ecg, maps, 500.0)


def test_a_map_at_points_is_spread_over_the_heart() -> None:
    rng = np.random.default_rng(0)
    points, heart = rng.uniform(0, 80, (75, 3)), rng.uniform(20, 60, (400, 3))
    slowness = np.array([1.0, -0.5, 0.3])
    found = over_heart(points, points @ slowness, heart)
    assert np.abs(found - heart @ slowness).mean() < 1.5
    with pytest.raises(BadInput, match="times"):
        over_heart(points, np.zeros(3), heart)
