"""Data in the singular vectors of a regularised problem, from which a weight is chosen."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

SMALLEST = 1e-9
"""Weights below this share of the largest singular value are rounding, and are not tried."""
PER_DECADE = 16
"""Weights per factor of ten on the grid from which minima and corners are refined."""


@dataclass(frozen=True)
class Spectrum(ABC):
    """min |y - B v|^2 + lambda^2 |v|^2 with B = U S V', pooled over all instants of one B.

    The weight lambda has the unit of the singular values.
    """

    singular_values: np.ndarray
    """[mode] s > 0, any order."""
    power: np.ndarray
    """[mode] sum of the squares of the coefficients c = U' y, mV^2."""
    counts: np.ndarray
    """[mode] number of coefficients pooled in `power`: instants."""
    residual_sq: float
    """Squared norm of the data outside the range of B and of the free part, mV^2."""
    n_data: int
    """Electrodes times instants."""
    n_free: int = 0
    """Number of parameters without penalty (a constant per instant)."""
    smooth: ClassVar[bool] = True
    """Whether the filter factors have a derivative in the weight."""

    @classmethod
    def pooled(
        cls, singular_values: np.ndarray, coeffs: np.ndarray, residual_sq: float, n_rows: int
    ) -> Self:
        """Spectrum of coefficients [mode, time] mV of data with `n_rows` values per instant."""
        n_time = coeffs.shape[1]
        power = np.einsum("mt,mt->m", coeffs, coeffs)
        counts = np.full(len(singular_values), n_time)
        return cls(singular_values, power, counts, float(residual_sq), n_rows * n_time)

    @abstractmethod
    def filters(self, weights: np.ndarray) -> np.ndarray:
        """Filter factors f of the solution v = sum f c / s V: [weight, mode]."""

    @abstractmethod
    def remainders(self, weights: np.ndarray) -> np.ndarray:
        """Remainders 1 - f without cancellation: [weight, mode]."""

    @abstractmethod
    def weights(self) -> np.ndarray:
        """Weights to be tried, increasing: [weight]."""

    def smoothed(self) -> "TikhonovSpectrum":
        """The same data with Tikhonov's filter factors."""
        return TikhonovSpectrum(**self.__dict__)

    def misfit_sq(self, weights: np.ndarray) -> np.ndarray:
        """Squared misfit |y - A u|^2 of all data: [weight] mV^2."""
        return self.remainders(weights) ** 2 @ self.power + self.residual_sq

    def penalty_sq(self, weights: np.ndarray) -> np.ndarray:
        """Penalty |L u|^2 of all data: [weight] mV^2 over the unit of the weight squared."""
        return self.filters(weights) ** 2 @ (self.power / self.singular_values**2)


@dataclass(frozen=True)
class TikhonovSpectrum(Spectrum):
    """Tikhonov's filter factors f = s^2 / (s^2 + lambda^2)."""

    def filters(self, weights: np.ndarray) -> np.ndarray:
        """[weight, mode]."""
        s_sq = self.singular_values**2
        return s_sq / (s_sq + np.atleast_1d(weights)[:, None] ** 2)

    def remainders(self, weights: np.ndarray) -> np.ndarray:
        """[weight, mode]."""
        t = np.atleast_1d(weights)[:, None] ** 2
        return t / (self.singular_values**2 + t)

    def weights(self) -> np.ndarray:
        """Weights from the smallest singular value to ten times the largest: [weight]."""
        largest = self.singular_values.max()
        low, high = max(self.singular_values.min(), SMALLEST * largest), 10 * largest
        return np.geomspace(low, high, int(PER_DECADE * np.log10(high / low)) + 2)


@dataclass(frozen=True)
class TruncatedSpectrum(Spectrum):
    """Filter factors of truncated SVD: f = 1 where s >= lambda, else 0."""

    smooth = False

    def filters(self, weights: np.ndarray) -> np.ndarray:
        """[weight, mode]."""
        return (self.singular_values >= np.atleast_1d(weights)[:, None]).astype(float)

    def remainders(self, weights: np.ndarray) -> np.ndarray:
        """[weight, mode]."""
        return 1 - self.filters(weights)

    def weights(self) -> np.ndarray:
        """Singular values above rounding, increasing: [weight]."""
        kept = self.singular_values > SMALLEST * self.singular_values.max()
        return np.sort(self.singular_values[kept])
