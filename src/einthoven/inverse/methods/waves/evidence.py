"""Marginal likelihood of recordings under the wave prior.

In the basis of cosines the coefficients of time are independent. Those of one octave share the
variance a and the spectrum S, so that for each of them

    y ~ N(0, a (C + m^2 (c_1 C)^(1/2)) + (sd^2 + r^2 power) I),  C = B S B',

B = A Phi the transfer of the surface's modes, sd the noise, r a white share of the recording's mean
power. The square root, with c_1 the largest eigenvalue, stands for errors of the forward model.
They mix strong patterns into weak ones, so that they fall off more slowly than the signal. Without
it the weak patterns are fitted, and the heart's potentials get rough. All parameters are those of
the largest marginal likelihood, within the bounds of `Hyperparameters.within`. The level, a
constant on the heart, is left free: S is that of the other modes.

References:
    Kaipio, Somersalo, J Comput Appl Math 198:493 (2007), doi:10.1016/j.cam.2005.09.027 (errors of
    the forward model); MacKay, Neural Comput 4:415 (1992), doi:10.1162/neco.1992.4.3.415.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy.optimize import minimize

from einthoven.base.core.errors import NotConverged
from einthoven.inverse.methods.waves.prior import SurfaceModes, wave_spectrum
from einthoven.inverse.methods.waves.time_basis import TimeBasis

NEGLIGIBLE = 1e-4
"""Singular values of the transfer below this share of the largest are left out as noise."""
FLAT = 1e3
"""Prior variance of the level, in units of that of all other modes: it is free."""
N_TRIALS = 1000
"""Most evaluations of a search."""


@dataclass(frozen=True)
class Hyperparameters:
    """Parameters by marginal likelihood, besides the variance of each octave."""

    wavenumber: float
    """Corner of the spectrum at frequency zero, 1/mm."""
    speed: float
    """Speed of waves, mm/ms."""
    smoothness: float
    """Decay of the spectrum beyond its corner, 1."""
    noise_sd: float
    """SD of white noise, in the unit of the recording."""
    rest: float
    """White share r of the recording's mean power, 1."""
    model_error: float = 0.0
    """Size m of the forward model's error, 1."""

    def within(self, start: "Hyperparameters") -> "Hyperparameters":
        """Nearest parameters within bounds, whose scale is that of `start`.

        Beyond the bounds fields are constant, or white on the mesh, or explained by errors alone.
        A model error of a tenth is that of a transfer matrix by coarse meshes.
        """
        return Hyperparameters(
            wavenumber=float(np.clip(self.wavenumber / start.wavenumber, 0.5, 10))
            * start.wavenumber,
            speed=float(np.clip(self.speed / start.speed, 0.01, 10)) * start.speed,
            smoothness=float(np.clip(self.smoothness, 0.5, 20)),
            noise_sd=self.noise_sd,
            rest=min(self.rest, 0.3),
            model_error=min(self.model_error, 0.1),
        )

    @property
    def starts(self) -> tuple["Hyperparameters", ...]:
        """Starts of searches: rough long waves, smooth short waves, an exact transfer."""
        short = replace(self, wavenumber=6 * self.wavenumber, smoothness=8.0)
        exact = replace(self, model_error=0.0)
        return (self, short, exact) if self.model_error > 0 else (self, short)

    def improbability(self, start: "Hyperparameters") -> float:
        """Minus the logarithm of a wide prior about `start`, which regularises flat directions.

        It is log-normal with SD 2 of the logarithms (smoothness: 1).
        """
        ratios = [
            np.log(self.wavenumber / start.wavenumber) / 2,
            np.log(self.speed / start.speed) / 2,
            np.log(self.smoothness / start.smoothness),
        ]
        return 0.5 * float(np.square(ratios).sum())


class Band(NamedTuple):
    """One octave: the eigenvectors of its covariance and the data's powers along them."""

    spectrum: np.ndarray
    """[mode]."""
    variances: np.ndarray
    """[observation] variances of signal and errors per unit variance of the field, no noise."""
    vectors: np.ndarray
    """[observation, observation]."""
    powers: np.ndarray
    """[observation] sums over the coefficients, mV^2."""
    scale: float
    """Variance a of the field, mV^2."""
    noise: float
    """Variance of noise and rest, mV^2."""
    cost: float
    """Minus the logarithm of the marginal likelihood, up to a constant."""


