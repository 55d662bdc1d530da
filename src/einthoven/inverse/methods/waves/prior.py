"""Prior of potentials on a heart: a field whose scales in space and time are tied by a speed."""

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


def wave_spectrum(
    wavenumber: np.ndarray, angular_frequency: float, corner: float, speed: float, smoothness: float
) -> np.ndarray:
    """Shares of the modes in the variance of a Gaussian field at one frequency: [mode], sum 1.

    A wave of speed c with the frequency omega in time has the wavenumber omega / c in space. The
    spectrum is that of a Matern field, S(k) ~ (1 + k^2 / K^2)^-(1 + smoothness), with its corner at
    K^2 = corner^2 + (omega / speed)^2. The constant, mode 0, has no share; see `evidence.FLAT`.

    Args:
        wavenumber: [mode] 1/mm.
        angular_frequency: omega, rad/ms.
        corner: at frequency zero, 1/mm.
        speed: mm/ms.
        smoothness: decay beyond the corner; positive.
    """
    corner_sq = corner**2 + (angular_frequency / speed) ** 2
    power = (1 + wavenumber**2 / corner_sq) ** -(1 + smoothness)
    power[0] = 0.0
    return power / power.sum()
