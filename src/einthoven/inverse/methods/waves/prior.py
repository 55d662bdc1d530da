"""Prior of potentials on a heart: a field whose scales in space and time are tied by a speed."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.inverse.problem.inverse_problem import SourceSurface


class SurfaceModes(NamedTuple):
    """Eigenfunctions of the Laplace-Beltrami operator, the surface's harmonics."""

    wavenumber: np.ndarray
    """[mode] 1/mm, rising from 0."""
    shapes: np.ndarray
    """[node, mode] 1, of mean square 1 over the surface."""


def surface_modes(surface: SourceSurface) -> SurfaceModes:
    """Eigenfunctions of P1 elements, all of them: K phi = k^2 M phi, M lumped."""
    functions, eigenvalues = surface.modes(len(surface.points))
    return SurfaceModes(np.sqrt(eigenvalues), functions)


@dataclass(frozen=True)
class WavePrior:
    """Power spectrum in space of a Gaussian field, tied to the frequency in time.

    A wave of speed c with the frequency omega in time has the wavenumber omega / c in space. The
    spectrum at a frequency is that of a Matern field with its corner at

        K(omega)^2 = wavenumber^2 + (omega / speed)^2:  S(k) ~ (1 + k^2 / K^2)^-(1 + smoothness).
    """

    wavenumber: float
    """Corner at frequency zero, 1/mm."""
    speed: float
    """mm/ms."""
    smoothness: float
    """Decay beyond the corner; positive."""

    def spectrum(self, wavenumber: np.ndarray, angular_frequency: float) -> np.ndarray:
        """Shares of the modes in the variance at a frequency (rad/ms): [mode], sum 1.

        The constant, mode 0, has no share; see `evidence.FLAT`.
        """
        corner_sq = self.wavenumber**2 + (angular_frequency / self.speed) ** 2
        power = (1 + wavenumber**2 / corner_sq) ** -(1 + self.smoothness)
        power[0] = 0.0
        return power / power.sum()
