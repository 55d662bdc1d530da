"""Conduction blocks: bundles and fascicles that are cut."""

from collections.abc import Collection, Mapping

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.data.patient.stages import PurkinjeTree
from einthoven.physics.electrophysiology.purkinje.paths import first_arrival
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

FASCICLES_OF: Mapping[str, tuple[str, ...]] = {
    "left-bundle": ("anterior", "septal", "posterior"),
    "right-bundle": ("right", "right-septal"),
    "left-anterior-fascicle": ("anterior",),
    "left-posterior-fascicle": ("posterior",),
}
"""Name in `config.scenarios.Block` -> fascicles that it cuts off the His bundle."""


def blocked(
    network: Network, tree: PurkinjeTree, blocks: Collection[str], *, distal: bool
) -> Network:
    """A network with some bundles or fascicles, of `FASCICLES_OF`, cut off.

    If `distal`, nothing behind a block conducts; otherwise the muscle may capture it.

    Raises:
        StepFailed: no root has such a fascicle.
    """
    roots = network.tree_node(tree.tree_roots)
    from_his = (network.edges == network.his).any(axis=1)
    for block in blocks:
        cut = np.isin(tree.root_fascicle, FASCICLES_OF[block])
        if not cut.any():
            fascicles = " or ".join(FASCICLES_OF[block])
            raise StepFailed(
                f"purkinje: block {block}: no tree has fascicle {fascicles}: add such a site to "
                "purkinje.early_sites, or take the block out of the scenario"
            )
        at_root = np.isin(network.edges, roots[cut]).any(axis=1)
        if distal:
            start = np.full(network.n_nodes, np.inf)
            start[roots[cut]] = 0.0
            reached = first_arrival(network.delays[~from_his], network.edges[~from_his], start)
            network = network.without_nodes(np.isfinite(reached))
        else:
            network = network.without(from_his & at_root)
    return network
