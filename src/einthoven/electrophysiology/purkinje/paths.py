"""Paths along a tree and the places where its tips reach the muscle."""

from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from einthoven.core.errors import StepFailed
from einthoven.core.tags import Surface
from einthoven.patient.activation import PurkinjeTree

SIDES = {-1: Surface.LV_ENDO, 1: Surface.RV_ENDO}


class OneTree(NamedTuple):
    """The tree of one side, in a numbering of its own in which the root is node 0."""

    nodes: np.ndarray
    """[node] tree nodes of `PurkinjeTree`."""
    points: np.ndarray
    """[node, 3] mm."""
    edges: np.ndarray
    """[edge, 2]."""

    @classmethod
    def of(cls, tree: PurkinjeTree, side: int) -> Self:
        """That of the LV (-1) or the RV (+1)."""
        nodes = np.flatnonzero(tree.tree_side == side)
        of_side = tree.tree_side[tree.tree_edges[:, 0]] == side
        edges = np.searchsorted(nodes, tree.tree_edges[of_side])
        return cls(nodes, tree.tree_points[nodes], edges)


def path_lengths(points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Length of the path along the tree from node 0, its root, to each node, mm [tree_node].

    Raises:
        StepFailed: the tree is in pieces.
    """
    steps = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
    graph = coo_array((steps, edges.T), shape=(len(points), len(points))).tocsr()
    lengths = dijkstra(graph, directed=False, indices=0)
    if cut_off := int(np.isinf(lengths).sum()):
        raise StepFailed(f"purkinje: {cut_off} tree nodes are cut off the root")
    return lengths


def tips_of(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Tree nodes with one edge, without the root."""
    tips = np.flatnonzero(np.bincount(edges.ravel(), minlength=n_nodes) == 1)
    return tips[tips != 0]


def tip_vertices(tip_points: np.ndarray, surface_points: np.ndarray) -> np.ndarray:
    """Surface point [tip] that is nearest to each tip, where it reaches the muscle."""
    return cKDTree(surface_points).query(tip_points)[1]
