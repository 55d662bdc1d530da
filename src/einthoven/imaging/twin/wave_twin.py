"""The digital twin: onsets, speeds and conductivities that give a patient's QRS on a known heart.

Damped Gauss-Newton steps with the exact derivatives of `wave` and `forward`, about a prior
(`prior`): a first map, such as that of a beat that `beat_search` found, with a smooth random field.
What the ECG does not determine stays as in the first map.
"""

import time as clock
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, EinthovenError
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.imaging.twin.forward import SIGMAS, UNMOVED, ForwardModel
from einthoven.imaging.twin.prior import AS_SET, TwinPrior, TwinSettings
from einthoven.imaging.twin.wave import SPEEDS, TwinWave, WaveModel
from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise
from einthoven.physics.ecg.beats import correlation
from einthoven.physics.ecg.leads import all_leads

FIRST_DAMPING, MAX_REFUSED = 1e-2, 6
AS_USUAL = TwinSettings()


class Parameters(NamedTuple):
    """Parameters of a twin's beat."""

    weights: np.ndarray
    """[direction] weights of the onsets' directions."""
    log_speeds: np.ndarray
    """[4] over those of the settings."""
    log_sigmas: np.ndarray
    """[2] over those of the settings."""
    log_gain: float
    moved: np.ndarray = UNMOVED
    """[move] SD by which the body is another."""

    @classmethod
    def of_vector(cls, vector: np.ndarray, n_moves: int = 0) -> Self:
        """[direction + 7 + move], as `vector` gives it."""
        gain = len(vector) - n_moves - 1
        n = gain - len(SPEEDS) - len(SIGMAS)
        weights, speeds, sigmas, _, moved = np.split(vector, [n, n + len(SPEEDS), gain, gain + 1])
        return cls(weights, speeds, sigmas, float(vector[gain]), moved)

    @property
    def vector(self) -> np.ndarray:
        """[direction + 7 + move]."""
        gain = np.array([self.log_gain])
        parts = self.weights, self.log_speeds, self.log_sigmas, gain, self.moved
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Twin:
    """A fitted beat."""

    parameters: Parameters
    """Parameters of the beat."""
    activation_time: np.ndarray
    """[heart node] ms, on the ECG's time axis."""
    ecg: np.ndarray
    """[12, time] mV."""
    correlation: float
    """Correlation of fitted and given ECG, over all leads and times."""
    covariance: np.ndarray
    """[parameter, parameter], in Laplace's approximation."""
    tangent: np.ndarray
    """[heart node, parameter] derivatives of the activation times."""
    n_steps: int
    """Gauss-Newton steps."""
    seconds: float
    """Seconds that they took."""

    @property
    def activation_sd(self) -> np.ndarray:
        """SD of activation times [heart node] ms, in Laplace's approximation."""
        return self._sd(self.tangent)

    def sd_of(self, weights: csr_array) -> np.ndarray:
        """SD [place] ms, where times are `weights` [place, heart node] times those of the nodes."""
        return self._sd(weights @ self.tangent)

    def _sd(self, tangent: np.ndarray) -> np.ndarray:
        n = tangent.shape[1]
        moved = tangent @ self.covariance[:n, :n]
        return np.sqrt(np.maximum((moved * tangent).sum(axis=1), 0.0))


