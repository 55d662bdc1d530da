"""Places where the conduction system can be cut: bundles and fascicles."""

from collections.abc import Collection, Mapping

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.electrophysiology.purkinje.network import Network
from einthoven.patient.activation import PurkinjeTree

FASCICLES_OF: Mapping[str, tuple[str, ...]] = {
    "left-bundle": ("anterior", "septal", "posterior"),
    "right-bundle": ("right",),
    "left-anterior-fascicle": ("anterior",),
    "left-posterior-fascicle": ("posterior",),
}
"""Name in `config.scenarios.Block` -> the fascicles that it cuts off the His bundle."""


def blocked(network: Network, tree: PurkinjeTree, blocks: Collection[str]) -> Network:
    """The network of some trees with some of `FASCICLES_OF` cut off.

    Raises:
        StepFailed: the trees have no such fascicle.
    """
    fascicle = np.asarray(tree.root_fascicle)
    for block in blocks:
        cut = np.isin(fascicle, FASCICLES_OF[block])
        if not cut.any():
            raise StepFailed(f"purkinje: block {block}: the trees have no such fascicle")
        to_root = np.isin(network.edges[:, 1], network.tree_node(tree.tree_roots[cut]))
        network = network.without(to_root & (network.edges[:, 0] == network.his))
    return network
