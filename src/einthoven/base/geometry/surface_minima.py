"""Local minima of a function on a triangle mesh, by prominence and distance."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.geometry.triangles import unique_edges


@dataclass(frozen=True, eq=False)
class Minima:
    """Local minima of a function on a surface, the lowest first."""

    nodes: np.ndarray
    """[minimum] row of `points`."""
    values: np.ndarray
    """[minimum]."""
    prominence: np.ndarray
    """[minimum] height of the lowest pass to a lower minimum above it; infinite for the lowest of a
    connected surface."""

    def kept(self, flags: np.ndarray) -> Self:
        """A subset of the minima."""
        return type(self)(self.nodes[flags], self.values[flags], self.prominence[flags])


def surface_minima(triangles: np.ndarray, values: np.ndarray) -> Minima:
    """All local minima of values [node] along the edges of triangles, with their prominences.

    Nodes are added from the lowest to the highest; where two basins meet, the one with the higher
    minimum ends (persistence of dimension zero of the sublevel sets; Edelsbrunner, Letscher and
    Zomorodian 2002, doi:10.1007/s00454-002-2885-2). Nodes outside the triangles are ignored.
    """
    check.finite("values", values[np.unique(triangles)])
    edges = unique_edges(np.asarray(triangles))[0]
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    # an edge joins basins when its later node is reached
    later = rank[edges].max(axis=1)
    basin = {int(node): int(node) for node in np.unique(edges)}
    pass_value = dict.fromkeys(basin, np.inf)

    def lowest(node: int) -> int:
        while basin[node] != node:
            basin[node] = basin[basin[node]]
            node = basin[node]
        return node

    for k in np.argsort(later, kind="stable"):
        first, second = sorted((lowest(int(edges[k, 0])), lowest(int(edges[k, 1]))),
                               key=lambda node: rank[node])  # fmt: skip
        if first != second:
            basin[second] = first
            pass_value[second] = float(values[edges[k]].max())
    # a node that joined a basin when it was reached was no minimum
    minima = sorted((n for n in basin if pass_value[n] > values[n]), key=lambda n: rank[n])
    nodes = np.array(minima, np.int64)
    return Minima(nodes, values[nodes], np.array([pass_value[n] for n in minima]) - values[nodes])


def apart(minima: Minima, points: np.ndarray, radius_mm: float) -> Minima:
    """The minima without those nearer than a radius to a lower one kept; points [node, 3] mm."""
    kept: list[int] = []
    for k, node in enumerate(minima.nodes):
        distance = np.linalg.norm(points[minima.nodes[kept]] - points[node], axis=1)
        if (distance >= radius_mm).all():
            kept.append(k)
    return minima.kept(np.array(kept, np.int64))
