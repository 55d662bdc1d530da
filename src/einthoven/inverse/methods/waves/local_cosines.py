"""Orthonormal basis of time: cosines of overlapping windows, sorted into octaves."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

SHORTEST = 8
"""Least number of samples of a window."""


@dataclass(frozen=True)
class TimeBasis:
    """An orthonormal basis of a recording's samples, its functions sorted into groups."""

    matrix: np.ndarray
    """[coefficient, sample] 1, orthonormal rows."""
    band: np.ndarray
    """[coefficient] number of the octave."""
    group: np.ndarray
    """[coefficient] number of the window and octave together."""
    angular_frequency: np.ndarray
    """[band] rad/ms, root of the mean square in the octave."""


def local_cosines(n_samples: int, step: float, n_windows: int) -> TimeBasis:
    """Cosines under `n_windows` equal smooth windows.

    One window gives the cosines of the DCT-II, which need not vanish at the ends. With more, they
    overlap by half, and the outer ends are sharp. White noise stays white in the basis.

    Args:
        n_samples: of the recording.
        step: of time, ms.
        n_windows: number of windows.

    Returns:
        The basis; octaves start at the lowest frequency that is not zero.

    Raises:
        BadInput: windows shorter than 8 samples.

    References:
        Malvar, IEEE Trans Acoust Speech Signal Process 38:969 (1990), doi:10.1109/29.56057.
    """
    if n_samples < SHORTEST * check.between("n_windows", n_windows, 1, 4096):
        raise BadInput(
            f"time: {n_samples} samples are too few for {n_windows} windows; "
            f"{SHORTEST} each are needed"
        )
    ends = np.round(np.linspace(0, n_samples, n_windows + 1)).astype(int)
    functions = [_one_window(n_samples, ends, k) for k in range(n_windows)]
    window = np.repeat(np.arange(n_windows), [len(rows) for rows in functions])
    length = np.diff(ends)[window]
    order = np.concatenate([np.arange(len(rows)) for rows in functions])
    frequency = np.pi * (order + (0.5 if n_windows > 1 else 0.0)) / (length * step)
    lowest = np.pi * (0.5 if n_windows > 1 else 1.0) / (np.diff(ends).max() * step)
    band = np.floor(np.log2(np.maximum(frequency, lowest) / lowest) + 1e-9).astype(int)
    _, band = np.unique(band, return_inverse=True)
    mean_sq = np.bincount(band, frequency**2) / np.bincount(band)
    _, group = np.unique(window * (band.max() + 1) + band, return_inverse=True)
    return TimeBasis(np.concatenate(functions), band, group, np.sqrt(mean_sq))


def _one_window(n_samples: int, ends: np.ndarray, k: int) -> np.ndarray:
    """Functions of window k: [coefficient, sample]."""
    at = np.arange(n_samples) + 0.5
    start, end = ends[k], ends[k + 1]
    n = np.arange(end - start)[:, None]
    if len(ends) == 2:
        cosines = np.sqrt(2 / n_samples) * np.cos(np.pi * n * at / n_samples)
        cosines[0] /= np.sqrt(2)
        return cosines
    half = int(np.diff(ends).min()) // 2  # of an overlap
    rise = _rise((at - start) / half) if k > 0 else (at >= start).astype(float)
    fall = _rise((end - at) / half) if k < len(ends) - 2 else (at <= end).astype(float)
    cosines = np.cos(np.pi * (n + 0.5) * (at - start) / (end - start))
    return np.sqrt(2 / (end - start)) * rise * fall * cosines


def _rise(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at -1 to 1 at 1, with rise(x)^2 + rise(-x)^2 = 1."""
    return np.sin(np.pi / 4 * (1 + np.sin(np.pi / 2 * np.clip(x, -1, 1))))
