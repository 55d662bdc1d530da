"""Limit of imaging: the sampler against closed forms, and beats as points of the cube."""

from dataclasses import dataclass, fields, replace
from functools import cache

import beat_search_prior
import numpy as np
import pytest
from bayes_limit import Options, bank_of, beat_figures, end_of, stratified, summary
from beat_cube import BeatHeart, CubePoint, GivenEcg, beat_at, names_of
from beat_search_prior import KINDS, BeatGuess, improve
from cube_chains import CubeCoordinates, Seen, r_hat, run_chains, tangent
from helpers.heart import activated_patient
from scipy.special import ndtr, ndtri
from scipy.stats import chisquare

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

SECTION = ImagingSettings()


@dataclass(frozen=True)
class NormalToy:
    """y = A x + noise with x standard normal: the cube's coordinates are the shares of x."""

    matrix: np.ndarray
    data: np.ndarray
    noise: float
    coordinates: CubeCoordinates

    @classmethod
    def of(cls, truth: np.ndarray, noise: float, rng: np.random.Generator):
        matrix = np.array([[1.0, 0.6, 0.0], [0.3, -1.0, 0.8], [0.0, 0.5, 1.0], [0.7, 0.7, -0.7]])
        all_of_them = np.arange(3)
        known = CubeCoordinates(all_of_them, np.array([], int), tuple(all_of_them[:, None]), ())
        data = matrix @ truth + noise * rng.standard_normal(4)
        return cls(matrix, data, noise, known)

    def active(self, point: np.ndarray) -> np.ndarray:
        return np.ones(3, bool)

    def see(self, point: np.ndarray) -> Seen:
        x = ndtri(np.clip(point, 1e-12, 1 - 1e-12))
        return Seen((self.matrix @ x - self.data) / self.noise, x)

    @property
    def exact(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD of the posterior."""
        covariance = np.linalg.inv(self.matrix.T @ self.matrix / self.noise**2 + np.eye(3))
        mean = covariance @ self.matrix.T @ self.data / self.noise**2
        return mean, np.sqrt(np.diag(covariance))

    def chains(self, n: tuple[int, int], rng: np.random.Generator, widening: float = 1.0):
        start = ndtr(self.exact[0])
        near = tangent(self, start, self.see(start)).laplace.wider(widening)
        return run_chains(self, near, start, n, rng)


@pytest.mark.parametrize("widening", [0.6, 1.0, 2.0])
def test_the_sampler_gives_the_exact_error_of_a_linear_gaussian_posterior(widening) -> None:
    rng = np.random.default_rng(5)
    toy = NormalToy.of(rng.standard_normal(3), 0.4, rng)
    mean, sd = toy.exact
    found = toy.chains((12, 700), rng, widening)
    assert r_hat(found.outputs).max() < 1.1
    draws, of_chains = found.draws, found.outputs.mean(axis=1)
    error = of_chains.std(axis=0, ddof=1) / np.sqrt(len(of_chains))  # standard error of the mean
    assert (error < 0.15 * sd).all()
    assert (np.abs(draws.mean(axis=0) - mean) < 3.5 * error).all()
    assert draws.std(axis=0) == pytest.approx(sd, rel=0.1)
    expected = np.abs(draws - np.median(draws, axis=0)).mean()
    assert expected == pytest.approx(np.sqrt(2 / np.pi) * sd.mean(), rel=0.08)


def ranks(understated: float, n: int) -> np.ndarray:
    """Number of n truths in each fifth of the ranks among draws; noise understated by a factor."""
    found = []
    for k in range(n):
        rng = np.random.default_rng([7, k])
        truth = rng.standard_normal(3)
        toy = NormalToy.of(truth, 0.4, rng)
        wrong = NormalToy(toy.matrix, toy.data, toy.noise / understated, toy.coordinates)
        draws = wrong.chains((6, 40), rng).outputs[:, ::5].reshape(-1, 3)
        found.append((draws < truth).mean(axis=0))
    return np.histogram(np.array(found)[:, 0], bins=5, range=(0.0, 1.0))[0]


def test_simulation_based_calibration() -> None:
    assert chisquare(ranks(1.0, 100)).pvalue > 0.01
    assert chisquare(ranks(3.0, 50)).pvalue < 1e-4  # the check sees a posterior that is too narrow


def test_r_hat_sees_chains_that_are_apart() -> None:
    chains = np.random.default_rng(0).standard_normal((4, 500, 2))
    assert r_hat(chains) == pytest.approx(1.0, abs=0.02)
    chains[0, :, 1] += 3.0
    assert r_hat(chains)[1] > 1.5


def test_a_beat_reads_each_coordinate_once() -> None:
    names = names_of(SECTION)
    point = np.random.default_rng(1).random(len(names))
    beat_at(SECTION, point)
    with pytest.raises(StopIteration):
        beat_at(SECTION, point[:-1])


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("cv_tree_mm_per_ms", {"cv_tree"}),
        ("cv_rv", {"cv_rv_endocardium"}),
        ("sigma_it_s_per_m", {"sigma_it"}),
        ("endo_to_epi_ms", {"endo_to_epi_ms"}),
        ("delay1", {"sites"}),
        ("site3_phi", {"sites"}),
        ("i_kr", {"i_kr_factor"}),
        ("cycle", {"cycle_length_ms"}),
        ("site_delay_ms", set()),
    ],
)
def test_a_coordinate_moves_what_its_name_says(name: str, changed: set[str]) -> None:
    names = names_of(SECTION)
    point = np.full(len(names), 0.3)
    point[names.index("pattern")] = 0.9  # three sites
    other = point.copy()
    other[names.index(name)] = 0.8
    one, two = beat_at(SECTION, point), beat_at(SECTION, other)
    assert {f.name for f in fields(one) if getattr(one, f.name) != getattr(two, f.name)} == changed


def test_a_cube_point_draws_by_shares_and_within_ranges() -> None:
    point = CubePoint(np.array([0.25, 0.0, 1.0, 0.69, 0.71]))
    assert point.uniform(2.0, 4.0) == 2.5
    assert point.uniform(np.array([1.0, 5.0]), np.array([3.0, 6.0])) == pytest.approx([1.0, 6.0])
    assert [point.choice(("a", "b"), [0.7, 0.3]) for _ in range(2)] == ["a", "b"]


def test_strata_have_the_shares_of_the_corpus() -> None:
    n, rng = len(names_of(SECTION)), np.random.default_rng(3)
    patterns = [beat_at(SECTION, stratified(0.6, k, rng, n)).pattern for k in range(200)]
    assert patterns[:3] == ["paced-1", "paced-2", "paced-3"]
    for pattern in KINDS[1:]:
        assert patterns.count(pattern) == 40
    assert set(patterns[3::5]) == {"sinus", "lbbb", "rbbb", "lafb", "lpfb"}
    with pytest.raises(BadInput, match="paced_share"):
        stratified(0.5, 0, rng, n)


@cache
def heart() -> BeatHeart:
    patient = activated_patient()
    directions = np.random.default_rng(1).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = patient.heart.points.mean(axis=0) + 110.0 * directions
    fields = {"fem": pseudo_lead_field_grad(patient.heart.centroids, places, 0.2)}
    return BeatHeart(Simulator.of(patient, fields), SECTION, "fem")


@pytest.mark.parametrize("k", range(4))
def test_idle_coordinates_leave_the_ecg_and_active_ones_do_not(k: int) -> None:
    rng = np.random.default_rng(10 + k)
    point = stratified(0.6, k, rng, len(names_of(SECTION)))
    ecg, times = heart().beat(point)
    target = GivenEcg(heart(), ecg, 0.01)
    active, other = target.active(point), point.copy()
    other[~active] = rng.random(int((~active).sum()))
    assert np.array_equal(heart().beat(other)[0], ecg)
    for c in target.coordinates.smooth[active[target.coordinates.smooth]]:
        if names_of(SECTION)[c] in ("cv_fiber_mm_per_ms", "sigma_il_s_per_m", "apd_mean_ms"):
            other = point.copy()
            other[c] = (point[c] + 0.4) % 1.0
            assert np.abs(heart().beat(other)[0] - ecg).max() > 1e-3


def test_a_beat_has_the_sites_that_it_reads() -> None:
    rng, names = np.random.default_rng(6), names_of(SECTION)
    for k, n in enumerate((1, 2, 3, 0)):
        active = GivenEcg(heart(), np.zeros((8, 500)), 1.0).active(
            stratified(0.6, k, rng, len(names))
        )
        read = {name for name, is_read in zip(names, active, strict=True) if is_read}
        assert {name for name in read if name.endswith("_z")} == {
            f"site{site + 1}_z" for site in range(n)
        }
        assert ("delay1" in read) == ("delay2" in read) == (n > 1)
        assert "site_delay_ms" not in read and {"cv_rv", "cycle", "pattern"} <= read


@pytest.mark.parametrize("name", ["sigma_il_s_per_m", "cv_tree_mm_per_ms", "cv_rv"])
def test_remembered_activations_give_the_same_ecg(name: str) -> None:
    point = stratified(0.6, 3, np.random.default_rng(2), len(names_of(SECTION)))
    other = point.copy()
    other[names_of(SECTION).index(name)] = 1.0 - point[names_of(SECTION).index(name)]
    remembered = heart()
    remembered.beat(point)
    fresh = replace(remembered, _taus=type(remembered._taus)())
    assert np.array_equal(remembered.beat(other)[0], fresh.beat(other)[0])


def test_residuals_of_bins_are_in_units_of_their_noise() -> None:
    noise = 0.02 * np.random.default_rng(8).standard_normal((8, 500))
    late = noise.copy()
    late[:, 256:] += 1.0
    for window, width in ((500, 1), (256, 8), (256, 1)):
        residual = GivenEcg(heart(), np.zeros((8, 500)), 0.02, window, width).of(noise, np.empty(0))
        assert residual.residual.shape == (8 * window // width,)
        assert residual.residual.std() == pytest.approx(1.0, rel=0.12)
        other = GivenEcg(heart(), np.zeros((8, 500)), 0.02, window, width).of(late, np.empty(0))
        assert (other.residual.max() > 10) == (window == 500)


def test_chains_from_the_truth_stay_near_it_and_the_search_improves() -> None:
    rng = np.random.default_rng(4)
    point = stratified(0.6, 0, rng, len(names_of(SECTION)))
    ecg, truth = heart().beat(point)
    target = GivenEcg(heart(), ecg + 0.01 * rng.standard_normal(ecg.shape), 0.01)
    end = end_of(target, point, (4, 8), rng)
    assert 0 < end.expected_error_ms < 0.5
    assert np.abs(end.median - truth).mean() < 0.5
    moved = point.copy()
    moved[target.coordinates.smooth] = np.clip(point[target.coordinates.smooth] + 0.15, 0, 1)
    guess = BeatGuess(moved, target.see(moved))
    first = guess.cost
    improve(target, guess, 2, rng)
    assert guess.cost < 0.2 * first
    assert guess.cost == pytest.approx(-target.see(guess.point).log_likelihood)


@pytest.mark.slow
def test_figures_of_a_beat_are_reproducible(monkeypatch) -> None:
    monkeypatch.setattr(beat_search_prior, "ROUNDS", ((3, 1),))
    monkeypatch.setattr(beat_search_prior, "LAST_STEPS", 2)
    options = Options(0.02, 20, (4, 6), 1)
    one, two = (beat_figures(heart(), bank_of(heart(), options), 0, options) for _ in range(2))
    assert one | {"cpu_s": 0} == two | {"cpu_s": 0}
    assert one["met"] == (one["medians_apart_ms"] < 0.2
                          and abs(one["prior_behind_log_likelihood"]) < 10)  # fmt: skip
    truth_alone = beat_figures(heart(), None, 0, options)
    assert truth_alone["limit_ms"] == one["limit_ms"] and "met" not in truth_alone
    means = summary([one, truth_alone])
    assert means["n"] == 2 and means["searched"]["n"] == 1
    assert means["searched"]["error_from_prior_ms"] == one["error_from_prior_ms"]
    assert means["by_pattern"]["paced-1"]["limit_ms"] == pytest.approx(one["limit_ms"])
