"""The digital twin: onsets, speeds and a gain that reproduce a patient's QRS on a known heart.

Gauss-Newton steps with the exact derivatives of `twin_wave` and `twin_forward`, damped as
Levenberg and Marquardt do, about a first map of the activation: one of the amortised posterior's,
or any other. Onsets are that map plus a smooth random field, a Gaussian process over the muscle;
what the ECG does not tell stays as this prior has it.
"""

import time as clock
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.spatial.distance import cdist

from einthoven.core import check
from einthoven.core.errors import BadInput, EinthovenError
from einthoven.core.names import LEADS
from einthoven.geometry.sampling import farthest_points
from einthoven.imaging.twin_forward import INDEPENDENT, ForwardModel
from einthoven.imaging.twin_wave import SPEEDS, WaveModel

ROWS = [LEADS.index(name) for name in INDEPENDENT]
DAMPING = (1e-2, 0.3, 6.0)
"""First damping, its factor after a step that lowers the cost, and after one that does not."""
MAX_REJECTED = 6
ROUND_OFF = 1e-9
"""Modes weaker than this share of the strongest are left out."""


@dataclass(frozen=True)
class TwinSettings:
    """Of the prior and of the iteration."""

    onset_sd_ms: float = 10.0
    onset_length_mm: float = 20.0
    """Over which onsets move together."""
    n_modes: int = 96
    """Of the Gaussian process, the strongest."""
    log_speed_sd: float = 0.15
    log_gain_sd: float = 0.4
    """Of all amplitudes together: conductivities of heart and torso."""
    noise_share: float = 0.01
    """SD of noise and of what the model lacks, as a share of the ECG's peak."""
    max_steps: int = 25
    tolerance: float = 1e-3
    """Relative decrease of the cost at which the iteration ends."""


class Parameters(NamedTuple):
    """Of a twin's beat; a priori independent, of mean zero."""

    modes: np.ndarray
    """[mode] of the onsets, 1."""
    log_speeds: np.ndarray
    """[4] over those of the settings."""
    log_gain: float

    @classmethod
    def of_vector(cls, vector: np.ndarray) -> Self:
        """[mode + 5], as `vector` gives it."""
        n_modes = len(vector) - len(SPEEDS) - 1
        return cls(vector[:n_modes], vector[n_modes:-1], float(vector[-1]))

    @property
    def vector(self) -> np.ndarray:
        """[mode + 5]."""
        return np.concatenate([self.modes, self.log_speeds, [self.log_gain]])


@dataclass(frozen=True, eq=False)
class Twin:
    """A fitted beat.

    Attributes:
        parameters: of the beat.
        activation_time: [heart node] ms, on the ECG's time axis.
        ecg: [12, time] mV.
        correlation: of fitted and given ECG, over all leads and times.
        covariance: [parameter, parameter], in Laplace's approximation.
        tangent: [heart node, parameter] derivatives of the activation times.
        n_steps: Gauss-Newton steps. seconds: that they took.
    """

    parameters: Parameters
    activation_time: np.ndarray
    ecg: np.ndarray
    correlation: float
    covariance: np.ndarray
    tangent: np.ndarray
    n_steps: int
    seconds: float

    @property
    def activation_sd(self) -> np.ndarray:
        """[heart node] ms, in Laplace's approximation."""
        n = self.tangent.shape[1]
        moved = self.tangent @ self.covariance[:n, :n]
        return np.sqrt(np.maximum((moved * self.tangent).sum(axis=1), 0.0))


