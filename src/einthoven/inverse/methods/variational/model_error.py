"""The additive error of the modelled potentials: a Gaussian field in space and time.

y = A (u(theta) + e) + noise. e has Matern covariance on the surface, by the eigenfunctions of the
Laplace-Beltrami operator, and in time, by cosines. Its size and lengths and the noise maximise the
marginal likelihood of the residual y - A u(theta). Marginalised over e, the data term of 4D-Var has
the covariance R = noise^2 I + A cov(e) A', which is diagonal in the basis of this module: the weak
constraint in its dual form.

References:
    Dee, Q J R Meteorol Soc 121:1077 (1995), doi:10.1002/qj.49712152305 (likelihood of innovations);
    Tremolet, Q J R Meteorol Soc 132:2483 (2006), doi:10.1256/qj.05.224 (weak constraint).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.optimize
import scipy.sparse as sp

from einthoven.base.geometry.laplacian_modes import LaplacianModes
from einthoven.inverse.problem.inverse_problem import SourceSurface


def matern_spectrum(modes: LaplacianModes, length: float) -> np.ndarray:
    """Variances of the coefficients of a Matern field of variance 1 and a length in mm: [mode]."""
    density = (1 + length**2 * modes.eigenvalues) ** -2.0
    return density / density.sum()


def cosine_spectrum(n: int, length: float) -> np.ndarray:
    """Variances of the n cosine coefficients of a Matern-3/2 process of variance 1: [frequency].

    Its correlation length is in samples.
    """
    density = (1 + (length * np.pi * np.arange(n) / n) ** 2) ** -2.0
    return n * density / density.sum()


def cosines(series: np.ndarray) -> np.ndarray:
    """Orthonormal cosine transform along the last axis."""
    return np.asarray(scipy.fft.dct(series, axis=-1, norm="ortho"))


def from_cosines(coefficients: np.ndarray) -> np.ndarray:
    """Inverse of `cosines`."""
    return np.asarray(scipy.fft.idct(coefficients, axis=-1, norm="ortho"))


class ErrorSizes(NamedTuple):
    """Sizes of noise and errors, by marginal likelihood."""

    noise: float
    """Standard deviation of the recording's noise, in its unit."""
    amplitude: float
    """Standard deviation of the model error."""
    length: float
    """Correlation length of the model error in space, mm."""
    duration: float
    """Correlation length of the model error in time, in samples."""
    transfer: float = 0.0
    """Size of the transfer matrix' error, see `ModelError`."""


@dataclass(frozen=True)
class ProjectedPotentials:
    """Body potentials in the basis of the transfer matrix' left singular vectors."""

    left: np.ndarray
    """[electrode, component]."""
    reduced: np.ndarray
    """Transfer left' A: [component, node]."""
    data: np.ndarray
    """Data left' y: [component, time]."""
    rest_power: float
    """Sum of squares of y outside the components."""
    n_rest: int
    """Number of values in `rest_power`."""

    @classmethod
    def of(cls, transfer: np.ndarray, body: np.ndarray, n_components: int) -> "ProjectedPotentials":
        """Projection of y [electrode, time] and A [electrode, node] on the largest components."""
        left = np.linalg.svd(transfer, full_matrices=False)[0][:, :n_components]
        data = left.T @ body
        rest = float(np.sum(body**2) - np.sum(data**2))
        n_rest = (len(transfer) - left.shape[1]) * body.shape[1]
        return cls(left, left.T @ transfer, data, max(rest, 0.0), n_rest)

    @property
    def noise(self) -> float:
        """Root mean square outside the components; 0 if they are complete."""
        return float(np.sqrt(self.rest_power / max(self.n_rest, 1)))


@dataclass(frozen=True)
class Observed:
    """A recording, the modes of the error field, and their images."""

    recording: ProjectedPotentials
    modes: LaplacianModes
    surface: SourceSurface

    @cached_property
    def displaced(self) -> np.ndarray:
        """Derivatives of the reduced transfer by displacements: [6, component, node] 1/mm."""
        return displaced(self.recording.reduced, self.surface)

    @cached_property
    def images(self) -> np.ndarray:
        """Images of the modes: [component, mode]."""
        return self.recording.reduced @ self.modes.functions


