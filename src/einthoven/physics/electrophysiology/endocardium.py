"""The endocardium as a thin layer of the muscle that conducts faster than the wall.

Networks of fine Purkinje fibres and the muscle next to them conduct along the endocardium at 1 to 4
mm/ms. With a layer of zero thickness the wave in the wall still runs from inside outwards; one
layer of cells of a 4 mm mesh would be the whole wall of the right ventricle.
"""

from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import csr_array

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.triangles import unique_edges
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.capture import graph_of
from einthoven.physics.electrophysiology.fast_marching import Graph
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network
from einthoven.physics.electrophysiology.substrate.effects import without_dead

SPEED_KEYS = {
    Surface.LV_ENDO: "cv_lv_endocardium_mm_per_ms",
    Surface.RV_ENDO: "cv_rv_endocardium_mm_per_ms",
}
"""Surface -> the speed of its layer in section `activation`."""


def with_endocardium(
    network: Network, patient: Patient, config: ActivationConfig, speed_factor: float = 1.0
) -> Network:
    """A network with the fast layers of both endocardia that the settings have.

    Paths run along edges and along chords over two edges, so they are up to a few per cent longer
    than on the surface. The patient has ventricular coordinates; all speeds have a common factor.
    """
    for tag, key in SPEED_KEYS.items():
        speed = getattr(config, key)
        if speed > 0 and len(heart := _nodes(patient, tag, config.endocardium_top_z)):
            edges, lengths = _ways(patient, tag, heart)
            network = network.with_layer(edges, lengths / (speed * speed_factor), heart)
    return network


class UnitSpeedGraph(NamedTuple):
    """Trees and the layers of both endocardia at 1 mm/ms, for many beats with their own speeds."""

    graph: Graph
    part: np.ndarray
    """[edge end] 0 in the trees, 1 in the LV's layer, 2 in the RV's."""

    @classmethod
    def of(cls, trees: Network, patient: Patient, config: ActivationConfig) -> Self:
        """Graph of a network of trees at 1 mm/ms, with layers up to the height in the settings.

        In the core of a scar neither conducts, unless they survive there.
        """
        network, n_nodes = trees, [trees.n_nodes]
        for key in SPEED_KEYS.values():
            alone = dict.fromkeys(SPEED_KEYS.values(), 0.0) | {key: 1.0}
            network = with_endocardium(network, patient, config.model_copy(update=alone))
            n_nodes.append(network.n_nodes)
        if (substrate := patient.diseased) is not None:
            network = without_dead(network, substrate, patient)
        graph = graph_of(network, len(patient.heart.points))
        return cls(graph, np.searchsorted(n_nodes, graph.target, side="right"))

    def at(self, speeds: tuple[float, float, float]) -> Graph:
        """The graph with speeds of trees, LV's and RV's layer, mm/ms; at 0 nothing conducts."""
        with np.errstate(divide="ignore"):
            return self.graph._replace(delay=self.graph.delay / np.array(speeds)[self.part])


def _nodes(patient: Patient, tag: Surface, top_z: float) -> np.ndarray:
    nodes = patient.heart.surface_nodes(tag)
    return nodes if top_z >= 1 else nodes[patient.coordinates.uvc_z[nodes] <= top_z]


def _ways(patient: Patient, tag: Surface, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and chords over two edges between surface nodes, [way, 2], and lengths mm [way]."""
    heart = patient.heart
    edges, _ = unique_edges(heart.surface(tag))
    kept = np.isin(edges, nodes).all(axis=1)
    i, j = np.searchsorted(nodes, edges[kept]).T
    ones = np.ones(2 * len(i))
    ring = csr_array((ones, (np.concatenate([i, j]), np.concatenate([j, i]))), (len(nodes),) * 2)
    i, j = (ring + ring @ ring).tocoo().coords
    ways = np.stack([i, j], axis=1)[i < j].astype(np.int64)
    points = heart.points[nodes]
    return ways, np.linalg.norm(points[ways[:, 0]] - points[ways[:, 1]], axis=1)
