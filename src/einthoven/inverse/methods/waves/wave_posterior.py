"""Mean, standard deviation and draws of the heart's potentials."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from einthoven.inverse.methods.waves.evidence import Band, Hyperparameters, WaveData
from einthoven.inverse.methods.waves.prior import SurfaceModes


@dataclass(frozen=True)
class WavePosterior:
    """Posterior under the wave prior with the hyperparameters chosen."""

    modes: SurfaceModes
    recording: WaveData
    chosen: Hyperparameters
    pose_root: np.ndarray | None = None
    """Square root of the covariance of the geometry, in the recording's `gain_changes`:
    [change, direction]; None: the geometry is known."""

    @cached_property
    def bands(self) -> list[Band]:
        """Octaves under the hyperparameters."""
        return self.recording.bands(self.chosen)

    @cached_property
    def mean(self) -> np.ndarray:
        """Posterior mean: [node, time] mV."""
        return self._on_nodes(self._estimate(self.recording.coefficients))

    @cached_property
    def sd(self) -> np.ndarray:
        """Standard deviation: [node, time] mV."""
        shapes, n = self.modes.shapes, self.recording.basis.matrix.shape[0]
        variance = np.zeros((len(shapes), n))
        for band, groups in zip(self.bands, self._groups):
            spread = shapes * band.spectrum
            before = (spread * shapes).sum(axis=1)
            known = (spread @ (self.recording.gains.T @ band.vectors)) ** 2
            for group, scale, noise in zip(groups, band.scale, band.noise):
                learned = known @ (1 / (scale * band.variances + noise))
                after = scale * before - scale**2 * learned
                variance[:, group] = np.clip(after, 0.0, None)[:, None]
        total = variance @ self.recording.basis.matrix**2
        if self.pose_root is not None:  # the law of total variance, to first order
            total = total + sum(
                (self._changed(step).mean - self.mean) ** 2 for step in self.pose_root.T
            )
        return np.sqrt(total)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """One draw of the potentials, by Matheron's rule: [node, time] mV."""
        if self.pose_root is not None:
            change = self.pose_root @ generator.standard_normal(self.pose_root.shape[1])
            return self._changed(change).draw(generator)
        field = np.zeros((len(self.modes.wavenumber), len(self.recording.basis.matrix)))
        recorded = np.zeros_like(self.recording.coefficients)
        for band, groups in zip(self.bands, self._groups):
            for group, scale, noise in zip(groups, band.scale, band.noise):
                unit = generator.standard_normal((len(field), len(group)))
                field[:, group] = np.sqrt(scale * band.spectrum)[:, None] * unit
                recorded[:, group] = self.recording.gains @ field[:, group]
                rest = self._unexplained(band, scale, noise)
                recorded[:, group] += rest @ generator.standard_normal((len(recorded), len(group)))
        return self._on_nodes(field + self._estimate(self.recording.coefficients - recorded))

    def _changed(self, change: np.ndarray) -> "WavePosterior":
        """Posterior in a geometry changed by a known amount."""
        return WavePosterior(self.modes, self.recording.changed(change), self.chosen)

    @property
    def _groups(self) -> list[list[np.ndarray]]:
        return [groups for _, groups in self.recording.octaves]

    def _unexplained(self, band: Band, scale: float, noise: float) -> np.ndarray:
        """Square root of the covariance of noise and errors: [observation, observation]."""
        gains = self.recording.gains
        signal = scale * (gains * band.spectrum) @ gains.T
        total = (band.vectors * (scale * band.variances + noise)) @ band.vectors.T
        values, vectors = np.linalg.eigh(total - signal)
        return vectors * np.sqrt(np.clip(values, 0.0, None))

    def _estimate(self, coefficients: np.ndarray) -> np.ndarray:
        """Conditional mean of the modes: [mode, coefficient] mV."""
        field = np.zeros((len(self.modes.wavenumber), coefficients.shape[1]))
        for band, groups in zip(self.bands, self._groups):
            back = band.spectrum[:, None] * self.recording.gains.T @ band.vectors
            for group, scale, noise in zip(groups, band.scale, band.noise):
                weights = scale / (scale * band.variances + noise)
                field[:, group] = back @ (
                    weights[:, None] * (band.vectors.T @ coefficients[:, group])
                )
        return field

    def _on_nodes(self, field: np.ndarray) -> np.ndarray:
        """Potentials [node, time] mV of modes and coefficients."""
        return self.modes.shapes @ field @ self.recording.basis.matrix
