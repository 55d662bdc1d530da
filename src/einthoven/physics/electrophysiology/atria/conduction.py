"""First arrival of the sinus node's wave in both atria.

The wave runs in the walls (the eikonal equation), and faster along Bachmann's bundle, which leads
from the sinus node over the right atrium's front to the left atrium's roof. It also crosses,
without a fast bundle, at the rim of the oval fossa and at the coronary sinus. In people the wave
enters the left atrium over Bachmann's bundle first and at its back second (De Ponti et al., J.
Cardiovasc. Electrophysiol. 13:1, 2002, doi:10.1046/j.1540-8167.2002.00001.x), and activation takes
some 65 ms in the right atrium and 90 to 100 ms in both. A faster terminal crest would end the right
atrium too soon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from einthoven.base.config.atria import AtriaSettings
from einthoven.physics.electrophysiology.atria.shells import AtrialPlace, AtrialWall
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival, graph_of
from einthoven.physics.electrophysiology.eikonal import Eikonal
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

TERMINAL_CREST = (
    AtrialPlace("right", 0.25, 0.5, 0.83),
    AtrialPlace("right", 0.3, -0.35, 0.85),
    AtrialPlace("right", -0.1, -0.9, 0.3),
)
"""From the superior to the inferior vena cava, along the right side of the back."""
BACHMANNS_BUNDLE = (
    TERMINAL_CREST[0],
    AtrialPlace("right", -0.4, 0.75, 0.55),
    AtrialPlace("right", -0.85, 0.5, 0.2),
    AtrialPlace("left", 0.85, 0.5, 0.2),
    AtrialPlace("left", 0.3, 0.9, 0.3),
)
CROSSINGS = (
    (AtrialPlace("right", -0.9, -0.3, 0.1), AtrialPlace("left", 0.9, -0.3, 0.1)),
    (AtrialPlace("right", -0.7, -0.5, -0.45), AtrialPlace("left", 0.3, -0.9, -0.2)),
)
"""Rim of the oval fossa, and coronary sinus."""
AV_NODE = AtrialPlace("right", -0.6, -0.4, -0.65)
"""At the septum, above the tricuspid annulus."""
STEPS = 4
"""Chords of a bundle between two of its places: 8 mm each."""


@dataclass(frozen=True, eq=False)
class AtrialActivation:
    """Activation times of both atria."""

    time: np.ndarray
    """[node] ms from the sinus node."""
    av_node_ms: float
    """Arrival at the atrial end of the AV node."""

    @classmethod
    def of(cls, wall: AtrialWall, settings: AtriaSettings) -> Self:
        """Activation by the sinus node.

        Args:
            wall: both atria.
            settings: speeds, and the place of the sinus node.

        Raises:
            StepFailed: a node is not reached.
        """
        muscle = wall.muscle
        speed_sq = settings.speed_mm_per_ms**2 * np.eye(3)
        tensors = np.broadcast_to(speed_sq, (len(muscle.cells), 3, 3))
        eikonal = Eikonal.of(muscle.points, muscle.cells, tensors)
        network = Network.without_trees()
        network = _with_path(network, wall, BACHMANNS_BUNDLE, settings.bundle_speed_mm_per_ms)
        for crossing in CROSSINGS:
            network = _with_path(network, wall, crossing, settings.speed_mm_per_ms)
        start = wall.node(_along(TERMINAL_CREST, settings.sinus_node))
        given = WaveSources(np.array([start]), np.zeros(1))
        wave = first_arrival(eikonal, graph_of(network, len(muscle.points)), given)
        return cls(wave.activation_time, float(wave.activation_time[wall.node(AV_NODE)]))


def _along(places: Sequence[AtrialPlace], share: float) -> AtrialPlace:
    """The place at a share, 0 to 1, of a path on one atrium."""
    k = min(int(share * (len(places) - 1)), len(places) - 2)
    return _between(places[k], places[k + 1], share * (len(places) - 1) - k)


def _between(one: AtrialPlace, other: AtrialPlace, share: float) -> AtrialPlace:
    """The place at a share of the way from one place to another on the same atrium."""
    x, y, z = (1.0 - share) * one.direction + share * other.direction
    return AtrialPlace(one.atrium, float(x), float(y), float(z))


def _with_path(
    network: Network, wall: AtrialWall, places: Sequence[AtrialPlace], speed: float
) -> Network:
    """A network with a path through some places, at a speed in mm/ms."""
    nodes = [wall.node(places[0])]
    for one, other in pairwise(places):
        steps = STEPS if one.atrium == other.atrium else 1
        ways = [_between(one, other, k / steps) for k in range(1, steps)]
        nodes += [wall.node(place) for place in (*ways, other)]
    chain = np.array([node for k, node in enumerate(nodes) if k == 0 or node != nodes[k - 1]])
    lengths = np.linalg.norm(np.diff(wall.muscle.points[chain], axis=0), axis=1)
    numbers = np.arange(len(chain))
    edges = np.stack([numbers[:-1], numbers[1:]], axis=1)
    return network.with_layer(edges, lengths / speed, chain)
