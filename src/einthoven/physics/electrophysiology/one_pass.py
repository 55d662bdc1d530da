"""First arrival in muscle, trees and fast layers in one pass: the fixed point of `capture`.

`capture.solve_coupled` solves the muscle and the trees in turn until neither gains. Here one queue,
ordered by time, holds the nodes of both, so that each is corrected about once; nothing else differs
(`tests/contract/test_imaging_simulator.py`). It is for many activations of one heart: what depends
on the mesh alone is made once, and chains of the trees that meet nothing are one edge.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from einthoven.physics.electrophysiology.eikonal import NEAR_RINGS
from einthoven.physics.electrophysiology.one_queue import (
    EDGES,
    Graph,
    Muscle,
    Rings,
    first_arrival_of,
)
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network


def graph_of(network: Network, n_heart: int) -> tuple[Graph, np.ndarray]:
    """Of a network, and the number of the network's edge at each edge end."""
    links, n = network.links, network.n_nodes
    (a, b), edge = network.edges.T, np.arange(len(network.edges))
    order, first = _sorted(np.concatenate([a, b]), n)
    out, exit_first = _sorted(links.node, n)
    into, entry_first = _sorted(links.heart, n_heart)
    edge = np.concatenate([edge, edge])[order]
    graph = Graph(
        first, np.concatenate([b, a])[order], network.delays[edge],
        exit_first, links.heart[out], links.out_ms[out],
        entry_first, links.node[into], links.in_ms[into],
    )  # fmt: skip
    return graph, edge


def contracted(network: Network) -> Network:
    """The same network with every chain of nodes that only pass the wave on as one edge."""
    degree = np.bincount(network.edges.ravel(), minlength=network.n_nodes)
    passes = degree == 2
    passes[network.links.node] = False
    passes[network.his] = False
    a, b = network.edges.T
    inner_edge = passes[a] & passes[b]
    pairs = (np.ones(inner_edge.sum(), bool), (a[inner_edge], b[inner_edge]))
    graph = coo_array(pairs, shape=(network.n_nodes,) * 2)
    chain = connected_components(graph, directed=False)[1]
    touching = passes[a] | passes[b]
    owner = np.where(passes[a], chain[a], chain[b])
    total = np.bincount(owner[touching], network.delays[touching], minlength=network.n_nodes)
    border = np.flatnonzero(touching & ~inner_edge)
    border = border[np.argsort(owner[border], kind="stable")]
    ends = np.where(passes[a], b, a)[border].reshape(-1, 2)  # a chain has two
    kept = ~touching
    number = np.cumsum(~passes) - 1
    edges = number[np.concatenate([network.edges[kept], ends])]
    delays = np.concatenate([network.delays[kept], total[owner[border[::2]]]])
    links = network.links._replace(node=number[network.links.node])
    return Network(edges, delays, links, int((~passes).sum()), network.n_junctions)


def rings_of(cells: np.ndarray, n_nodes: int) -> Rings:
    """Of a mesh with cells [cell, 4]."""
    row, col = np.repeat(cells, 4, axis=1).ravel(), np.tile(cells, (1, 4)).ravel()
    once = csr_array(coo_array((np.ones(len(row), bool), (row, col)), shape=(n_nodes,) * 2))
    near = once
    for _ in range(NEAR_RINGS - 1):
        near = near @ once
    near.sort_indices()
    return Rings(near.indptr.astype(np.int64), near.indices.astype(np.int64))


@dataclass(frozen=True, eq=False)
class OnePass:
    """The muscle of one heart with what any activation of it needs."""

    points: np.ndarray
    """[node, 3] mm."""
    cells: np.ndarray
    """[cell, 4]."""
    squares: np.ndarray
    """[cell, 6] mm^2, squared edges, in the order of `EDGES`."""
    squares_along: np.ndarray
    """[cell, 6] mm^2, squares of their parts along the fibres."""
    nodal_along: np.ndarray
    """[node, 6] f0 f0^T: xx, yy, zz, xy, xz, yz, mean over the tetrahedra around a node."""
    first: np.ndarray
    cells_of: np.ndarray
    corner_of: np.ndarray
    rings: Rings

    @classmethod
    def of(cls, points: np.ndarray, cells: np.ndarray, f0: np.ndarray) -> Self:
        """Of a mesh [node, 3] mm, [cell, 4] with unit fibres [cell, 3]."""
        points, cells = np.ascontiguousarray(points, float), np.ascontiguousarray(cells, np.int64)
        order, first = _sorted(cells.ravel(), len(points))
        f0 = np.asarray(f0, float) / np.linalg.norm(f0, axis=1, keepdims=True)
        i, j = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
        along = f0[:, i] * f0[:, j]
        edges = np.subtract(*(points[cells[:, ends]] for ends in zip(*EDGES)))
        squares, squares_along = (edges**2).sum(axis=2), np.einsum("ced,cd->ce", edges, f0) ** 2
        nodal = np.add.reduceat(along[order // 4], first[:-1]) / np.diff(first)[:, None]
        rings = rings_of(cells, len(points))
        return cls(
            points, cells, squares, squares_along, nodal, first, order // 4, order % 4, rings
        )

    def arrival(
        self,
        speeds: tuple[float, float],
        graph: Graph,
        start: np.ndarray,
        his_ms: float = np.inf,
    ) -> np.ndarray:
        """First arrival [node] ms.

        Args:
            speeds: along and across the fibres, mm/ms.
            graph: of the trees and the fast layers, with delays in ms.
            start: [node] ms when the wave starts there; infinite where it does not.
            his_ms: when it leaves the His bundle; infinite if it does not.
        """
        across, more = speeds[1] ** -2, speeds[0] ** -2 - speeds[1] ** -2
        squares = across * self.squares + more * self.squares_along
        nodal = more * self.nodal_along
        nodal[:, :3] += across
        mesh = Muscle(self.points, self.cells, squares, self.first, self.cells_of, self.corner_of)
        return first_arrival_of(mesh, nodal, self.rings, graph, (start, his_ms))


def _sorted(of: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Order by number, and where each number begins: [n + 1]."""
    return np.argsort(of, kind="stable"), np.concatenate(
        [[0], np.cumsum(np.bincount(of, minlength=n))]
    )
