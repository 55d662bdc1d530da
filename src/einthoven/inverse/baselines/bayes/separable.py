"""Gaussian prior of heart potentials whose covariance is a product of one in space and one in time.

u = a (m + w), w ~ N(0, C_t x C_s), y = A u + d + e. Noise e ~ N(0, s^2) is white; an error of the
forward model, d ~ N(0, h^2 C_t x 1), has the covariance of the beat in time, which separates it
from noise. In the eigenvectors of A C_s A' and of C_t all covariances are diagonal, so that
posterior and evidence cost a few matrix products.

References:
    Serinagaoglu, Brooks, MacLeod, IEEE Trans Biomed Eng 53:2024-2034 (2006), for the covariance in
    space; that in time is treated likewise here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy.optimize import minimize

from einthoven.base.core.errors import BadInput, NotConverged

N_TIMES_OF_SPACE = 80
"""Instants per beat from which the covariance in space is summed."""
ROUND_OFF = 1e-12
"""Variances below this share of the mean square are rounding."""
N_NODES_OF_TIME = 200
"""Nodes from which the covariance in time is summed."""


@dataclass(frozen=True)
class SeparablePrior:
    """Mean and covariances of beats of amplitude 1."""

    mean: np.ndarray
    """[node, time] mV."""
    of_space: np.ndarray
    """[node, node] mV^2."""
    of_time: np.ndarray
    """[time, time], 1; its mean diagonal entry is 1."""

    @classmethod
    def learned(cls, beats: Iterable[np.ndarray]) -> Self:
        """Prior of a training set [node, time] mV, summed beat by beat.

        Raises:
            BadInput: fewer than two beats, or beats that do not differ.
        """
        n, total, space, time = 0, *(np.zeros(()),) * 3
        for beat in beats:
            thin_time, thin_nodes = _thinned(beat)
            n, total = n + 1, total + beat
            space = space + thin_time @ thin_time.T
            time = time + thin_nodes.T @ thin_nodes
        if n < 2:
            raise BadInput(f"map: {n} training beats, but a covariance needs two beats at least")
        mean = total / n
        thin_time, thin_nodes = _thinned(mean)
        n_times = thin_time.shape[1]
        of_space = space / (n * n_times) - thin_time @ thin_time.T / n_times
        if np.trace(of_space) <= ROUND_OFF * np.trace(space) / (n * n_times):
            raise BadInput("map: the training beats do not differ; give beats of other foci")
        of_time = time / n - thin_nodes.T @ thin_nodes
        return cls(mean, of_space, of_time * (len(of_time) / np.trace(of_time)))


def _thinned(beat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A beat [node, time] at some times, and at some nodes."""
    times = beat[:, strided(beat.shape[1], N_TIMES_OF_SPACE)]
    return times, beat[strided(len(beat), N_NODES_OF_TIME)]


def strided(n: int, at_most: int) -> slice:
    """Stride that keeps about `at_most` of n."""
    return slice(None, None, max(n // at_most, 1))


class Scales(NamedTuple):
    """Sizes of largest evidence."""

    amplitude: float
    """Amplitude of the beat relative to the training set, 1."""
    noise_sd: float
    """SD of noise that is white in time, mV."""
    model_error_sd: float
    """SD of errors with the beat's covariance in time, mV."""


@dataclass(frozen=True)
class SeparablePosterior:
    """A prior, a transfer matrix and body potentials."""

    prior: SeparablePrior
    transfer: np.ndarray
    """[electrode, node]."""
    body: np.ndarray
    """[electrode, time] mV."""

    @cached_property
    def _space(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues [electrode] and eigenvectors [electrode, electrode] of A C_s A'."""
        values, vectors = np.linalg.eigh(self.transfer @ self.prior.of_space @ self.transfer.T)
        return np.maximum(values, 0.0), vectors

    @cached_property
    def _time(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues [time] and eigenvectors [time, time] of C_t."""
        values, vectors = np.linalg.eigh(self.prior.of_time)
        return np.maximum(values, 0.0), vectors

    def _in_modes(self, body: np.ndarray) -> np.ndarray:
        return self._space[1].T @ body @ self._time[1]

    @cached_property
    def _measured(self) -> np.ndarray:
        return self._in_modes(self.body)

    @cached_property
    def _expected(self) -> np.ndarray:
        return self._in_modes(self.transfer @ self.prior.mean)

    def variances(self, scales: Scales) -> np.ndarray:
        """Variances of the body potentials in the modes: [space mode, time mode] mV^2."""
        of_space = scales.amplitude**2 * self._space[0] + scales.model_error_sd**2
        return np.outer(of_space, self._time[0]) + scales.noise_sd**2

    def log_evidence(self, scales: Scales) -> float:
        """Logarithm of the density of the body potentials."""
        variances = self.variances(scales)
        deviations = self._measured - scales.amplitude * self._expected
        return float(-0.5 * np.sum(deviations**2 / variances + np.log(2 * np.pi * variances)))

    def most_likely_scales(self) -> Scales:
        """Amplitude, noise and model error of the largest evidence.

        Raises:
            NotConverged: the search did not end.
        """
        size = float(np.sqrt(np.mean(self.body**2)))
        variance = self.variances(Scales(1, 0, 0)).mean()
        expected = float(np.sqrt(np.mean(self._expected**2) + variance))

        def scales(logs: np.ndarray) -> Scales:
            return Scales(*np.exp(logs).tolist())

        optimum = minimize(
            lambda logs: -self.log_evidence(scales(logs)) / self.body.size,
            np.log([size / expected, 0.1 * size, 0.1 * size]),
            method="Nelder-Mead",
            options={"xatol": 1e-6, "fatol": 1e-10, "maxfev": 3000},
        )
        if not optimum.success:
            raise NotConverged(
                f"map: amplitude and errors by evidence: {optimum.message}; is the unit of the "
                "recording right, and is it longer than a few samples?"
            )
        return scales(optimum.x)

    def _gain(self) -> np.ndarray:
        """C_s A' Q, Q the modes of space: [node, space mode]."""
        return self.prior.of_space @ (self.transfer.T @ self._space[1])

    def mean(self, scales: Scales) -> np.ndarray:
        """Posterior mean of the heart's potentials: [node, time] mV."""
        deviations = self._measured - scales.amplitude * self._expected
        weights = scales.amplitude**2 * self._time[0] / self.variances(scales) * deviations
        return scales.amplitude * self.prior.mean + self._gain() @ weights @ self._time[1].T

    def sd(self, scales: Scales) -> np.ndarray:
        """Posterior SD of the heart's potentials: [node, time] mV."""
        prior = np.outer(np.diag(self.prior.of_space), np.diag(self.prior.of_time))
        shares = scales.amplitude**2 * self._time[0] ** 2 / self.variances(scales)
        known = self._gain() ** 2 @ shares @ (self._time[1] ** 2).T
        return scales.amplitude * np.sqrt(np.maximum(prior - known, 0.0))