@dataclass(frozen=True)
class WaveData:
    """Body potentials in the basis of time and in the range of the transfer matrix."""

    wavenumber: np.ndarray
    """[mode] 1/mm."""
    basis: TimeBasis
    gains: np.ndarray
    """Gains of the modes: [observation, mode]."""
    gain_changes: tuple[np.ndarray, ...]
    """Derivatives of the gains by changes of the geometry: [observation, mode] each."""
    coefficients: np.ndarray
    """[observation, coefficient] mV."""
    outside: tuple[float, int]
    """Energy (mV^2) and number of the data outside the range of the transfer matrix."""
    has_level: bool
    """Whether data determine a constant on the heart; else potentials have zero mean."""

    @classmethod
    def of(
        cls,
        modes: SurfaceModes,
        basis: TimeBasis,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        changes: Sequence[np.ndarray] = (),
    ) -> Self:
        """Reduce body potentials [electrode, time] mV to the range of the transfer matrix.

        The matrix is [electrode, node], as are `changes`, its derivatives by the geometry.
        """
        left, values, _ = np.linalg.svd(np.hstack([transfer, *changes]), full_matrices=False)
        kept = left[:, values > NEGLIGIBLE * values[0]]
        return cls.in_patterns(kept, modes, basis, [transfer, *changes], body_potentials)

    @classmethod
    def in_patterns(
        cls,
        patterns: np.ndarray,
        modes: SurfaceModes,
        basis: TimeBasis,
        transfer_and_changes: Sequence[np.ndarray],
        body_potentials: np.ndarray,
    ) -> Self:
        """Data in orthonormal patterns on the electrodes [electrode, observation]; see `of`."""
        transfer, *changes = transfer_and_changes
        coefficients = patterns.T @ body_potentials @ basis.matrix.T
        energy = float((body_potentials**2).sum() - (coefficients**2).sum())
        number = (len(transfer) - patterns.shape[1]) * body_potentials.shape[1]
        gains, *others = (patterns.T @ matrix @ modes.shapes for matrix in (transfer, *changes))
        outside = max(energy, 0.0), number
        constant, largest = np.linalg.norm(gains[:, 0]), np.linalg.norm(gains, axis=0).max()
        has_level = bool(constant > NEGLIGIBLE * largest)
        return cls(modes.wavenumber, basis, gains, tuple(others), coefficients, outside, has_level)

    def changed(self, change: np.ndarray) -> Self:
        """Data after a small change of the geometry, in units of `gain_changes`."""
        return replace(self, gains=self.gains + np.tensordot(change, self.gain_changes, 1))

    @cached_property
    def octaves(self) -> list[tuple[float, np.ndarray]]:
        """Frequency of each octave, rad/ms, and ids of its coefficients."""
        frequencies, band = self.basis.angular_frequency, self.basis.band
        return [(frequency, np.flatnonzero(band == k)) for k, frequency in enumerate(frequencies)]

    def bands(self, chosen: Hyperparameters) -> list[Band]:
        """Octaves under these hyperparameters."""
        return [self._band(chosen, *octave) for octave in self.octaves]

    def _band(self, chosen: Hyperparameters, frequency: float, octave: np.ndarray) -> Band:
        spectrum, variances, vectors = self.unit_covariance(chosen, frequency)
        powers = ((vectors.T @ self.coefficients) ** 2)[:, octave].sum(axis=1)
        number = len(octave)
        noise = float(chosen.noise_sd**2 + chosen.rest**2 * powers.mean() / number)
        scale, cost = _best_scale(variances, powers / number, noise)
        return Band(spectrum, variances, vectors, powers, scale, noise, number * cost)

    def unit_covariance(
        self, chosen: Hyperparameters, frequency: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Covariance of signal and errors per unit variance of the field, at a frequency (rad/ms).

        Returns:
            Spectrum [mode], eigenvalues [observation] and eigenvectors [observation, observation].
        """
        spectrum = wave_spectrum(
            self.wavenumber, frequency, chosen.wavenumber, chosen.speed, chosen.smoothness
        )
        spectrum[0] = FLAT if self.has_level else 0.0
        covariance = (self.gains * spectrum) @ self.gains.T
        variances, vectors = np.linalg.eigh(covariance)
        variances = np.clip(variances, 0.0, None)
        strongest = variances[-2] if self.has_level else variances[-1]
        mixed = np.minimum(variances, strongest)
        variances += chosen.model_error**2 * np.sqrt(strongest * mixed)
        return spectrum, variances, vectors

    def cost(self, chosen: Hyperparameters) -> float:
        """Minus the logarithm of the marginal likelihood, up to a constant."""
        energy, number = self.outside
        rest = 0.5 * energy / chosen.noise_sd**2 + number * np.log(chosen.noise_sd)
        return float(rest + sum(band.cost for band in self.bands(chosen)))

    def choose(
        self, starts: Sequence[Hyperparameters], centre: Hyperparameters
    ) -> tuple[Hyperparameters, float]:
        """Most probable hyperparameters, and minus the logarithm of their probability.

        The best of the searches from `starts` counts; parameters that are 0 stay 0. `centre` is
        that of the wide prior, `Hyperparameters.improbability`.
        """
        optima = [self._search(start, centre) for start in starts]
        return min(optima, key=lambda optimum: optimum[1])

    def _search(
        self, start: Hyperparameters, centre: Hyperparameters
    ) -> tuple[Hyperparameters, float]:
        used = np.array(astuple(start)) > 0

        def of(logs: np.ndarray) -> Hyperparameters:
            values = np.zeros(len(used))
            values[used] = np.exp(np.clip(logs, -30, 30))
            return Hyperparameters(*values)

        def cost(logs: np.ndarray) -> float:
            tried = of(logs)
            return self.cost(tried.within(centre)) + tried.improbability(centre)

        first = np.log(np.array(astuple(start))[used])
        simplex = np.vstack([first, first + 0.7 * np.eye(len(first))])
        # 1 is a likelihood ratio of e: a finer choice means nothing
        options = {"initial_simplex": simplex, "xatol": 0.2, "fatol": 1.0, "maxfev": N_TRIALS}
        optimum = minimize(cost, first, method="Nelder-Mead", options=options)
        if not optimum.success:
            raise NotConverged(
                f"waves: no largest marginal likelihood in {N_TRIALS} evaluations; is `time` in "
                "ms? Else take tikhonov-1"
            )
        return of(optimum.x).within(centre), float(optimum.fun)


def _best_scale(variances: np.ndarray, powers: np.ndarray, noise: float) -> tuple[float, float]:
    """Variance of the field of the largest marginal likelihood, mV^2, and cost per coefficient."""
    typical, logs = powers.sum() / variances.sum(), np.linspace(-14, 14, 57)
    for width in (0.5, 0.05):  # a grid, and a finer one around its best
        scale = typical * np.exp(logs)
        total = scale[:, None] * variances + noise
        cost = 0.5 * (powers / total + np.log(total)).sum(axis=1)
        best = int(np.argmin(cost))
        logs = logs[best] + width * np.linspace(-1, 1, 21)
    return float(scale[best]), float(cost[best])
