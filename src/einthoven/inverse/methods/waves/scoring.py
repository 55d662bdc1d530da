"""Slope and Fisher information of the marginal likelihood, for the search of a maximum.

Of coefficients y ~ N(0, C), n of them with the sum of squares S = sum y y', minus the logarithm of
the likelihood has the slope and the information (Mardia and Marshall 1984, doi:10.2307/2336405)

    g_p = tr(C^-1 C_p (n - C^-1 S)) / 2,   F_pq = n tr(C^-1 C_p C^-1 C_q) / 2.

Each group's variance of the field is always the best one, so that its share is taken out of F.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from einthoven.inverse.methods.waves.evidence import Band, Hyperparameters, WaveData

WIDTH = 1e-3
"""Of differences in the logarithm of a hyperparameter."""
CHANGE = 1e-3
"""Of differences along the changes of the geometry, in units of these."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Of minus the logarithm of the marginal likelihood, at one place."""

    recording: WaveData
    chosen: Hyperparameters
    changes: Sequence[np.ndarray]
    """[observation, mode] of the gains, with each of the first parameters."""
    names: tuple[str, ...]
    """Hyperparameters that are the other parameters, by their logarithms; none of them 0."""

    def gradient_and_information(self) -> tuple[np.ndarray, np.ndarray]:
        """[parameter] and [parameter, parameter]."""
        n = len(self.changes) + len(self.names)
        gradient, information = np.zeros(n), np.zeros((n, n))
        bands = self.recording.bands(self.chosen)
        for (frequency, groups), band in zip(self.recording.octaves, bands):
            turned = band.vectors.T @ self.recording.coefficients
            slopes = self._of_unit_covariance(frequency, band)
            for k, group in enumerate(groups):
                weight = 1 / (band.scale[k] * band.variances + band.noise[k])
                root = np.sqrt(weight)
                data = root[:, None] * turned[:, group]
                of_noise = self._of_noise((turned[:, group] ** 2).mean())
                white = root[:, None] * (band.scale[k] * slopes) * root
                white += of_noise[:, None, None] * np.diag(weight)
                explained = np.einsum("pij,ij->p", white, data @ data.T)
                gradient += 0.5 * (len(group) * np.einsum("pii->p", white) - explained)
                of_scale = band.scale[k] * band.variances * weight
                shared = 0.5 * len(group) * np.einsum("pii,i->p", white, of_scale)
                own = 0.5 * len(group) * (of_scale**2).sum()
                flat = white.reshape(n, -1)
                information += 0.5 * len(group) * flat @ flat.T - np.outer(shared, shared) / own
        self._add_outside(gradient, information)
        return gradient, information

    def _of_unit_covariance(self, frequency: float, band: Band) -> np.ndarray:
        """In the eigenvectors of the band: [parameter, observation, observation]."""

        def at(recording: WaveData, chosen: Hyperparameters) -> np.ndarray:
            _, variances, vectors = recording.unit_covariance(chosen, frequency)
            turned = band.vectors.T @ vectors
            return (turned * variances) @ turned.T

        here, recording, chosen = np.diag(band.variances), self.recording, self.chosen
        found = [
            (at(replace(recording, gains=recording.gains + CHANGE * change), chosen) - here)
            / CHANGE
            for change in self.changes
        ]
        for name in self.names:
            if name in ("noise_sd", "rest"):
                found.append(np.zeros_like(here))
                continue
            more = replace(chosen, **{name: getattr(chosen, name) * np.exp(WIDTH)})
            found.append((at(recording, more) - here) / WIDTH)
        return np.array(found)

    def _of_noise(self, power: float) -> np.ndarray:
        """Slopes of the white variance of a group with a mean power: [parameter]."""
        slopes = {"noise_sd": 2 * self.chosen.noise_sd**2, "rest": 2 * self.chosen.rest**2 * power}
        others = [0.0] * len(self.changes)
        return np.array([*others, *(slopes.get(name, 0.0) for name in self.names)])

    def _add_outside(self, gradient: np.ndarray, information: np.ndarray) -> None:
        """The data that no potential on the heart explains know of the noise only."""
        if "noise_sd" in self.names:
            k = len(self.changes) + self.names.index("noise_sd")
            energy, number = self.recording.outside
            gradient[k] += number - energy / self.chosen.noise_sd**2
            information[k, k] += 2 * number
