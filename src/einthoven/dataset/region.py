"""The part of a mesh at which a store keeps the lead field."""

import numpy as np
from scipy.spatial import cKDTree

from einthoven.core.tags import Surface

SHELL_MM = 10.0
"""Around the heart, for plots and electrograms close to it."""


def region_of_interest(
    points: np.ndarray, facets: np.ndarray, facet_tags: np.ndarray, n_heart_nodes: int
) -> np.ndarray:
    """The heart, all within 10 mm of its nodes, and the skin.

    Elsewhere Z is smooth and says nothing about sources; of a paper-size mesh two thirds of the
    nodes are left.

    Args:
        points: [node, 3] mm, heart nodes first.
        facets: [facet, 3].
        facet_tags: [facet] core.tags.Surface.
        n_heart_nodes: number of heart nodes.

    Returns:
        node ids, ascending; the first `n_heart_nodes` are the heart.
    """
    distance, _ = cKDTree(points[:n_heart_nodes]).query(points, distance_upper_bound=SHELL_MM)
    kept = np.isfinite(distance)
    kept[:n_heart_nodes] = True
    kept[facets[facet_tags == Surface.SKIN]] = True
    return np.flatnonzero(kept).astype(np.int32)
