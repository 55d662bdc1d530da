"""The wave in muscle and Purkinje trees together, which leaves and enters the trees at junctions.

tau on the muscle solves the eikonal equation with the junctions at which the wave leaves a tree as
sources; the time on the trees is the shortest path from the His bundle and from the junctions at
which the wave enters. Both are first arrivals, so that solving them in turn only lowers times and
ends; Palamara 2014, doi:10.1002/cnm.2689, and Brunati 2024, doi:10.48550/arXiv.2412.13837, couple
eikonal models in this way. First arrival means one wave: nothing is excited twice.
"""

from typing import NamedTuple

import numpy as np

from einthoven.core.errors import NotConverged
from einthoven.electrophysiology.eikonal import TOLERANCE_MS, Arrival, Eikonal
from einthoven.electrophysiology.purkinje.network import Network

GAIN_MS = 1e-6
"""A tree that brings the wave by less before the muscle does is no source."""
MAX_ROUNDS = 200


class JunctionDelays(NamedTuple):
    """What a junction takes, ms."""

    antegrade: float = 0.0
    """From the tree to the muscle."""
    retrograde: float = 0.0
    """From the muscle to the tree."""


NO_DELAY = JunctionDelays()


class Sources(NamedTuple):
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
    sources: Sources
    """The given sources, and the junctions at which a tree is earlier than the muscle."""
    n_rounds: int
    """Times that the muscle was solved again."""
    gap_ms: float
    """Largest gain that is left at a junction; below `GAIN_MS`."""


def solve_coupled(
    eikonal: Eikonal, network: Network, given: Sources, delays: JunctionDelays = NO_DELAY
) -> Coupled:
    """First arrival in muscle and trees.

    Args:
        eikonal: of the muscle.
        network: of the trees, with blocks cut.
        given: sources in the muscle, which may be junctions of the network, and the His bundle.
        delays: of all junctions.

    Raises:
        BadInput, StepFailed: as `solve_eikonal`.
        NotConverged: also if junctions still gain after `MAX_ROUNDS`.
    """
    heart = network.link_heart
    start = eikonal.start(given.nodes, given.times)
    time, n_updates = eikonal.solve(start)
    best = np.full(len(time), np.inf)
    for n_rounds in range(MAX_ROUNDS):  # noqa: B007  (told below)
        tree = network.arrival(given.his_ms, time[heart] + delays.retrograde)
        exits = tree[network.link_tip] + delays.antegrade
        gain = time[heart] - exits
        if not np.any(gain > GAIN_MS):
            break
        leaving = gain > GAIN_MS
        np.minimum.at(best, heart[leaving], exits[leaving])
        start = np.minimum(start, eikonal.start(heart[leaving], exits[leaving]))
        time, more = eikonal.solve(start, time)
        n_updates += more
    else:
        raise NotConverged(
            f"capture: junctions still gain up to {gain.max():.2g} ms after {MAX_ROUNDS} rounds"
        )
    arrival = eikonal.checked(time, start, n_updates)
    # A junction that fired early on may have been overtaken by the muscle since.
    fired = np.setdiff1d(np.flatnonzero(best <= time + TOLERANCE_MS), given.nodes)
    sources = Sources(
        np.concatenate([given.nodes, fired]),
        np.concatenate([given.times, time[fired]]),
        given.his_ms,
    )
    return Coupled(arrival, tree, sources, n_rounds, float(max(gain.max(initial=0.0), 0.0)))
