"""The most probable beat by Gauss-Newton steps, with weights by marginal likelihood.

Cost = |y - A u|^2 / (2 s^2) + a/2 int (Laplacian tau)^2 + b/2 int (Laplacian d)^2 + weak priors,
with tau the activation times, d the durations. Noise s and weights a, b follow, between the steps,
from MacKay's fixed-point equations of the evidence: weight = (number of coefficients that the data
determine) / (roughness). The waveform's widths too are chosen by the evidence, not by the cost: the
cost alone makes the upstroke as steep as the mesh resolves, and the times fit the noise.

References:
    Huiskamp, Greensite, IEEE Trans Biomed Eng 44:433 (1997), doi:10.1109/10.581930 (unknown
    activation times); van Dam 2009, doi:10.1007/s10439-009-9747-6 (Laplacians of activation and
    recovery); MacKay, Neural Computation 4:415 (1992), doi:10.1162/neco.1992.4.3.415 (weights).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from einthoven.base.core.errors import NotConverged
from einthoven.base.core.seeds import generator
from einthoven.inverse.methods.activation.beat import N_COMMON, ActivationWave, BeatProblem
from einthoven.numerics.optimisation.line_search import backtrack

MAX_TRIALS = 12
"""Lengths of one step that are tried."""
MAX_LOG = 0.5
"""Largest change in a step of the logarithm of a width or of the amplitude."""
SPREAD_OF_DURATION = 0.5
"""Prior SD of the mean duration, as a share of the first guess."""
SPREAD_OF_COMMON = 0.7
"""Prior SD of the logarithms of amplitude and widths about the first guess."""
N_DRAWS = 8
"""Draws from the posterior for the trace in the derivative of the evidence."""
SETTLED = 1e-3
"""Relative change of the noise level below which the iteration ends."""
LEAST_DETERMINED = 0.5
"""Determined coefficients below which a weight is left unchanged."""
LOG_STEP = 1e-3
"""Change of the logarithm of a width for difference quotients."""


class Weights(NamedTuple):
    """Weights that maximise the evidence."""

    noise_sd: float
    """mV."""
    activation: float
    """mm^2/ms^2."""
    duration: float
    """mm^2/ms^2."""


class LaplacePosterior(NamedTuple):
    """The most probable beat and the inverse of its Hessian (Laplace's approximation)."""

    beat: ActivationWave
    covariance: np.ndarray
    """[unknown, unknown]."""
    weights: Weights
    n_steps: int
    n_effective: float
    """Number of coefficients that the data determine."""


@dataclass(frozen=True)
class ActivationPrior:
    """Prior: smooth activation and duration, mean duration and common unknowns near `first`."""

    first: ActivationWave
    roughness: np.ndarray
    """[mode] 1/mm^4, squares of the eigenvalues."""
    pull: float
    """Precision of durations around their first guess, 1/(ms^2 mm^2)."""

    @classmethod
    def about(cls, first: ActivationWave, recording: BeatProblem) -> "ActivationPrior":
        """The prior of a recording whose first guess is `first`."""
        spread = SPREAD_OF_DURATION * first.duration.mean()
        pull = 1.0 / (recording.areas.sum() * spread**2)
        return cls(first, recording.modes.eigenvalues**2, float(pull))

    def precision(self, weights: Weights) -> np.ndarray:
        """Diagonal of the prior's precision matrix: [unknown]."""
        of_duration = weights.duration * self.roughness + self.pull
        of_common = np.full(N_COMMON, SPREAD_OF_COMMON**-2.0)
        return np.r_[weights.activation * self.roughness, of_duration, of_common]

    def deviation(self, beat: ActivationWave, recording: BeatProblem) -> np.ndarray:
        """Deviation of the unknowns from the prior's mean: [unknown]."""
        widths = beat.waveform.widths / self.first.waveform.widths
        return np.r_[
            recording.coefficients(beat.activation),
            recording.coefficients(beat.duration - self.first.duration.mean()),
            np.log(np.r_[beat.amplitude / self.first.amplitude, widths]),
        ]


@dataclass(frozen=True)
class GaussNewtonSettings:
    """Settings of the iteration."""

    tolerance: float = 0.1
    """RMS size of the last step in posterior standard deviations of what the data determine."""
    max_steps: int = 100

    def run(self, recording: BeatProblem, first: ActivationWave) -> LaplacePosterior:
        """The most probable beat, from a first guess.

        Raises:
            NotConverged: no step lowers the cost, or `max_steps` were not enough.
        """
        first = recording.in_modes(first)
        prior = ActivationPrior.about(first, recording)
        modes = recording.modes.functions
        beat, weights = first, first_weights(prior, first, recording)
        for k in range(self.max_steps):
            gradient, normal = recording.normal_equations(beat)
            precision = prior.precision(weights)
            factor = cho_factor(normal / weights.noise_sd**2 + np.diag(precision), lower=True)
            slope = _log_determinant_slope(beat, factor[0], recording, weights.noise_sd)
            here = prior.deviation(beat, recording)
            downhill = gradient / weights.noise_sd**2 - precision * here - slope
            step = cho_solve(factor, downhill)
            cost = local_cost(prior, recording, weights, slope)
            beat = _line_search(cost, beat, (modes, step), float(step @ downhill))
            covariance = cho_solve(factor, np.eye(len(step)))
            old = weights
            weights, n_effective = updated_weights(prior, beat, covariance, recording, weights)
            size = np.sqrt(float(step @ downhill) / n_effective)
            settled = abs(np.log(weights.noise_sd / old.noise_sd)) < SETTLED
            if size < self.tolerance and settled:
                return LaplacePosterior(beat, covariance, weights, k + 1, n_effective)
        raise NotConverged(
            f"activation: after {self.max_steps} Gauss-Newton steps the unknowns still change by "
            f"{size:.2g} of their standard deviations; allow more steps or another start"
        )


def first_weights(prior: ActivationPrior, beat: ActivationWave, recording: BeatProblem) -> Weights:
    """First weights: noise from the misfit of the first guess, smoothness as of a prior draw."""
    noise = float(np.sqrt(recording.misfit(beat) / recording.n_values))
    rough = prior.roughness @ recording.coefficients(beat.activation) ** 2
    weight = len(prior.roughness) / float(rough)
    return Weights(noise, weight, weight)


def local_cost(
    prior: ActivationPrior, recording: BeatProblem, weights: Weights, slope: np.ndarray
) -> Callable[[ActivationWave], float]:
    """The function beat -> minus the logarithm of the evidence around it, up to a constant."""
    precision = prior.precision(weights)

    def cost(beat: ActivationWave) -> float:
        deviation = prior.deviation(beat, recording)
        fit = recording.misfit(beat) / weights.noise_sd**2
        return fit / 2 + float(precision @ deviation**2) / 2 + float(slope @ deviation)

    return cost


def _log_determinant_slope(
    beat: ActivationWave, factor: np.ndarray, recording: BeatProblem, noise_sd: float
) -> np.ndarray:
    """Derivative of log(det Hessian) / 2 by the widths, 0 for all other unknowns: [unknown].

    Half the trace of (inverse Hessian) (derivative of J' J / s^2), by draws z of the posterior:
    the mean of the derivative of |J z|^2 / (2 s^2).
    """
    n_unknown, k = len(factor), recording.modes.functions.shape[1]
    draws = generator(0, "activation").standard_normal((n_unknown, N_DRAWS))
    draws = solve_triangular(factor, draws, lower=True, trans="T")
    nodal = np.stack([recording.modes.functions @ draws[f * k : (f + 1) * k] for f in (0, 1)])
    time, stride = recording.thinned
    slopes = beat.slopes(time)
    slope = np.zeros(n_unknown)
    for width in range(N_COMMON - 1):
        change = np.zeros(n_unknown)
        change[2 * k + 1 + width] = LOG_STEP
        by_width = (beat.moved(recording.modes.functions, change).slopes(time) - slopes) / LOG_STEP
        for z in range(N_DRAWS):
            here = recording.transfer @ np.einsum("fi,fit->it", nodal[:, :, z], slopes)
            there = recording.transfer @ np.einsum("fi,fit->it", nodal[:, :, z], by_width)
            slope[2 * k + 1 + width] += stride * np.vdot(here, there) / N_DRAWS
    return slope / noise_sd**2


def updated_weights(
    prior: ActivationPrior,
    beat: ActivationWave,
    covariance: np.ndarray,
    recording: BeatProblem,
    weights: Weights,
) -> tuple[Weights, float]:
    """Weights after a step of MacKay's fixed-point equations, and the determined coefficients."""
    k = len(prior.roughness)
    variance, determined, new = np.diag(covariance), [], []
    for f, values in enumerate((beat.activation, beat.duration)):
        trace = float(prior.roughness @ variance[f * k : (f + 1) * k])
        # the constant is not penalised, so it is not counted
        determined.append(k - 1 - weights[1 + f] * trace)
        rough = float(prior.roughness @ recording.coefficients(values) ** 2)
        # where the data determine nothing, as durations without recovery, the weight stays
        known = determined[-1] > LEAST_DETERMINED
        new.append(determined[-1] / rough if known else weights[1 + f])
    n_effective = sum(determined)
    noise = np.sqrt(recording.misfit(beat) / (recording.n_values - n_effective))
    return Weights(float(noise), *new), n_effective


def _line_search(
    cost: Callable[[ActivationWave], float],
    beat: ActivationWave,
    move: tuple[np.ndarray, np.ndarray],
    slope: float,
) -> ActivationWave:
    """The beat after a step of modes [node, mode], shortened until it lowers the cost enough.

    The step is first shortened so that no width and no amplitude changes by more than `MAX_LOG`:
    the waveform's dependence on them is far from linear.
    """
    modes, step = move

    def trial(length: float) -> tuple[ActivationWave, float]:
        new = beat.moved(modes, length * step)
        return new, cost(new)

    longest = min(1.0, MAX_LOG / np.abs(step[-N_COMMON:]).max())
    if (found := backtrack(cost(beat), trial, MAX_TRIALS, longest, slope)) is None:
        raise NotConverged(
            "activation: no length of the Gauss-Newton step lowers the cost; another first guess?"
        )
    return found[0]
