"""Different activation maps of one heart with nearly one ECG, found among its simulated beats.

Twelve leads do not tell all of an activation (Grandits 2025, doi:10.1016/j.media.2025.103641). A
pair of beats whose ECGs are alike and whose maps are not is where to look; a twin fitted to the
ECG of one from the map of the other then gives two maps with one ECG.
"""

from typing import NamedTuple

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput


class Pair(NamedTuple):
    """Two beats of one heart."""

    first: int
    second: int
    ecg_difference: float
    """Norm of the difference of the ECGs over the geometric mean of their norms."""
    map_difference_ms: float
    """Mean absolute difference of the activation times."""


def most_alike(ecg: np.ndarray, maps: np.ndarray, least_ms: float) -> Pair:
    """The two beats with the most similar ECGs among those whose maps differ by `least_ms`.

    Args:
        ecg: [beat, lead, time] mV, of one heart.
        maps: [beat, point] ms.
        least_ms: least mean absolute difference of the maps.

    Raises:
        BadInput: shapes that do not fit, NaN, or no two maps that differ so much.
    """
    flat = check.finite("ecg", check.shape("ecg", ecg, (len(maps), None, None)))
    flat = flat.reshape(len(maps), -1).astype(np.float64)
    between = np.abs(maps[:, None] - maps[None]).mean(axis=2)
    products = flat @ flat.T
    norms = np.sqrt(np.diag(products))
    squared = np.diag(products)[:, None] + np.diag(products)[None] - 2 * products
    difference = np.sqrt(np.maximum(squared, 0.0) / np.outer(norms, norms))
    difference[between < least_ms] = np.inf
    first, second = np.unravel_index(difference.argmin(), difference.shape)
    if not np.isfinite(difference[first, second]):
        raise BadInput(f"maps: no two of {len(maps)} differ by {least_ms:g} ms on average")
    return Pair(int(first), int(second), float(difference[first, second]),
                float(between[first, second]))  # fmt: skip
