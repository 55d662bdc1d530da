"""MAP with a learned prior: the closed form of a Gaussian, coverage, evidence, training sets."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from helpers.inverse import sphere, two_spheres

from einthoven.base.core.errors import BadInput
from einthoven.inverse.baselines.bayes.beats import DrawnBeats
from einthoven.inverse.baselines.bayes.map_method import Map
from einthoven.inverse.baselines.bayes.separable import Scales, SeparablePosterior, SeparablePrior
from einthoven.inverse.problem.double_layer import double_layer

N_NODE, N_TIME, N_ELECTRODE = 12, 9, 7
TRUE = Scales(3.0, 0.2, 0.3)


@dataclass(frozen=True)
class Gaussian:
    """A prior with its square roots, and a transfer matrix."""

    prior: SeparablePrior
    root_of_space: np.ndarray
    root_of_time: np.ndarray
    transfer: np.ndarray

    @classmethod
    def drawn(cls, n_node: int, n_time: int, n_electrode: int) -> "Gaussian":
        rng = np.random.default_rng(4)
        # fading, so that some directions of the data hold noise alone
        space = rng.normal(size=(n_node, n_node)) * np.exp(-np.arange(n_node) / 4)
        time = rng.normal(size=(n_time, n_time)) * np.exp(-np.arange(n_time) / 12)
        time /= np.sqrt(np.sum(time**2) / n_time)
        prior = SeparablePrior(rng.normal(size=(n_node, n_time)), space @ space.T, time @ time.T)
        return cls(prior, space, time, rng.normal(size=(n_electrode, n_node)))

    def draw(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Potentials on the heart and at the electrodes."""
        rng = np.random.default_rng(seed)
        white = rng.normal(size=self.prior.mean.shape)
        varied = self.root_of_space @ white @ self.root_of_time.T
        u = TRUE.amplitude * (self.prior.mean + varied)
        body = self.transfer @ u
        model_error = TRUE.model_error_sd * rng.normal(size=body.shape) @ self.root_of_time.T
        return u, body + model_error + TRUE.noise_sd * rng.normal(size=body.shape)


def test_closed_form_of_the_gaussian() -> None:
    """Mean, SD and evidence against the dense formulas for all nodes and instants at once."""
    model = Gaussian.drawn(N_NODE, N_TIME, N_ELECTRODE)
    _, body = model.draw(0)
    posterior = SeparablePosterior(model.prior, model.transfer, body)
    operator = np.kron(model.transfer, np.eye(N_TIME))  # node by node, time runs fastest
    covariance = TRUE.amplitude**2 * np.kron(model.prior.of_space, model.prior.of_time)
    mean = TRUE.amplitude * model.prior.mean.ravel()
    of_error = TRUE.model_error_sd**2 * np.kron(np.eye(N_ELECTRODE), model.prior.of_time)
    of_error += TRUE.noise_sd**2 * np.eye(body.size)
    of_data = operator @ covariance @ operator.T + of_error
    deviation = body.ravel() - operator @ mean
    gain = np.linalg.solve(of_data, operator @ covariance).T
    expected = (mean + gain @ deviation).reshape(N_NODE, N_TIME)
    variance = np.diag(covariance - gain @ operator @ covariance).reshape(N_NODE, N_TIME)
    log_density = -0.5 * (
        deviation @ np.linalg.solve(of_data, deviation) + np.linalg.slogdet(2 * np.pi * of_data)[1]
    )
    np.testing.assert_allclose(posterior.mean(TRUE), expected, atol=1e-9)
    np.testing.assert_allclose(posterior.sd(TRUE), np.sqrt(variance), rtol=1e-7)
    assert posterior.log_evidence(TRUE) == pytest.approx(log_density, rel=1e-10)


def test_scales_and_coverage_on_draws_of_the_model() -> None:
    """90 % intervals hold 90 % with the true scales, a little less with those of the evidence."""
    model = Gaussian.drawn(30, 25, 20)
    found, inside = [], []
    for seed in range(20):
        u, body = model.draw(seed)
        posterior = SeparablePosterior(model.prior, model.transfer, body)
        found.append(posterior.most_likely_scales())
        error = [np.abs(posterior.mean(scales) - u) for scales in (TRUE, found[-1])]
        sd = [posterior.sd(scales) for scales in (TRUE, found[-1])]
        inside.append(np.mean(np.array(error) < 1.6449 * np.array(sd), axis=(1, 2)))
    ratio = np.median(found, axis=0) / TRUE
    assert (np.abs(ratio - 1) < (0.02, 0.1, 0.2)).all()
    with_true, with_found = np.mean(inside, axis=0)
    assert 0.88 < with_true < 0.92
    assert 0.86 < with_found < 0.92


