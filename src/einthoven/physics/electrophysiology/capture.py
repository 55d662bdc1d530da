"""First arrival of the wave in muscle, Purkinje trees and fast endocardia together.

tau on the muscle solves the eikonal equation with the junctions at which the wave leaves a tree as
sources; the time on the trees is the shortest path from the His bundle and from the junctions at
which the wave enters, and on a fast layer of the muscle likewise. All are first arrivals, so that
one queue ordered by time finds them together. Palamara 2014, doi:10.1002/cnm.2689, and Brunati
2024, doi:10.48550/arXiv.2412.13837, couple eikonal models in this way. First arrival means one
wave: nothing is excited twice.
"""

from typing import NamedTuple, Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.physics.electrophysiology.eikonal import BACKENDS, Eikonal, sorted_by
from einthoven.physics.electrophysiology.fast_marching import Graph, first_arrival_times
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network


class WaveSources(NamedTuple):
    """Where and when the wave starts."""

    nodes: np.ndarray
    """[source] heart nodes."""
    times: np.ndarray
    """[source] ms; a source that the wave reaches earlier has no effect."""
    his_ms: float = np.inf
    """Time at the His bundle, ms; infinite if the wave does not start there."""

    @classmethod
    def of_onsets(cls, onsets: np.ndarray) -> Self:
        """Sources from onset times [node] ms, infinite where no wave starts."""
        nodes = np.flatnonzero(np.isfinite(onsets))
        return cls(nodes, onsets[nodes])


class Wave(NamedTuple):
    """First arrival in muscle and network."""

    activation_time: np.ndarray
    """[node] ms."""
    start: np.ndarray
    """[node] ms, times of sources and of the straight lines around them; infinite elsewhere."""
    brought_by: np.ndarray
    """[node] the link by which the wave came from the network; negative where it did not."""
    network_time: np.ndarray
    """[network node] ms, infinite where a block keeps the wave out."""
    n_updates: int
    """Local updates of the muscle."""


def first_arrival(eikonal: Eikonal, graph: Graph, given: WaveSources) -> Wave:
    """First arrival in muscle and network: the one solver behind activation, imaging and twin.

    A backend other than ours solves the muscle alone, from the sources that our solver found.

    Args:
        eikonal: of the muscle.
        graph: of the trees, with blocks cut, and of thin layers of the muscle.
        given: sources in the muscle, which may be junctions of the network, and the His bundle.

    Raises:
        BadInput: unknown source nodes, times that are not finite or of another number than the
            nodes, or nothing starts.
        StepFailed: nodes that no source reaches.
    """
    n = len(eikonal.mesh.points)
    onsets = np.full(n, np.inf)
    np.minimum.at(onsets, *_checked_sources(given, n))
    time, start, by, n_updates = first_arrival_times(
        eikonal.mesh, eikonal.travel, graph, onsets, float(given.his_ms)
    )
    if not np.isfinite(start).any():
        raise BadInput("activation: nothing is excited; the wave leaves no tree and no site")
    muscle = BACKENDS[eikonal.backend](eikonal, start, time[:n])
    lost = int((~(muscle < 1e9)).sum())  # fim-python leaves 1e10 where no wave comes
    if lost:
        raise StepFailed(f"eikonal: {lost} nodes are not reached; is the heart mesh connected?")
    return Wave(muscle, start, by, time[n:], int(n_updates[0]))


def fired_sources(wave: Wave, network: Network, given: WaveSources) -> WaveSources:
    """The given sources, and the junctions at which a tree was earlier than the muscle."""
    by_tree = (wave.brought_by >= 0) & (wave.brought_by < network.n_junctions)
    fired = np.setdiff1d(np.flatnonzero(by_tree), given.nodes)
    times = np.concatenate([given.times, wave.activation_time[fired]])
    return WaveSources(np.concatenate([given.nodes, fired]), times, given.his_ms)


def graph_of(network: Network, n_heart: int) -> Graph:
    """Network as the solver reads it, linked to a heart of `n_heart` nodes."""
    links, n = network.links, network.n_nodes
    ends, first = sorted_by(network.edges.ravel(), n)
    out, exit_first = sorted_by(links.node, n)
    into, entry_first = sorted_by(links.heart, n_heart)
    return Graph(
        first, network.edges[:, ::-1].ravel()[ends], network.delays[ends // 2],
        exit_first, out, links.heart[out], links.out_ms[out],
        entry_first, links.node[into], links.in_ms[into],
    )  # fmt: skip


def _checked_sources(given: WaveSources, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, times = np.atleast_1d(given.nodes), np.atleast_1d(given.times)
    check.finite("source_times", times)
    if nodes.shape != times.shape or nodes.ndim != 1:
        raise BadInput(f"sources: {nodes.shape} nodes and {times.shape} times; need one time each")
    inside = np.issubdtype(nodes.dtype, np.integer) and np.all((nodes >= 0) & (nodes < n_nodes))
    if not inside:
        raise BadInput(f"source_nodes: must be whole numbers in 0 to {n_nodes - 1}")
    return nodes, times.astype(float)
