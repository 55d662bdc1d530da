"""What is known beforehand of potentials on a heart: waves, no faster in space than in time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.inverse.problem.inverse_problem import SourceSurface


class SurfaceModes(NamedTuple):
    """Eigenfunctions of the Laplace-Beltrami operator, the surface's harmonics."""

    wavenumber: np.ndarray
    """[mode] 1/mm, rising from 0."""
    shapes: np.ndarray
    """[node, mode] 1, of mean square 1 over the surface."""


def surface_modes(surface: SourceSurface) -> SurfaceModes:
    """All P1 eigenfunctions: K phi = k^2 M phi, M lumped."""
    found = laplacian_modes(surface.points, surface.faces, len(surface.points))
    return SurfaceModes(np.sqrt(found.eigenvalues), found.functions * np.sqrt(surface.areas.sum()))


@dataclass(frozen=True)
class WavePrior:
    """Power spectrum in space of a Gaussian field, tied to the frequency in time.

    What travels with the speed c and varies with omega in time varies with omega / c in space.
    So the shape at a frequency is that of Matern's fields (Whittle 1954), its corner at

        K(omega)^2 = wavenumber^2 + (omega / speed)^2:  S(k) ~ (1 + k^2 / K^2)^-(1 + smoothness).
    """

    wavenumber: float
    """Corner of what stands still, 1/mm."""
    speed: float
    """mm/ms."""
    smoothness: float
    """Decay beyond the corner; more than 0."""

    def spectrum(self, wavenumber: np.ndarray, angular_frequency: float) -> np.ndarray:
        """Shares of the modes in the variance at a frequency (rad/ms): [mode], sum 1.

        The constant, mode 0, has none: its variance is another matter.
        """
        corner_sq = self.wavenumber**2 + (angular_frequency / self.speed) ** 2
        power = (1 + wavenumber**2 / corner_sq) ** -(1 + self.smoothness)
        power[0] = 0.0
        return power / power.sum()
