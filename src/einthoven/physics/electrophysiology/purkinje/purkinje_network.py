"""Trees, the ways to their roots and the His bundle as one graph, along which a wave takes time.

A fascicle joins the His bundle to the root of its tree, and conducts in both directions as the
trees do: a wave that enters the right tree from the muscle may climb to the His bundle and descend
into the left ones, unless a block cuts its way. The graph may also hold thin layers of the muscle
itself (`electrophysiology.endocardium`).
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
    """What a junction takes, ms; infinite if it conducts in one direction only."""

    antegrade: float = 0.0
    """From the tree to the muscle."""
    retrograde: float = 0.0
    """From the muscle to the tree."""


class Links(NamedTuple):
    """Where graph and muscle meet."""

    node: np.ndarray
    """[link] of the graph."""
    heart: np.ndarray
    """[link] heart node."""
    out_ms: np.ndarray
    """[link] from the graph to the muscle."""
    in_ms: np.ndarray
    """[link] from the muscle to the graph."""

    def then(self, other: "Links") -> "Links":
        """These links, then others."""
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
    """The first links are junctions of trees; those after them, of layers of the muscle."""

    his = 0

    @classmethod
    def without_trees(cls) -> Self:
        """A His bundle that leads nowhere."""
        none = np.empty(0, np.int64)
        links = Links(none, none, np.empty(0), np.empty(0))
        return cls(np.empty((0, 2), np.int64), np.empty(0), links, 1, 0)

    @classmethod
    def of(cls, patient: Patient, delays: JunctionDelays, speed_factor: float = 1.0) -> Self:
        """The network of a patient's trees.

        An end of a tree, tip or root, meets the muscle at the nearest node of its endocardium.

        Args:
            patient: with mesh and trees.
            delays: of all junctions.
            speed_factor: times the speed of trees and fascicles.
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
        """Numbers in the network of nodes of the trees."""
        return nodes.astype(np.int64) + 1

    def without(self, cut: np.ndarray) -> Self:
        """The same network with some edges cut: [edge] whether."""
        return replace(self, delays=np.where(cut, np.inf, self.delays))

    def without_nodes(self, gone: np.ndarray) -> Self:
        """The same network in which some nodes do not conduct: [node] whether."""
        links = self.links
        silent = np.where(gone[links.node], np.inf, 0.0)
        links = links._replace(out_ms=links.out_ms + silent, in_ms=links.in_ms + silent)
        return replace(self.without(gone[self.edges].any(axis=1)), links=links)

    def with_layer(self, edges: np.ndarray, delays: np.ndarray, heart: np.ndarray) -> Self:
        """With a thin layer of the muscle, each node of which is a heart node's.

        Args:
            edges: [edge, 2] numbers of the layer's own nodes.
            delays: [edge] ms.
            heart: [node] heart node.
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
        """Earliest time of a wave at each node: [node] ms, infinite where none comes.

        Args:
            his_ms: when it leaves the His bundle; infinite if it does not.
            heart_ms: [heart node] when it is in the muscle; infinite where it is not.
        """
        first = np.full(self.n_nodes, np.inf)
        np.minimum.at(first, self.links.node, heart_ms[self.links.heart] + self.links.in_ms)
        first[self.his] = min(first[self.his], his_ms)
        return first_arrival(self.delays, self.edges, first)

    def exits(self, arrival: np.ndarray) -> np.ndarray:
        """When a wave with times [node] leaves for the muscle at each link: [link] ms."""
        return arrival[self.links.node] + self.links.out_ms


def _junctions(patient: Patient) -> tuple[np.ndarray, np.ndarray]:
    """Ends of all trees, as numbers of the network, and heart node of each."""
    tree, heart = patient.purkinje, patient.heart
    nodes, met, ends = [], [], ends_of(tree.tree_edges, len(tree.tree_points))
    for side, tag in SIDES.items():
        surface = heart.surface_nodes(tag)
        own = ends[tree.tree_side[ends] == side]
        nodes.append(Network.tree_node(own))
        met.append(surface[end_vertices(tree.tree_points[own], heart.points[surface])])
    return np.concatenate(nodes), np.concatenate(met)
