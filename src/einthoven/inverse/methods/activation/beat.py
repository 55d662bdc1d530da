"""A beat as activation wave, and its misfit to a recording."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from einthoven.base.geometry.laplacian_modes import LaplacianModes, laplacian_modes
from einthoven.inverse.methods.activation.waveform import Waveform
from einthoven.inverse.problem.inverse_problem import SourceSurface

N_COMMON = 4
"""Number of unknowns that all nodes share: logarithms of the amplitude and of the widths."""
RANK_TOLERANCE = 1e-4
"""Singular values of the transfer matrix below this share of the largest are left out."""
N_TIMES_HESSIAN = 160
"""Number of samples in the sum of J' J; gradients and residuals use all."""


@dataclass(frozen=True)
class ActivationWave:
    """Wave over the heart: u(i, t) = amplitude S(t - activation_i, duration_i)."""

    activation: np.ndarray
    """[node] ms."""
    duration: np.ndarray
    """[node] ms duration of the action potential."""
    waveform: Waveform
    amplitude: float
    """mV."""

    def sources(self, time: np.ndarray) -> np.ndarray:
        """Potentials u: [node, time] mV."""
        return self.amplitude * self.waveform.values(time, self.activation, self.duration)

    def slopes(self, time: np.ndarray) -> np.ndarray:
        """Derivatives of `sources` by activation and by duration: [2, node, time] mV/ms."""
        return self.amplitude * self.waveform.by_times(time, self.activation, self.duration)

    def moved(self, modes: np.ndarray, step: np.ndarray) -> Self:
        """Wave after a step of all unknowns, those of activation and duration in modes."""
        k = modes.shape[1]
        return type(self)(
            self.activation + modes @ step[:k],
            self.duration + modes @ step[k : 2 * k],
            self.waveform.scaled(step[2 * k + 1 :]),
            float(self.amplitude * np.exp(step[2 * k])),
        )


@dataclass(frozen=True)
class BeatProblem:
    """Body potentials, what links them to the sources on the heart, and a basis on the heart.

    Unknowns, in this order: coefficients [mode] of activation and of duration, `N_COMMON`.
    """

    transfer: np.ndarray
    """[component, node] 1, in the left singular vectors of the transfer matrix."""
    body: np.ndarray
    """[component, time] mV."""
    time: np.ndarray
    """[time] ms."""
    modes: LaplacianModes
    """Modes of the heart."""
    areas: np.ndarray
    """[node] mm^2 of the heart's nodes."""
    unreachable: float
    """Squared norm of the body potentials outside the components, mV^2."""
    n_values: int
    """Number of electrodes times samples."""

    @classmethod
    def of(
        cls,
        transfer: np.ndarray,
        body: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
        n_modes: int,
    ) -> Self:
        """Problem in components, of electrodes, by the `n_modes` smoothest functions on a heart.

        transfer [electrode, node] 1, body [electrode, time] mV, time [time] ms.
        """
        left, singular, right = np.linalg.svd(transfer, full_matrices=False)
        kept = singular > RANK_TOLERANCE * singular[0]
        components = left[:, kept].T @ body
        outside = max(float(np.sum(body**2) - np.sum(components**2)), 0.0)
        modes = laplacian_modes(surface.points, surface.faces, n_modes)
        reduced = singular[kept, None] * right[kept]
        return cls(reduced, components, time, modes, surface.areas, outside, body.size)

    @cached_property
    def gram(self) -> np.ndarray:
        """Gram matrix A' A: [node, node]."""
        return self.transfer.T @ self.transfer

    @property
    def thinned(self) -> tuple[np.ndarray, int]:
        """Times in the sum of J' J, and their stride, by which it is multiplied."""
        stride = max(len(self.time) // N_TIMES_HESSIAN, 1)
        return self.time[::stride], stride

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Coefficients [mode] of a function on the heart [node]."""
        return self.modes.functions.T @ (self.areas * values)

    def in_modes(self, beat: ActivationWave) -> ActivationWave:
        """Beat whose times are projected on the modes."""
        functions = self.modes.functions
        activation = functions @ self.coefficients(beat.activation)
        return replace(
            beat, activation=activation, duration=functions @ self.coefficients(beat.duration)
        )

    def residual(self, beat: ActivationWave) -> np.ndarray:
        """Residual, measured minus predicted: [component, time] mV."""
        return self.body - self.transfer @ beat.sources(self.time)

    def misfit(self, beat: ActivationWave) -> float:
        """Sum of squares of the residual over electrodes and samples, mV^2."""
        return float(np.sum(self.residual(beat) ** 2)) + self.unreachable

    def normal_equations(self, beat: ActivationWave) -> tuple[np.ndarray, np.ndarray]:
        """J' r [unknown] and J' J [unknown, unknown] with the prediction's Jacobian J at `beat`.

        The Jacobian [component * time, unknown] is not stored. A node's column is the product of
        its column of the transfer matrix and the derivative of its waveform, so that products of
        two columns are products of the entries of two Gram matrices.
        """
        modes, residual = self.modes.functions, self.residual(beat)
        slopes = beat.slopes(self.time)
        common = self._by_common(beat)
        gradient = np.r_[self._projected(slopes, residual), common @ residual.ravel()]
        times, stride = self.thinned
        strided = beat.slopes(times)
        k = modes.shape[1]
        normal = np.empty((2 * k + N_COMMON, 2 * k + N_COMMON))
        for a, b in ((0, 0), (1, 0), (1, 1)):
            block = stride * (modes.T @ ((strided[a] @ strided[b].T) * self.gram) @ modes)
            normal[a * k : (a + 1) * k, b * k : (b + 1) * k] = block
            normal[b * k : (b + 1) * k, a * k : (a + 1) * k] = block.T
        for j, row in enumerate(common):
            normal[2 * k + j, : 2 * k] = self._projected(slopes, row.reshape(residual.shape))
        normal[: 2 * k, 2 * k :] = normal[2 * k :, : 2 * k].T
        normal[2 * k :, 2 * k :] = common @ common.T
        return gradient, normal

    def _by_common(self, beat: ActivationWave) -> np.ndarray:
        """Columns of the Jacobian of the common unknowns: [N_COMMON, component * time]."""
        by = beat.waveform.by_widths(self.time, beat.activation, beat.duration)
        sources = np.concatenate([beat.sources(self.time)[None], beat.amplitude * by])
        return (self.transfer @ sources).reshape(N_COMMON, -1)

    def _projected(self, slopes: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Product of J' of activation and duration with data [component, time]: [2 mode]."""
        nodal = np.einsum("fit,it->fi", slopes, self.transfer.T @ data)
        return (nodal @ self.modes.functions).ravel()
