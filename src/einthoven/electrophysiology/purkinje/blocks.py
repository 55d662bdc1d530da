"""Places where the conduction system can be cut: bundles and fascicles."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from einthoven.core.errors import StepFailed
from einthoven.electrophysiology.purkinje.network import Network
from einthoven.patient.patient import Patient

type Cut = Callable[[Network, Patient], np.ndarray]
"""Edges [k] of a patient's network."""


class Fascicles(NamedTuple):
    """Edges [k] at which the fascicles of the left tree leave its trunk."""

    anterior: np.ndarray
    posterior: np.ndarray


def left_fascicles(network: Network, patient: Patient) -> Fascicles:
    """The fascicles of the left tree; what is reached through one is its part of the tree.

    The trunk forks once (`purkinje.growth`). The anterior fascicle is the one whose junctions lie
    more to the front, by the mean sine of the rotational coordinate.

    Raises:
        StepFailed: the trunk does not fork.
    """
    tree = patient.purkinje
    edges = tree.tree_edges.astype(np.int64)
    node, before = int(np.flatnonzero(tree.tree_side == -1)[0]), -1
    while True:
        onward = np.flatnonzero((edges == node).any(axis=1))
        onward = onward[(edges[onward] != before).all(axis=1)]
        if len(onward) != 1:
            break
        node, before = int(edges[onward[0]].sum()) - node, node
    if len(onward) < 2:
        raise StepFailed("purkinje: the left tree's trunk does not fork into fascicles")
    sine = np.sin(patient.coordinates.uvc_phi.astype(float))
    means = np.array([_mean_behind(network, int(edge), node, sine) for edge in onward])
    is_anterior = means > 0.5 * (means.min() + means.max())
    return Fascicles(onward[is_anterior], onward[~is_anterior])


def _mean_behind(network: Network, edge: int, fork: int, values: np.ndarray) -> float:
    """Mean of values [heart node] over the links that are reached through an edge from a fork."""
    kept = np.delete(network.edges, edge, axis=0)
    graph = coo_array((np.ones(len(kept)), kept.T), shape=(network.n_nodes,) * 2).tocsr()
    beyond = int(network.edges[edge].sum()) - fork
    behind = breadth_first_order(graph, beyond, directed=False, return_predecessors=False)
    served = network.link_heart[np.isin(network.link_tip, behind)]
    return float(values[served].mean()) if len(served) else 0.0


def _bundle(side: int) -> Cut:
    def cut(network: Network, patient: Patient) -> np.ndarray:
        root = np.flatnonzero(patient.purkinje.tree_side == side)[0]
        return np.flatnonzero((network.edges == [network.his, root]).all(axis=1))

    return cut


BLOCKS: Mapping[str, Cut] = {
    "left-bundle": _bundle(-1),
    "right-bundle": _bundle(1),
    "left-anterior-fascicle": lambda network, patient: left_fascicles(network, patient).anterior,
    "left-posterior-fascicle": lambda network, patient: left_fascicles(network, patient).posterior,
}
"""Name in `config.scenarios.Block` -> what is cut."""


def blocked(network: Network, patient: Patient, blocks: Collection[str]) -> Network:
    """The network with some of `BLOCKS` cut.

    Raises:
        StepFailed: there is no such fascicle.
    """
    cuts = [BLOCKS[name](network, patient) for name in blocks]
    return network.without(np.concatenate([np.empty(0, np.int64), *cuts]))
