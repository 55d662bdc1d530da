"""Paths along the trees, and their ends, where they meet the muscle."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from einthoven.base.core.tags import Surface

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}
"""Side of a tree -> its endocardium."""


def first_arrival(delays: np.ndarray, edges: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Earliest time at each node of a graph: [node] ms, infinite where no path leads.

    Args:
        delays: [edge] ms, in either direction; infinite where nothing passes.
        edges: [edge, 2] nodes.
        first: [node] ms at which the wave starts there; infinite where it does not.
    """
    starts = np.flatnonzero(np.isfinite(first))
    if len(starts) == 0:
        return first.copy()
    # One more node has a directed edge to each start; explicit zeros are edges too.
    n, offset = len(first), first[starts].min()
    conducts = np.isfinite(delays)
    (a, b), between = edges[conducts].T, delays[conducts]
    row, col = np.concatenate([a, b, np.full(len(starts), n)]), np.concatenate([b, a, starts])
    weights = np.concatenate([between, between, first[starts] - offset])
    graph = coo_array((weights, (row, col)), shape=(n + 1, n + 1)).tocsr()
    return offset + dijkstra(graph, indices=n)[:-1]


def ends_of(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Tree nodes with at most one edge: tips and roots, and sites without a tree; all junctions."""
    return np.flatnonzero(np.bincount(edges.ravel(), minlength=n_nodes) <= 1)


def end_vertices(end_points: np.ndarray, surface_points: np.ndarray) -> np.ndarray:
    """Nearest surface point to each end: [end], where it meets the muscle."""
    return cKDTree(surface_points).query(end_points)[1]