@dataclass(frozen=True, eq=False)
class TwinProblem:
    """A heart, its forward model and a recorded QRS.

    Attributes:
        wave: of the heart. forward: with the time axis of `ecg`.
        ecg: [8, time] mV, the independent leads.
        start: [node] ms, mean of the onsets. directions: [node, mode] ms, their modes.
        settings: of prior and iteration.
    """

    wave: WaveModel
    forward: ForwardModel
    ecg: np.ndarray
    start: np.ndarray
    directions: np.ndarray
    settings: TwinSettings

    @property
    def noise_sd(self) -> float:
        """Of noise and of what the model lacks, mV."""
        return self.settings.noise_share * float(np.abs(self.ecg).max())

    @property
    def precision(self) -> np.ndarray:
        """[parameter] of the prior."""
        own = self.settings
        of_speeds = np.full(len(SPEEDS), own.log_speed_sd**-2.0)
        return np.r_[np.ones(self.directions.shape[1]), of_speeds, own.log_gain_sd**-2.0]

    @property
    def first(self) -> Parameters:
        """The mean of the prior, with the gain that fits best."""
        start = Parameters.of_vector(np.zeros(len(self.precision)))
        own = self.forward.ecg(self.wave.activation_time(self.start, start.log_speeds))
        gain = float((own * self.ecg).sum() / (own * own).sum())
        limit = 2.0 * self.settings.log_gain_sd
        return start._replace(log_gain=float(np.clip(np.log(max(gain, 1e-3)), -limit, limit)))

    def onsets(self, parameters: Parameters) -> np.ndarray:
        """[node] ms."""
        return self.start + self.directions @ parameters.modes

    def cost(self, parameters: Parameters) -> float:
        """Minus the logarithm of the posterior density, up to a constant.

        Infinite where no wave can be computed, as at a speed that is not physical.
        """
        try:
            time = self.wave.activation_time(self.onsets(parameters), parameters.log_speeds)
        except EinthovenError:
            return np.inf
        residual = np.exp(parameters.log_gain) * self.forward.ecg(time) - self.ecg
        prior = self.precision @ parameters.vector**2
        return float((residual**2).sum() / self.noise_sd**2 + prior) / 2

    def linearised(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        """Residual [value] and Jacobian [value, parameter], in units of the noise."""
        wave = self.wave.wave(self.onsets(parameters), self.directions, parameters.log_speeds)
        gain = np.exp(parameters.log_gain)
        ecg, jacobian = self.forward.potential(*wave)
        fitted = gain * ecg
        columns = np.concatenate([gain * jacobian, fitted[:, :, None]], axis=2)
        jacobian = columns.reshape(self.ecg.size, -1) / self.noise_sd
        return (fitted - self.ecg).ravel() / self.noise_sd, jacobian


def onset_modes(points: np.ndarray, settings: TwinSettings) -> np.ndarray:
    """Modes of a Gaussian process with a squared-exponential covariance: [node, mode] ms.

    By Nystroem's extension from points as far apart as can be, so that a sum of the modes with
    independent standard normal weights has the covariance of the process, less what is left out.
    """
    length, n_sites = settings.onset_length_mm, min(3 * settings.n_modes, len(points))
    sites = farthest_points(points, points[0], n_sites)
    alike = np.exp(-0.5 * (cdist(sites, sites) / length) ** 2)
    n_modes = min(settings.n_modes, n_sites)
    values, vectors = eigh(alike, subset_by_index=(n_sites - n_modes, n_sites - 1))
    usable = values > ROUND_OFF * values[-1]
    to_sites = np.exp(-0.5 * (cdist(points, sites) / length) ** 2)
    extended: np.ndarray = to_sites @ (vectors[:, usable] / np.sqrt(values[usable]))
    return settings.onset_sd_ms * extended


def fit_twin(
    wave: WaveModel,
    forward: ForwardModel,
    ecg: np.ndarray,
    start: np.ndarray,
    settings: TwinSettings = TwinSettings(),
) -> Twin:
    """The most probable beat of a heart given its QRS.

    Args:
        wave: of the heart.
        forward: of the same heart, with the time axis of `ecg`.
        ecg: [12, time] mV in the order of `core.names.LEADS`, baseline at zero, QRS only.
        start: [heart node] ms, the first map; the mean of the onsets.
        settings: of prior and iteration.

    Raises:
        BadInput: shapes that do not fit, NaN, or a flat ECG.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (len(LEADS), len(forward.time))))
    check.shape("start", check.finite("start", start), (len(wave.patient.heart.points),))
    if not np.ptp(ecg) > 0:
        raise BadInput("ecg: flat in all leads; there is no QRS to fit")
    began = clock.perf_counter()
    target = ecg[ROWS].astype(np.float64)
    directions = onset_modes(wave.patient.heart.points, settings)
    problem = TwinProblem(wave, forward, target, start.astype(float), directions, settings)
    parameters, n_steps = minimise(problem)
    _, jacobian = problem.linearised(parameters)
    normal = jacobian.T @ jacobian + np.diag(problem.precision)
    fitted = wave.wave(problem.onsets(parameters), directions, parameters.log_speeds)
    own = np.exp(parameters.log_gain) * forward.ecg(fitted.activation_time)
    return Twin(
        parameters,
        fitted.activation_time,
        all_leads(own),
        correlation(own, target),
        cho_solve(cho_factor(normal), np.eye(len(normal))),
        fitted.tangent,
        n_steps,
        clock.perf_counter() - began,
    )


def minimise(problem: TwinProblem) -> tuple[Parameters, int]:
    """Damped Gauss-Newton steps: the parameters and the number of steps."""
    parameters = problem.first
    damping, lower, raise_ = DAMPING
    cost, n_steps = problem.cost(parameters), 0
    for n_steps in range(1, problem.settings.max_steps + 1):  # noqa: B007  (returned)
        residual, jacobian = problem.linearised(parameters)
        normal = jacobian.T @ jacobian + np.diag(problem.precision)
        downhill = -(jacobian.T @ residual + problem.precision * parameters.vector)
        for _ in range(MAX_REJECTED):
            step = cho_solve(cho_factor(normal + damping * np.diag(np.diag(normal))), downhill)
            tried = Parameters.of_vector(parameters.vector + step)
            new_cost = problem.cost(tried)
            if new_cost < cost:
                break
            damping *= raise_
        else:
            break
        gained, parameters, cost = cost - new_cost, tried, new_cost
        damping *= lower
        if gained < problem.settings.tolerance * new_cost:
            break
    return parameters, n_steps


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, over all leads and times together."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


def all_leads(independent: np.ndarray) -> np.ndarray:
    """[8, ...] of `INDEPENDENT` -> [12, ...] of `core.names.LEADS`."""
    i, ii = independent[:2]
    limb = [i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]
    return np.concatenate([np.stack(limb), independent[2:]])
