"""The wave in muscle, Purkinje trees and fast endocardia together: one fixed point.

tau on the muscle solves the eikonal equation with the junctions at which the wave leaves a tree as
sources; the time on the trees is the shortest path from the His bundle and from the junctions at
which the wave enters, and on a fast layer of the muscle likewise. All are first arrivals, so that
solving them in turn only lowers times and ends; Palamara 2014, doi:10.1002/cnm.2689, and Brunati
2024, doi:10.48550/arXiv.2412.13837, couple eikonal models in this way. First arrival means one
wave: nothing is excited twice.
"""

from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.physics.electrophysiology.eikonal import TOLERANCE_MS, Arrival, Eikonal
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

GAIN_MS = 1e-6
"""A tree that brings the wave by less before the muscle does is no source."""
MAX_ROUNDS = 200


class WaveSources(NamedTuple):
    """Where and when the wave starts."""

    nodes: np.ndarray
    """[source] heart nodes."""
    times: np.ndarray
    """[source] ms."""
    his_ms: float = np.inf
    """When it leaves the His bundle; infinite if it does not start there."""


class Coupled(NamedTuple):
    """Arrival in muscle and trees."""

    arrival: Arrival
    network_time: np.ndarray
    """[network node] ms, infinite where a block keeps the wave out."""
    sources: WaveSources
    """The given sources, and the junctions at which a tree is earlier than the muscle."""
    n_rounds: int
    """Times that the muscle was solved."""
    gap_ms: float
    """Largest gain that is left at a junction; below `GAIN_MS`."""


def solve_coupled(eikonal: Eikonal, network: Network, given: WaveSources) -> Coupled:
    """First arrival in muscle and trees.

    Args:
        eikonal: of the muscle.
        network: of the trees, with blocks cut, and of thin layers of the muscle.
        given: sources in the muscle, which may be junctions of the network, and the His bundle.

    Raises:
        BadInput, StepFailed: as `Eikonal.arrival`; also where nothing starts.
        NotConverged: also if junctions still gain after `MAX_ROUNDS`.
    """
    heart, n_updates = network.links.heart, 0
    time = start = np.full(len(eikonal.mesh.points), np.inf)
    if len(given.nodes):
        time = start = eikonal.start(given.nodes, given.times)
    best = np.full(len(time), np.inf)
    is_junction = np.arange(len(heart)) < network.n_junctions
    for n_rounds in range(MAX_ROUNDS):  # noqa: B007  (told below)
        tree = network.arrival(given.his_ms, time)
        exits = network.exits(tree)
        leaving = exits < time[heart] - GAIN_MS
        if n_rounds and not leaving.any():
            break
        if leaving.any():
            fires = leaving & is_junction
            np.minimum.at(best, heart[fires], exits[fires])
            start = np.minimum(start, eikonal.start(heart[leaving], exits[leaving]))
        if not np.isfinite(start).any():
            raise BadInput("activation: nothing is excited; the wave leaves no tree and no site")
        # Before the first solution the muscle's times are those of its sources alone.
        time, more = eikonal.solve(start, time if n_rounds else None)
        n_updates += more
    else:
        raise NotConverged(f"capture: junctions still gain after {MAX_ROUNDS} rounds")
    arrival = eikonal.checked(time, start, n_updates)
    gap_ms = float(np.max(time[heart] - exits, initial=0.0))
    return Coupled(arrival, tree, _sources(given, best, time), n_rounds, gap_ms)


def _sources(given: WaveSources, best: np.ndarray, time: np.ndarray) -> WaveSources:
    """The given sources, and the junctions that fired: `best` [heart node] ms is when.

    A junction that fired early on may have been overtaken by the muscle since.
    """
    fired = np.setdiff1d(np.flatnonzero(best <= time + TOLERANCE_MS), given.nodes)
    nodes, times = np.concatenate([given.nodes, fired]), np.concatenate([given.times, time[fired]])
    return WaveSources(nodes, times, given.his_ms)
