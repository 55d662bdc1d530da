"""What methods are made of beyond their defaults: geometry of a problem, choices of the config."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from einthoven.bem.transfer import heart_to_torso
from einthoven.config.inverse import Inverse
from einthoven.core.errors import BadInput
from einthoven.inverse.bayes.beats import ActionPotentials, Electrograms, double_layer
from einthoven.inverse.bayes.training import TrainingSet
from einthoven.inverse.method import Method
from einthoven.inverse.methods import method_class
from einthoven.inverse.networks.fit import Recipe
from einthoven.inverse.regularisation.criteria import CRITERIA, Criterion
from einthoven.worlds.comparison import MS_PER_UNIT
from einthoven.worlds.world import World

FIELDS = ("criterion", "electrode_nodes", "falling", "ms_per_unit", "normal_derivative",
          "potential_of_source", "recipe", "seed", "time_unit", "torso_faces", "torso_points",
          "training")  # fmt: skip
"""Fields of methods that are filled, by their names."""


@dataclass(frozen=True)
class Ingredients:
    """Values for fields of methods: one that has a field of `FIELDS` gets it, others do not.

    Attributes:
        world: the problem, of which only what a method may know is looked at.
        config: the choices.
        seed: of networks.
    """

    world: World
    config: Inverse
    seed: int = 0

    def make(self, name: str) -> Method:
        """A method with all that it needs.

        Raises:
            BadInput: there is no such method, or the geometry does not suit it.
        """
        kind: Any = method_class(name, "inverse.methods")
        wanted = {field.name for field in fields(kind)} & set(FIELDS)
        if self.config.criterion is None:  # the method's own
            wanted -= {"criterion"}
        return kind(**{field: getattr(self, field) for field in sorted(wanted)})

    @property
    def criterion(self) -> Criterion:
        """What chooses the weight, if the config says it."""
        return CRITERIA[str(self.config.criterion)]()

    @property
    def falling(self) -> bool:
        """Whether activation is a downslope."""
        return not self.world.transmembrane

    @property
    def recipe(self) -> Recipe:
        """How long a network is trained."""
        return Recipe(steps=self.config.network_steps)

    @property
    def time_unit(self) -> float:
        """The unit of the equation's time in that of the problem."""
        return MS_PER_UNIT if self.world.time_unit == "ms" else 1.0

    ms_per_unit = time_unit
    """The same, as the networks call it."""

    @cached_property
    def torso_points(self) -> np.ndarray:
        """[torso node, 3] mm, the nodes nearest to the electrodes moved to them."""
        points = self.world.torso_points.copy()
        points[self.electrode_nodes] = self.world.electrode_points
        return points

    @property
    def torso_faces(self) -> np.ndarray:
        """[torso face, 3]."""
        return self.world.torso_faces

    @cached_property
    def electrode_nodes(self) -> np.ndarray:
        """[electrode] the torso's nearest nodes.

        Raises:
            BadInput: two electrodes have the same.
        """
        tree = cKDTree(self.world.torso_points)
        nodes = np.asarray(tree.query(self.world.electrode_points)[1])
        if len(np.unique(nodes)) < len(nodes):
            raise BadInput(
                f"{self.world.name}: {len(nodes)} electrodes on a torso of {len(tree.data)} nodes "
                "share nodes; take more nodes or fewer electrodes"
            )
        return nodes

    @cached_property
    def potential_of_source(self) -> np.ndarray | None:
        """[node, node] electrograms of action potentials; None: these are what is sought."""
        return None if self.world.transmembrane else double_layer(self.world.surface)

    @property
    def training(self) -> TrainingSet:
        """Beats drawn on the heart, of the kind of potential that is sought."""
        return ActionPotentials() if self.world.transmembrane else Electrograms()

    @cached_property
    def normal_derivative(self) -> np.ndarray:
        """[node, node] of potentials on the heart, 1/mm."""
        heart = self.world.heart_points, self.world.heart_faces
        torso = self.world.torso_points, self.world.torso_faces
        return heart_to_torso(heart, torso).normal_derivative
