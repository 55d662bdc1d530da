"""Both trees, their bundles and the His bundle as one graph, along which a wave takes time.

A bundle joins the His bundle to the root of its tree, and conducts in both directions as the tree
does: a wave that enters the right tree from the muscle may climb to the His bundle and descend
into the left one, unless a block cuts its way.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from einthoven.core.errors import BadInput
from einthoven.electrophysiology.purkinje.paths import (
    SIDES,
    OneTree,
    path_lengths,
    tip_vertices,
    tips_of,
)
from einthoven.patient.activation import PurkinjeTree
from einthoven.patient.patient import Patient

ONE_SPEED_MS = 1e-6
"""Junction times may differ by this from the lengths of their paths over one speed."""


@dataclass(frozen=True, eq=False)
class Network:
    """The conduction system as a graph; its last node is the His bundle.

    A junction is reached from the muscle and reaches it through the tips that end nearest to its
    heart node: each such pair is a link.
    """

    edges: np.ndarray
    """[edge, 2] nodes."""
    delays: np.ndarray
    """[edge] ms, in either direction; infinite where a block cuts it."""
    link_tip: np.ndarray
    """[link] node."""
    link_heart: np.ndarray
    """[link] heart node."""
    n_nodes: int

    @classmethod
    def of(cls, patient: Patient) -> Self:
        """The network of a patient's trees; a side without a junction is not joined to the His.

        Nothing but the junctions' times tells the speed and the length of a bundle: a junction's
        time is (bundle + path) / speed, so that two paths give both.

        Raises:
            BadInput: junction times that are not those of one speed.
        """
        tree, his = patient.purkinje, len(patient.purkinje.tree_points)
        edges, delays = tree.tree_edges.astype(np.int64), np.full(len(tree.tree_edges), np.inf)
        steps = np.linalg.norm(np.diff(tree.tree_points[edges], axis=1)[:, 0], axis=1)
        links, bundles = [np.empty((0, 2), np.int64)], dict[int, float]()
        for side in SIDES:
            if not np.any(tree.pmj_side == side):
                continue
            links.append(_links(patient, side))
            slowness, bundle_ms = _timing(tree, side, links[-1])
            of_side = tree.tree_side[edges[:, 0]] == side
            delays[of_side] = steps[of_side] * slowness
            bundles[int(np.flatnonzero(tree.tree_side == side)[0])] = bundle_ms
        joined = np.array([(his, root) for root in bundles], np.int64).reshape(-1, 2)
        link = np.concatenate(links)
        return cls(
            np.concatenate([edges, joined]),
            np.concatenate([delays, list(bundles.values())]),
            *(link[:, 0], link[:, 1]),
            his + 1,
        )

    @property
    def his(self) -> int:
        """Node of the His bundle."""
        return self.n_nodes - 1

    def faster(self, factor: float) -> Self:
        """The same network at a multiple of its speed."""
        return replace(self, delays=self.delays / factor)

    def without(self, edges: np.ndarray) -> Self:
        """The same network with some edges [k] cut."""
        delays = self.delays.copy()
        delays[edges] = np.inf
        return replace(self, delays=delays)

    def arrival(self, his_ms: float, entry_ms: np.ndarray) -> np.ndarray:
        """Earliest time of a wave at each node: [node] ms, infinite where none comes.

        Args:
            his_ms: when it leaves the His bundle; infinite if it does not.
            entry_ms: [link] when it enters a tip from the muscle; infinite where it does not.
        """
        first = np.full(self.n_nodes, np.inf)
        np.minimum.at(first, self.link_tip, entry_ms)
        first[self.his] = min(first[self.his], his_ms)
        starts = np.flatnonzero(np.isfinite(first))
        if len(starts) == 0:
            return first
        # One more node, from which a directed edge leads to each start; zeros are explicit edges.
        offset, origin = first[starts].min(), np.full(len(starts), self.n_nodes)
        whole = np.isfinite(self.delays)
        (a, b), delays = self.edges[whole].T, self.delays[whole]
        row, col = np.concatenate([a, b, origin]), np.concatenate([b, a, starts])
        weights = np.concatenate([delays, delays, first[starts] - offset])
        graph = coo_array((weights, (row, col)), shape=(self.n_nodes + 1,) * 2).tocsr()
        return offset + dijkstra(graph, indices=self.n_nodes)[:-1]

    def exits(self, his_ms: float, entry_ms: np.ndarray) -> np.ndarray:
        """When the wave of `arrival` is at the tip of each link: [link] ms."""
        return self.arrival(his_ms, entry_ms)[self.link_tip]


def _links(patient: Patient, side: int) -> np.ndarray:
    """[link, 2] tips of one side, and the junctions' heart nodes nearest to them."""
    tree, heart = patient.purkinje, patient.heart
    one = OneTree.of(tree, side)
    tips, surface = tips_of(one.edges, len(one.nodes)), heart.surface_nodes(SIDES[side])
    ends = surface[tip_vertices(one.points[tips], heart.points[surface])]
    known = np.isin(ends, tree.pmj_nodes[tree.pmj_side == side])
    return np.stack([one.nodes[tips], ends], axis=1)[known]


def _timing(tree: PurkinjeTree, side: int, links: np.ndarray) -> tuple[float, float]:
    """Slowness of one side's tree in ms/mm, and the time of its bundle in ms."""
    one, own = OneTree.of(tree, side), tree.pmj_side == side
    lengths = path_lengths(one.points, one.edges)[np.searchsorted(one.nodes, links[:, 0])]
    order = np.argsort(tree.pmj_nodes[own])
    nodes, times = tree.pmj_nodes[own][order], tree.pmj_times[own][order]
    shortest = np.full(len(nodes), np.inf)
    np.minimum.at(shortest, np.searchsorted(nodes, links[:, 1]), lengths)
    if np.isinf(shortest).any() or np.ptp(shortest) == 0:
        raise BadInput("purkinje: junctions and tips of the trees differ; re-run the rule purkinje")
    near, far = shortest.argmin(), shortest.argmax()
    slowness = float((times[far] - times[near]) / (shortest[far] - shortest[near]))
    bundle_ms = float(times[near] - slowness * shortest[near])
    off = np.abs(bundle_ms + slowness * shortest - times).max()
    if not (off < ONE_SPEED_MS and slowness > 0 and bundle_ms > -ONE_SPEED_MS):
        raise BadInput(
            f"purkinje: pmj_times are up to {off:.2g} ms off their paths at one speed; re-run the "
            "rule purkinje"
        )
    return slowness, max(bundle_ms, 0.0)
