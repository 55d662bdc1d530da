"""Conduction system as one graph: the His bundle, the fascicles and the trees.

A fascicle joins the His bundle to the root of its tree. It conducts in both directions, as the
trees do. So a wave that enters the right tree from the muscle may climb to the His bundle and
descend into the left trees, unless a block cuts its path. The graph may also hold thin layers of
the muscle itself (`electrophysiology.endocardium`).
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.purkinje.paths import (
    SIDES,
    end_vertices,
    ends_of,
    first_arrival,
)


class JunctionDelays(NamedTuple):
    """Delays of a junction, ms; infinite in a direction in which it does not conduct."""

    antegrade: float = 0.0
    """Tree to muscle."""
    retrograde: float = 0.0
    """Muscle to tree."""


class Links(NamedTuple):
    """Nodes of the graph and of the heart that meet."""

    node: np.ndarray
    """[link] node of the graph."""
    heart: np.ndarray
    """[link] heart node."""
    out_ms: np.ndarray
    """[link] ms from the graph to the muscle."""
    in_ms: np.ndarray
    """[link] ms from the muscle to the graph."""

    def then(self, other: "Links") -> "Links":
        """Links followed by others."""
        return Links(*(np.concatenate(pair) for pair in zip(self, other)))


@dataclass(frozen=True, eq=False)
class Network:
    """The conduction system as a graph; node 0 is the His bundle."""

    edges: np.ndarray
    """[edge, 2] nodes."""
    delays: np.ndarray
    """[edge] ms, in either direction; infinite where a block cuts it."""
    links: Links
    n_nodes: int
    n_junctions: int
    """Number of junctions of trees: the first links. Those after them are of layers."""

    his = 0

    @classmethod
    def without_trees(cls) -> Self:
        """Network of a His bundle without fascicles."""
        none = np.empty(0, np.int64)
        links = Links(none, none, np.empty(0), np.empty(0))
        return cls(np.empty((0, 2), np.int64), np.empty(0), links, 1, 0)

    @classmethod
    def of(cls, patient: Patient, delays: JunctionDelays, speed_factor: float = 1.0) -> Self:
        """Network of a patient's trees; the factor is that on the speed along trees and fascicles.

        An end of a tree, tip or root, meets the muscle at the nearest node of its endocardium.
        """
        tree = patient.purkinje
        edges, times = cls.tree_node(tree.tree_edges), np.asarray(tree.root_times, float)
        steps = np.linalg.norm(np.diff(tree.tree_points[tree.tree_edges], axis=1)[:, 0], axis=1)
        roots = cls.tree_node(tree.tree_roots)
        node, heart = _junctions(patient)
        out_ms, in_ms = (np.full(len(node), delay) for delay in delays)
        return cls(
            np.concatenate([edges, np.stack([np.zeros_like(roots), roots], axis=1)]),
            np.concatenate([steps / tree.speed_mm_per_ms, times]) / speed_factor,
            Links(node, heart, out_ms, in_ms),
            len(tree.tree_points) + 1,
            len(node),
        )

    @staticmethod
    def tree_node(nodes: np.ndarray) -> np.ndarray:
        """Network nodes of tree nodes."""
        return nodes.astype(np.int64) + 1

    def without(self, cut: np.ndarray) -> Self:
        """The network without the edges that are `cut` [edge]."""
        return replace(self, delays=np.where(cut, np.inf, self.delays))

    def without_nodes(self, silent: np.ndarray) -> Self:
        """The network in which `silent` nodes [node] do not conduct."""
        links = self.links
        delay = np.where(silent[links.node], np.inf, 0.0)
        links = links._replace(out_ms=links.out_ms + delay, in_ms=links.in_ms + delay)
        return replace(self.without(silent[self.edges].any(axis=1)), links=links)

    def with_layer(self, edges: np.ndarray, delays: np.ndarray, heart: np.ndarray) -> Self:
        """The network with a thin layer of the muscle, in which every node is a heart node's.

        edges [edge, 2] number nodes within the layer, delays [edge] ms, heart [node] heart nodes.
        """
        node, none = np.arange(len(heart)) + self.n_nodes, np.zeros(len(heart))
        return replace(
            self,
            edges=np.concatenate([self.edges, edges + self.n_nodes]),
            delays=np.concatenate([self.delays, delays]),
            links=self.links.then(Links(node, heart, none, none)),
            n_nodes=self.n_nodes + len(heart),
        )

    def arrival(self, his_ms: float, heart_ms: np.ndarray) -> np.ndarray:
        """Earliest time of a wave at each node: [node] ms, infinite where it does not arrive.

        It leaves the His bundle at `his_ms` and arrives in the muscle at `heart_ms` [heart node];
        infinite where it does not.
        """
        first = np.full(self.n_nodes, np.inf)
        np.minimum.at(first, self.links.node, heart_ms[self.links.heart] + self.links.in_ms)
        first[self.his] = min(first[self.his], his_ms)
        return first_arrival(self.delays, self.edges, first)

    def exits(self, arrival: np.ndarray) -> np.ndarray:
        """Times [link] ms at which a wave that arrives at nodes [node] ms enters the muscle."""
        return arrival[self.links.node] + self.links.out_ms


def _junctions(patient: Patient) -> tuple[np.ndarray, np.ndarray]:
    """Network node and heart node of every end of a tree."""
    tree, heart = patient.purkinje, patient.heart
    network_nodes, heart_nodes = [], []
    ends = ends_of(tree.tree_edges, len(tree.tree_points))
    for side, tag in SIDES.items():
        surface = heart.surface_nodes(tag)
        of_side = ends[tree.tree_side[ends] == side]
        network_nodes.append(Network.tree_node(of_side))
        vertices = end_vertices(tree.tree_points[of_side], heart.points[surface])
        heart_nodes.append(surface[vertices])
    return np.concatenate(network_nodes), np.concatenate(heart_nodes)
