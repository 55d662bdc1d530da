"""The eikonal equation on one mesh, with or without a network."""

from typing import NamedTuple

import numpy as np

from einthoven.physics.electrophysiology.capture import (
    WaveSources,
    fired_sources,
    first_arrival,
    graph_of,
)
from einthoven.physics.electrophysiology.eikonal import Eikonal
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network


class Solved(NamedTuple):
    """First arrival with its residual and its sources."""

    activation_time: np.ndarray
    network_time: np.ndarray
    start: np.ndarray
    residual_ms: float
    sources: WaveSources


def solve(eikonal, network, given):
    """First arrival in muscle and network."""
    wave = first_arrival(eikonal, graph_of(network, len(eikonal.mesh.points)), given)
    residual = eikonal.residual_ms(wave.activation_time, wave.start)
    sources = fired_sources(wave, network, given)
    return Solved(wave.activation_time, wave.network_time, wave.start, residual, sources)


def solve_eikonal(points, cells, speed_tensor_sq, source_nodes, source_times, *how, **named):
    """First arrival at each node of the muscle alone; further arguments as of `Eikonal.of`."""
    eikonal = Eikonal.of(points, cells, speed_tensor_sq, *how, **named)
    return solve(eikonal, Network.without_trees(), WaveSources(source_nodes, source_times))
