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
        for band, (_, octave) in zip(self.bands, self.recording.octaves):
            spread = shapes * band.spectrum
            before = (spread * shapes).sum(axis=1)
            known = (spread @ (self.recording.gains.T @ band.vectors)) ** 2
            learned = known @ (1 / (band.scale * band.variances + band.noise))
            after = band.scale * before - band.scale**2 * learned
            variance[:, octave] = np.clip(after, 0.0, None)[:, None]
        total = variance @ self.recording.basis.matrix**2
        if self.pose_root is not None:  # the law of total variance, to first order
            shifts = (self._changed(step).mean - self.mean for step in self.pose_root.T)
            total = total + sum(shift**2 for shift in shifts)
        return np.sqrt(total)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """One draw of the potentials, by Matheron's rule: [node, time] mV."""
        if self.pose_root is not None:
            change = self.pose_root @ generator.standard_normal(self.pose_root.shape[1])
            return self._changed(change).draw(generator)
        field = np.zeros((len(self.modes.wavenumber), len(self.recording.basis.matrix)))
        recorded = np.zeros_like(self.recording.coefficients)
        for band, (_, octave) in zip(self.bands, self.recording.octaves):
            unit = generator.standard_normal((len(field), len(octave)))
            field[:, octave] = np.sqrt(band.scale * band.spectrum)[:, None] * unit
            recorded[:, octave] = self.recording.gains @ field[:, octave]
            noise = generator.standard_normal((len(recorded), len(octave)))
            recorded[:, octave] += self._unexplained(band) @ noise
        return self._on_nodes(field + self._estimate(self.recording.coefficients - recorded))

    def _changed(self, change: np.ndarray) -> "WavePosterior":
        """Posterior in a geometry changed by a known amount."""
        return WavePosterior(self.modes, self.recording.changed(change), self.chosen)

    def _unexplained(self, band: Band) -> np.ndarray:
        """Square root of the covariance of noise and errors: [observation, observation]."""
        gains = self.recording.gains
        signal = band.scale * (gains * band.spectrum) @ gains.T
        total = (band.vectors * (band.scale * band.variances + band.noise)) @ band.vectors.T
        values, vectors = np.linalg.eigh(total - signal)
        return vectors * np.sqrt(np.clip(values, 0.0, None))

    def _estimate(self, coefficients: np.ndarray) -> np.ndarray:
        """Conditional mean of the modes: [mode, coefficient] mV."""
        field = np.zeros((len(self.modes.wavenumber), coefficients.shape[1]))
        for band, (_, octave) in zip(self.bands, self.recording.octaves):
            back = band.spectrum[:, None] * self.recording.gains.T @ band.vectors
            weights = band.scale / (band.scale * band.variances + band.noise)
            rotated = band.vectors.T @ coefficients[:, octave]
            field[:, octave] = back @ (weights[:, None] * rotated)
        return field

    def _on_nodes(self, field: np.ndarray) -> np.ndarray:
        """Potentials [node, time] mV of modes and coefficients."""
        return self.modes.shapes @ field @ self.recording.basis.matrix
