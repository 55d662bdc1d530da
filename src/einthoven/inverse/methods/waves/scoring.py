"""Slope and Fisher information of the marginal likelihood, for the search of a maximum.

For n coefficients y ~ N(0, C) with the sum of squares S = sum y y', minus the logarithm of the
likelihood has the slope and the information

    g_p = tr(C^-1 C_p (n - C^-1 S)) / 2,   F_pq = n tr(C^-1 C_p C^-1 C_q) / 2.

Each octave's variance of the field is profiled, so that its share is taken out of F.

References:
    Mardia, Marshall, Biometrika 71:135 (1984), doi:10.2307/2336405.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from einthoven.inverse.methods.waves.evidence import Band, Hyperparameters, WaveData

WIDTH = 1e-3
"""Step of difference quotients in the logarithm of a hyperparameter."""
CHANGE = 1e-3
"""Step of difference quotients along the changes of the geometry."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of minus the logarithm of the marginal likelihood at one place."""

    recording: WaveData
    chosen: Hyperparameters
    changes: Sequence[np.ndarray]
    """Derivatives of the gains by the first parameters: [observation, mode] each."""
    names: tuple[str, ...]
    """Hyperparameters whose logarithms are the other parameters; none is 0."""

    def gradient_and_information(self) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [parameter] and information [parameter, parameter]."""
        n = len(self.changes) + len(self.names)
        gradient, information = np.zeros(n), np.zeros((n, n))
        bands = self.recording.bands(self.chosen)
        for (frequency, octave), band in zip(self.recording.octaves, bands):
            n_coefficients = len(octave)
            rotated = (band.vectors.T @ self.recording.coefficients)[:, octave]
            weight = 1 / (band.scale * band.variances + band.noise)
            root = np.sqrt(weight)
            data = root[:, None] * rotated
            noise = self._noise_slopes((rotated**2).mean())
            white = root[:, None] * (band.scale * self._covariance_slopes(frequency, band)) * root
            white += noise[:, None, None] * np.diag(weight)
            explained = np.einsum("pij,ij->p", white, data @ data.T)
            gradient += 0.5 * (n_coefficients * np.einsum("pii->p", white) - explained)
            scale = band.scale * band.variances * weight
            shared = 0.5 * n_coefficients * np.einsum("pii,i->p", white, scale)
            profiled = 0.5 * n_coefficients * (scale**2).sum()
            flat = white.reshape(n, -1)
            information += 0.5 * n_coefficients * flat @ flat.T - (
                np.outer(shared, shared) / profiled
            )
        self._add_outside(gradient, information)
        return gradient, information

    def _covariance_slopes(self, frequency: float, band: Band) -> np.ndarray:
        """Slopes of the unit covariance, rotated: [parameter, observation, observation]."""

        def covariance(recording: WaveData, chosen: Hyperparameters) -> np.ndarray:
            _, variances, vectors = recording.unit_covariance(chosen, frequency)
            rotated = band.vectors.T @ vectors
            return (rotated * variances) @ rotated.T

        base, recording, chosen = np.diag(band.variances), self.recording, self.chosen
        slopes = []
        for change in self.changes:
            moved = replace(recording, gains=recording.gains + CHANGE * change)
            slopes.append((covariance(moved, chosen) - base) / CHANGE)
        for name in self.names:
            if name in ("noise_sd", "rest"):
                slopes.append(np.zeros_like(base))
                continue
            more = replace(chosen, **{name: getattr(chosen, name) * np.exp(WIDTH)})
            slopes.append((covariance(recording, more) - base) / WIDTH)
        return np.array(slopes)

    def _noise_slopes(self, power: float) -> np.ndarray:
        """Slopes of the white variance of an octave with a mean power: [parameter]."""
        slopes = {"noise_sd": 2 * self.chosen.noise_sd**2, "rest": 2 * self.chosen.rest**2 * power}
        others = [0.0] * len(self.changes)
        return np.array([*others, *(slopes.get(name, 0.0) for name in self.names)])

    def _add_outside(self, gradient: np.ndarray, information: np.ndarray) -> None:
        """Add the data outside the range of the transfer matrix, which depend on the noise only."""
        if "noise_sd" in self.names:
            k = len(self.changes) + self.names.index("noise_sd")
            energy, number = self.recording.outside
            gradient[k] += number - energy / self.chosen.noise_sd**2
            information[k, k] += 2 * number