def displaced(transfer: np.ndarray, surface: SourceSurface) -> np.ndarray:
    """Approximate derivatives of a transfer matrix by displacements of the heart.

    A column per area is a smooth function of the node's place. The first three are its derivatives
    along the surface, in x, y and z. The derivative across the surface is unknown: the last three
    are the function times the normal's components over the surface's mean radius. Row sums keep
    their values. transfer [row, node] -> [6, row, node] 1/mm.
    """
    areas, corners = surface.areas, surface.points[surface.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(normals, axis=1)
    n, shape = len(areas), (len(areas), len(surface.faces))
    rows, columns = surface.faces.T.ravel(), np.tile(np.arange(shape[1]), 3)
    spread = sp.csr_array((np.tile(double / 6, 3), (rows, columns)), shape=shape)
    opposite = np.array([corners[:, (k + 2) % 3] - corners[:, (k + 1) % 3] for k in range(3)])
    gradients = np.cross(normals, opposite) / double[:, None] ** 2  # of the hat functions
    at_nodes = spread @ normals
    at_nodes /= np.linalg.norm(at_nodes, axis=1, keepdims=True)
    radius = np.sqrt(areas.sum() / (4 * np.pi))
    changes = []
    for k in range(3):
        entries = (gradients[:, :, k].ravel(), (columns, rows))
        slope = spread @ sp.csr_array(entries, shape=shape[::-1])  # times the area
        changes.append((slope @ (transfer / areas).T).T)
    changes += [transfer * at_nodes[:, k] / radius for k in range(3)]
    changed = np.array(changes).reshape(6, -1, n)
    return changed - changed.sum(axis=2, keepdims=True) * areas / areas.sum()


@dataclass(frozen=True)
class ModelError:
    """The error field with its sizes, and its posterior for a residual.

    With E the error of the transfer matrix, E u is a third part of the residual. Its components,
    in the basis in which A cov(e) A' is diagonal, are taken as independent, with the square roots
    of the eigenvalues as variances: a wrong geometry mixes components, so that weak ones have
    larger errors than a field on the heart would cause. In time it is as smooth as e.
    """

    observed: Observed
    sizes: ErrorSizes

    @cached_property
    def _space(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of A cov(e) A' in space, of variance 1."""
        images = self.observed.images
        spectrum = matern_spectrum(self.observed.modes, self.sizes.length)
        values, vectors = np.linalg.eigh((images * spectrum) @ images.T)
        return np.maximum(values, 0.0), vectors

    @cached_property
    def _signal(self) -> np.ndarray:
        """Variance of A e in the diagonal basis: [component, frequency]."""
        return self.sizes.amplitude**2 * np.outer(self._space[0], self._in_time)

    @cached_property
    def _variance(self) -> np.ndarray:
        """Variance of the residual in that basis, the diagonal of R: [component, frequency]."""
        mixed = np.sqrt(self._space[0] * self._space[0].max())
        transfer = self.sizes.transfer**2 * np.outer(mixed, self._in_time)
        return self.sizes.noise**2 + self._signal + transfer

    @cached_property
    def _in_time(self) -> np.ndarray:
        return cosine_spectrum(self.observed.recording.data.shape[1], self.sizes.duration)

    def diagonal(self, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Series [..., component, time] in the basis in which R is diagonal, and R's diagonal."""
        return self._space[1].T @ cosines(series), self._variance

    def whitened(self, series: np.ndarray) -> np.ndarray:
        """Product of R^(-1/2) with series [..., component, time]: uncorrelated, variance 1."""
        rotated, variance = self.diagonal(series)
        return rotated / np.sqrt(variance)

    def log_evidence(self, residual: np.ndarray) -> float:
        """Log marginal likelihood of a residual [component, time] and of the rest."""
        n, rest = self.observed.recording.n_rest, self.observed.recording.rest_power
        white = np.sum(self.whitened(residual) ** 2) + np.sum(np.log(self._variance))
        return -0.5 * float(white + n * np.log(self.sizes.noise**2) + rest / self.sizes.noise**2)

    def gain(self, series: np.ndarray) -> np.ndarray:
        """Posterior mean of e for residuals [..., component, time]: [..., node, time]."""
        rotated, variance = self.diagonal(series)
        weighted = rotated / variance * self._in_time
        return from_cosines(self.sizes.amplitude**2 * self._covariance @ weighted)

    @cached_property
    def _covariance(self) -> np.ndarray:
        """Covariance of e with the components of A e, in space: [node, component]."""
        spectrum = matern_spectrum(self.observed.modes, self.sizes.length)
        return (
            self.observed.modes.functions
            @ (spectrum[:, None] * self.observed.images.T)
            @ self._space[1]
        )

    @cached_property
    def variance(self) -> np.ndarray:
        """Posterior variance of e, mean over time: [node]."""
        known = self.sizes.amplitude**4 * self._in_time**2 / self._variance
        prior = self.observed.modes.functions**2 @ matern_spectrum(
            self.observed.modes, self.sizes.length
        )
        return np.maximum(
            self.sizes.amplitude**2 * prior - self._covariance**2 @ known.mean(axis=1), 0.0
        )


def fitted(observed: Observed, residual: np.ndarray, start: ErrorSizes) -> ModelError:
    """Model error with the sizes of largest marginal likelihood.

    Lengths are bounded by a tenth and three times the longest of the surface (eigenvalue^(-1/2)),
    durations by one sample and the record.
    """
    extent = 1 / np.sqrt(observed.modes.eigenvalues[1])
    n = residual.shape[1]
    power = np.sqrt(np.mean(observed.recording.data**2))
    low = np.log([1e-6 * power, 1e-6 * power, extent / 10, 1.0, 1e-6 * power])
    high = np.log([10 * power, 1e3 * power, extent * 3, n, 1e3 * power])

    def cost(logs: np.ndarray) -> float:
        inside = np.clip(logs, low, high)
        error = ModelError(observed, ErrorSizes(*np.exp(inside).tolist()))
        return -error.log_evidence(residual) + 1e3 * float(np.sum((logs - inside) ** 2))

    # The two errors are similar, so the likelihood may have two maxima.
    starts = [
        start._replace(transfer=1e-2 * start.noise, amplitude=max(start.amplitude, start.noise)),
        start._replace(amplitude=1e-2 * start.noise, transfer=max(start.transfer, start.noise)),
    ]
    options = {"maxfev": 250, "xatol": 0.02, "fatol": 0.1}
    ends = [
        scipy.optimize.minimize(
            cost, np.clip(np.log(begin), low, high), method="Nelder-Mead", options=options
        )
        for begin in starts
    ]
    optimum = min(ends, key=lambda end: float(end.fun))
    best = ErrorSizes(*np.exp(np.clip(optimum.x, low, high)).tolist())
    return ModelError(observed, _with_expected_amplitude(observed, residual, best))


def _with_expected_amplitude(
    observed: Observed, residual: np.ndarray, sizes: ErrorSizes
) -> ErrorSizes:
    """Root mean square of the amplitude's posterior, with a flat prior and the other sizes fixed.

    If the likelihood has its maximum at zero, zero would claim that the model is exact.
    """
    amplitudes = max(sizes.amplitude, sizes.noise) * np.logspace(-3, 1, 33)
    logs = np.array(
        [
            ModelError(observed, sizes._replace(amplitude=float(a))).log_evidence(residual)
            for a in amplitudes
        ]
    )
    weights = np.exp(logs - logs.max()) * amplitudes  # a flat prior on a grid of logarithms
    square = np.sum(weights * amplitudes**2) / np.sum(weights)
    return sizes._replace(amplitude=float(np.sqrt(square)))