def test_learned_moments_are_those_of_the_beats() -> None:
    """Of many draws of a separable model."""
    model = Gaussian.drawn(N_NODE, N_TIME, N_ELECTRODE)
    prior = SeparablePrior.learned(model.draw(k)[0] for k in range(4000))
    size = np.abs(model.prior.of_space).max() * TRUE.amplitude**2
    np.testing.assert_allclose(prior.mean, TRUE.amplitude * model.prior.mean, atol=0.08 * size**0.5)
    np.testing.assert_allclose(
        prior.of_space, TRUE.amplitude**2 * model.prior.of_space, atol=0.05 * size
    )
    np.testing.assert_allclose(prior.of_time, model.prior.of_time, atol=0.1)


def test_drawn_beats_are_a_prior_that_helps() -> None:
    """Beats of unknown foci on the user's own surface; a constant guess would have an RE of 0.5."""
    problem = two_spheres()
    training = DrawnBeats(n_beats=80, duration=(2.0, 3.0))
    u, diagnostics = Map(training=training).fit(problem.given())
    assert np.linalg.norm(u - problem.potentials) < 0.15 * np.linalg.norm(problem.potentials)
    assert diagnostics.criterion is not None
    assert "80 drawn beats (action potentials, seed 0)" in diagnostics.criterion


def test_same_seed_same_beats() -> None:
    heart, time = sphere(40.0, 1), np.arange(20.0)
    one, again = (list(DrawnBeats(n_beats=3).beats(heart, time)) for _ in range(2))
    other = list(DrawnBeats(n_beats=3, seed=1).beats(heart, time))
    np.testing.assert_array_equal(one, again)
    assert np.abs(np.array(one) - other).max() > 0.1


def test_double_layer_of_a_sphere() -> None:
    """Outside a sphere V_m = P_l makes phi = -l / (2 l + 1) P_l; the error falls with the mesh."""
    errors = []
    for n in (1, 2, 3):
        heart = sphere(40.0, n)
        z, operator = heart.points[:, 2] / 40.0, double_layer(heart.points, heart.faces)
        assert np.abs(operator.sum(axis=1)).max() < 1e-12
        expected = ((z, -1 / 3), (1.5 * z**2 - 0.5, -2 / 5))
        errors.append([np.abs(operator @ v_m - gain * v_m).max() for v_m, gain in expected])
    assert max(errors[2]) < 0.02
    assert (np.array(errors[1:]) < 0.6 * np.array(errors[:-1])).all()


def test_electrogram_falls_when_the_wave_arrives() -> None:
    heart, time = sphere(40.0, 3), np.arange(0.0, 200.0, 1.0)
    settings = {"n_beats": 4, "max_foci": 1, "duration": (3.0, 4.0), "onset": (0.1, 0.2)}
    cells = DrawnBeats(**settings)
    for v_m in cells.beats(heart, time):
        phi = double_layer(heart.points, heart.faces) @ v_m
        arrival = np.argmax(v_m > 0.5, axis=1)
        late = (arrival > 60) & (arrival < 150)
        steepest = np.argmin(np.diff(phi, axis=1), axis=1)
        assert np.median(np.abs(steepest - arrival)[late]) <= 2
    assert "electrograms" in DrawnBeats(electrograms=True, **settings).kind


def test_what_cannot_be_learned_from_is_refused() -> None:
    problem = two_spheres()
    one = problem.potentials[None]
    for training, message in (
        (one, "two beats at least"),
        (np.repeat(one, 3, axis=0), "do not differ"),
        (one[:, 1:], "training: shape"),
        (DrawnBeats(n_beats=1), "n_beats"),
    ):
        with pytest.raises(BadInput, match=message):
            replace(Map(), training=training).fit(problem.given())
