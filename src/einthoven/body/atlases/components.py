"""Checks of published principal components: orientation, order and scale of their matrices."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput

ORTHONORMAL = 1e-2
"""Largest deviation of the modes' Gram matrix; seven-digit files stay far below."""
SHARE = 0.03
"""Largest deviation of a cumulative share of variance from the published one."""
RMS = 0.25
"""Largest relative deviation of the total variation from the published one."""


def principal_components(
    vectors: np.ndarray, variances: np.ndarray, n_coordinates: int, n_modes: int, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """The first modes and their standard deviations, checked.

    Args:
        vectors: [n_coordinates, mode] or [mode, n_coordinates]; the sizes decide which.
        variances: [mode] mm^2, of all modes of the file.
        n_coordinates: length of a shape vector, three times its points.
        n_modes: number of modes to keep; all, if the file has fewer.
        path: of the file, for messages.

    Returns:
        modes [mode, n_coordinates], orthonormal, and sds [mode] mm.

    Raises:
        BadInput: sizes do not fit, modes are not orthonormal, variances do not decrease.
    """
    variances = finite(f"{path}: variances", np.ravel(variances)).astype(float)
    vectors = np.asarray(vectors)
    if vectors.ndim == 1:
        vectors = vectors[:, None]
    if vectors.shape[0] == n_coordinates and vectors.shape[1] != n_coordinates:
        vectors = vectors.T
    if vectors.shape != (len(variances), n_coordinates):
        raise BadInput(
            f"{path}: modes of shape {vectors.shape} fit neither {len(variances)} variances nor "
            f"{n_coordinates // 3} points with three coordinates; files of another part or phase?"
        )
    if np.any(variances[:n_modes] <= 0) or np.any(np.diff(variances) > 1e-6 * variances[0]):
        raise BadInput(f"{path}: variances must be positive and decrease; are they sorted upwards?")
    modes = finite(f"{path}: modes", vectors[:n_modes]).astype(float)
    apart = np.abs(modes @ modes.T - np.eye(len(modes))).max()
    if apart > ORTHONORMAL:
        raise BadInput(
            f"{path}: modes are not orthonormal (off by {apart:.2g}); scaled by SD, or truncated?"
        )
    return modes, np.sqrt(variances[:n_modes])


def check_shares(variances: np.ndarray, published: Mapping[int, float], path: Path) -> None:
    """Compare cumulative shares of variance with published ones.

    Args:
        variances: [mode], of all modes.
        published: number of modes -> share of the variance that they hold, 0 to 1.
        path: of the file, for messages.

    Raises:
        BadInput: they differ, e.g. because standard deviations were read as variances.
    """
    ours = share_of(variances)
    for n_modes, share in published.items():
        if abs(ours[min(n_modes, len(ours)) - 1] - share) > SHARE:
            squared = share_of(np.ravel(variances) ** 2)
            cause = "another atlas or phase?"
            if abs(squared[min(n_modes, len(ours)) - 1] - share) <= SHARE:
                cause = "these are standard deviations, not variances"
            raise BadInput(
                f"{path}: {n_modes} modes hold {100 * ours[min(n_modes, len(ours)) - 1]:.0f} % of "
                f"the variance, published are {100 * share:.0f} %; {cause}"
            )


def check_spread(variances: np.ndarray, n_points: int, published_mm: float, path: Path) -> None:
    """Compare the total variation, in mm RMS per point, with the published one.

    Raises:
        BadInput: it differs, as it does for metres, centimetres or standardised scores.
    """
    rms = float(np.sqrt(np.sum(variances) / n_points))
    if abs(rms / published_mm - 1) > RMS:
        raise BadInput(
            f"{path}: shapes vary by {rms:.3g} mm per point, published are {published_mm:g} mm; "
            "are these mm^2?"
        )


def share_of(variances: np.ndarray) -> np.ndarray:
    """Cumulative share [mode] of the variance."""
    variances = np.ravel(variances).astype(float)
    return np.cumsum(variances) / variances.sum()


def as_points(modes: np.ndarray, n_points: int) -> np.ndarray:
    """Modes [mode, vertex, 3] from vectors x1 y1 z1 x2 y2 z2 ... [mode, 3 * vertex]."""
    return shape("modes", modes, (None, 3 * n_points)).reshape(len(modes), n_points, 3)
