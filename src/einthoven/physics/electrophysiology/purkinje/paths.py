"""Paths along the trees and the places where they reach the muscle."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from einthoven.base.core.tags import Surface

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}


def first_arrival(delays: np.ndarray, edges: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Earliest time at each node of a graph: [node] ms, infinite where no way leads.

    Args:
        delays: [edge] ms, in either direction; infinite where nothing passes.
        edges: [edge, 2] nodes.
        first: [node] ms when the wave starts there; infinite where it does not.
    """
    starts = np.flatnonzero(np.isfinite(first))
    if len(starts) == 0:
        return first.copy()
    # One more node, from which a directed edge leads to each start; zeros are explicit edges.
    n, offset = len(first), first[starts].min()
    whole = np.isfinite(delays)
    (a, b), open_ = edges[whole].T, delays[whole]
    row, col = np.concatenate([a, b, np.full(len(starts), n)]), np.concatenate([b, a, starts])
    weights = np.concatenate([open_, open_, first[starts] - offset])
    graph = coo_array((weights, (row, col)), shape=(n + 1, n + 1)).tocsr()
    return offset + dijkstra(graph, indices=n)[:-1]


def ends_of(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Tree nodes with one edge: tips and roots, which both reach the muscle."""
    return np.flatnonzero(np.bincount(edges.ravel(), minlength=n_nodes) == 1)


def end_vertices(end_points: np.ndarray, surface_points: np.ndarray) -> np.ndarray:
    """Surface point [end] that is nearest to each end, where it reaches the muscle."""
    return cKDTree(surface_points).query(end_points)[1]
