"""Orthonormal basis of time: cosines, sorted into octaves."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import BadInput

SHORTEST = 8
"""Least number of samples of a recording."""


@dataclass(frozen=True)
class TimeBasis:
    """An orthonormal basis of a recording's samples."""

    matrix: np.ndarray
    """[coefficient, sample] 1, orthonormal rows."""
    band: np.ndarray
    """[coefficient] number of the octave."""
    angular_frequency: np.ndarray
    """[band] rad/ms, root of the mean square in the octave."""


def octave_cosines(n_samples: int, step: float) -> TimeBasis:
    """Cosines of the DCT-II, which need not vanish at the ends, sorted into octaves; `step` in ms.

    Octaves start at the lowest frequency that is not zero.

    Raises:
        BadInput: fewer than 8 samples.
    """
    if n_samples < SHORTEST:
        raise BadInput(f"time: {n_samples} samples are too few for octaves; {SHORTEST} are needed")
    order, at = np.arange(n_samples), np.arange(n_samples) + 0.5
    cosines = np.sqrt(2 / n_samples) * np.cos(np.pi * order[:, None] * at / n_samples)
    cosines[0] /= np.sqrt(2)
    frequency, lowest = np.pi * order / (n_samples * step), np.pi / (n_samples * step)
    octave = np.floor(np.log2(np.maximum(frequency, lowest) / lowest) + 1e-9).astype(int)
    _, band = np.unique(octave, return_inverse=True)
    mean_sq = np.bincount(band, frequency**2) / np.bincount(band)
    return TimeBasis(cosines, band, np.sqrt(mean_sq))
