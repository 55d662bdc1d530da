"""Activation-based inverse ECG: times of activation and recovery from body potentials."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from einthoven.inverse.methods.activation.beat import BeatProblem
from einthoven.inverse.methods.activation.fastest_route import FastestRoute
from einthoven.inverse.methods.activation.gauss_newton import GaussNewtonSettings, LaplacePosterior
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method


@dataclass(frozen=True)
class ActivationMethod(Method):
    """One action potential at every node, u = a S(t - tau), shifted in time and of own duration.

    Unknowns are the activation time and the duration of each node, and, common to all, amplitude
    and three widths of the waveform (`Waveform`). The first guess is that of `FastestRoute`.
    Gauss-Newton steps follow, with the weights of the two roughness penalties and the noise level
    by marginal likelihood. Standard deviations are those of Laplace's approximation for the times,
    and follow from the waveform's slopes for the potentials.

    References:
        van Dam et al., Ann Biomed Eng 37:1739 (2009), doi:10.1007/s10439-009-9747-6.
    """

    name: ClassVar[str] = "activation"
    n_modes: int = 300
    """Number of smoothest functions on the heart that represent activation and duration."""
    start: FastestRoute = field(default_factory=FastestRoute)
    iteration: GaussNewtonSettings = field(default_factory=GaussNewtonSettings)

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate with activation times and their SD."""
        transfer, body_potentials = problem.transfer, problem.body_potentials
        surface, time, mixing = problem.surface, problem.time, problem.potential_of_source
        source_transfer = transfer if mixing is None else transfer @ mixing
        first = self.start.beat(source_transfer, body_potentials, surface, time)
        recording = BeatProblem.of(source_transfer, body_potentials, surface, time, self.n_modes)
        posterior = self.iteration.run(recording, first)
        beat = posterior.beat
        sources = beat.sources(time)
        potentials = sources if mixing is None else mixing @ sources
        diagnostics = Diagnostics(
            reg_weight=posterior.weights.activation,
            criterion="marginal likelihood",
            sd=None if mixing is not None else source_sd(posterior, recording),
            activation_time=beat.activation,
            activation_sd=np.sqrt(nodal_covariance(posterior, recording)[0]),
            numbers=numbers(posterior),
        )
        return Estimate(potentials, diagnostics)


def nodal_covariance(posterior: LaplacePosterior, recording: BeatProblem) -> np.ndarray:
    """Variances and covariance of each node's activation and duration: [3, node] ms^2."""
    modes = recording.modes.functions
    k = modes.shape[1]
    covariance = posterior.covariance
    blocks = [
        covariance[a * k : (a + 1) * k, b * k : (b + 1) * k] for a, b in ((0, 0), (1, 1), (0, 1))
    ]
    return np.stack(
        [np.einsum("ik,kl,il->i", modes, block, modes, optimize=True) for block in blocks]
    )


def source_sd(posterior: LaplacePosterior, recording: BeatProblem) -> np.ndarray:
    """SD of the action potentials from those of activation and duration: [node, time] mV."""
    by_activation, by_duration = posterior.beat.slopes(recording.time)
    activation, duration, joint = nodal_covariance(posterior, recording)[:, :, None]
    variance = activation * by_activation**2 + duration * by_duration**2
    return np.sqrt(np.maximum(variance + 2 * joint * by_activation * by_duration, 0.0))


def numbers(posterior: LaplacePosterior) -> dict[str, float]:
    """Numbers for the diagnostics, by name."""
    waveform = posterior.beat.waveform
    return {
        "n_steps": posterior.n_steps,
        "n_effective": posterior.n_effective,
        "noise_sd_mv": posterior.weights.noise_sd,
        "amplitude_mv": posterior.beat.amplitude,
        "upstroke_ms": waveform.upstroke,
        "downstroke_ms": waveform.downstroke,
        "plateau_ms": waveform.plateau,
        "reg_weight_duration": posterior.weights.duration,
    }