@dataclass(frozen=True, eq=False)
class TwinProblem:
    """A heart, its forward model and a recorded QRS."""

    wave: WaveModel
    """Wave of the heart."""
    forward: ForwardModel
    """Forward with the time axis of `ecg`."""
    ecg: np.ndarray
    """[8, time] mV, the independent leads."""
    prior: TwinPrior
    """Prior of the parameters."""
    settings: TwinSettings
    """Settings of noise and iteration."""

    @property
    def noise_sd(self) -> float:
        """SD of noise and model error, mV."""
        return self.settings.noise_share * float(np.abs(self.ecg).max())

    @property
    def first(self) -> Parameters:
        """The mean of the prior, with the gain that fits best within two of its SD."""
        start = Parameters.of_vector(self.prior.mean, self.forward.n_moves)
        own = self.fitted(start)
        gain = float((own * self.ecg).sum() / (own * own).sum())
        limit = 2.0 * self.prior.sds[-1 - self.forward.n_moves]
        more = float(np.clip(np.log(max(gain, 1e-3)), -limit, limit))
        return start._replace(log_gain=start.log_gain + more)

    def onsets(self, parameters: Parameters) -> np.ndarray:
        """Onset times [node] ms."""
        return self.prior.start + self.prior.directions @ parameters.weights

    def fitted(self, parameters: Parameters) -> np.ndarray:
        """The ECG of a beat, [8, time] mV.

        Raises:
            BadInput, StepFailed, NotConverged: no wave can be computed.
        """
        time = self.wave.activation_time(self.onsets(parameters), parameters.log_speeds)
        ecg = self.forward.ecg(time, parameters.log_sigmas, parameters.moved)
        return np.exp(parameters.log_gain) * ecg

    def cost(self, parameters: Parameters) -> float:
        """Minus the logarithm of the posterior density, up to a constant.

        Infinite where no wave can be computed, as at a speed that is not physical.
        """
        try:
            residual = self.fitted(parameters) - self.ecg
        except EinthovenError:
            return np.inf
        off = (parameters.vector - self.prior.mean) / self.prior.sds
        return float((residual**2).sum() / self.noise_sd**2 + (off**2).sum()) / 2

    def linearised(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray, TwinWave]:
        """Residual [value] and Jacobian [value, parameter], in units of the noise; the wave."""
        at = self.onsets(parameters), self.prior.directions, parameters.log_speeds
        wave = self.wave.wave(*at)
        gain = np.exp(parameters.log_gain)
        ecg, jacobian = self.forward.potential(*wave, parameters.log_sigmas, parameters.moved)
        fitted, n = gain * ecg, jacobian.shape[2] - self.forward.n_moves
        own, by_moves = gain * jacobian[:, :, :n], gain * jacobian[:, :, n:]
        columns = np.concatenate([own, fitted[:, :, None], by_moves], axis=2)
        jacobian = columns.reshape(self.ecg.size, -1) / self.noise_sd
        return (fitted - self.ecg).ravel() / self.noise_sd, jacobian, wave

    def quadratic(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [parameter] and Gauss-Newton matrix [parameter, parameter] of the cost."""
        residual, jacobian, _ = self.linearised(parameters)
        off = (parameters.vector - self.prior.mean) / self.prior.sds**2
        return jacobian.T @ residual + off, jacobian.T @ jacobian + np.diag(self.prior.sds**-2.0)

    def moved(self, parameters: Parameters, step: np.ndarray) -> Parameters:
        """Parameters after a step [parameter]."""
        return Parameters.of_vector(parameters.vector + step, self.forward.n_moves)


def fit_twin(
    wave: WaveModel,
    forward: ForwardModel,
    ecg: np.ndarray,
    start: np.ndarray,
    settings: TwinSettings = AS_USUAL,
    logs: np.ndarray = AS_SET,
) -> Twin:
    """The most probable beat of a heart given its QRS.

    Args:
        wave: of the heart.
        forward: of the same heart, with the time axis of `ecg`.
        ecg: [12, time] mV in the order of `core.names.LEADS`, baseline at zero, QRS only.
        start: [heart node] ms, the first map; the mean of the onsets.
        settings: of prior and iteration.
        logs: [7] logarithms of the first map's speeds and conductivities over those of `wave` and
            `forward`, and of its gain; their means.

    Raises:
        BadInput: shapes that do not fit, NaN, or a flat ECG.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (len(LEADS), len(forward.time))))
    prior = TwinPrior.about(wave.patient.heart.points, start, settings, logs)
    prior = prior.with_moves(np.zeros(forward.n_moves))
    if not np.ptp(ecg) > 0:
        raise BadInput("ecg: flat in all leads; there is no QRS to fit")
    problem = TwinProblem(wave, forward, ecg[INDEPENDENT_ROWS].astype(np.float64), prior, settings)
    return fit_problem(problem, problem.first)


def fit_problem(problem: TwinProblem, first: Parameters) -> Twin:
    """The most probable beat of a problem, by steps from the first one."""
    began, settings = clock.perf_counter(), problem.settings
    damping = Damping(FIRST_DAMPING, decrease=0.3, increase=6.0, max_trials=MAX_REFUSED)
    parameters, n_steps = minimise(
        problem, first, damping, settings.max_steps, (settings.tolerance, 0.0)
    )
    _, jacobian, beat = problem.linearised(parameters)
    normal = jacobian.T @ jacobian + np.diag(problem.prior.sds**-2.0)
    fitted = problem.fitted(parameters)
    return Twin(
        parameters,
        beat.activation_time,
        all_leads(fitted),
        correlation(fitted, problem.ecg),
        cho_solve(cho_factor(normal), np.eye(len(normal))),
        beat.tangent,
        n_steps,
        clock.perf_counter() - began,
    )
