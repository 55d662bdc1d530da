"""What methods are made of beyond their defaults: geometry of a problem, choices of the config."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from einthoven.bem.transfer import heart_to_torso
from einthoven.config.inverse import Inverse
from einthoven.core.errors import BadInput
from einthoven.inverse.method import Method
from einthoven.inverse.methods import METHODS
from einthoven.inverse.regularisation.criteria import CRITERIA, Criterion
from einthoven.inverse.worlds.world import World

FIELDS = ("criterion", "electrode_nodes", "normal_derivative", "seed", "torso_faces",
          "torso_points")  # fmt: skip
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
        if name not in METHODS:
            raise BadInput(f"inverse.methods: unknown {name}; known are {', '.join(METHODS)}")
        wanted = {field.name for field in fields(METHODS[name])} & set(FIELDS)
        return METHODS[name](**{field: getattr(self, field) for field in sorted(wanted)})

    @property
    def criterion(self) -> Criterion:
        """What chooses the weight."""
        return CRITERIA[self.config.criterion]()

    @property
    def torso_points(self) -> np.ndarray:
        """[torso node, 3] mm."""
        return self.world.torso_points

    @property
    def torso_faces(self) -> np.ndarray:
        """[torso face, 3]."""
        return self.world.torso_faces

    @cached_property
    def electrode_nodes(self) -> np.ndarray:
        """[electrode] the torso's nearest nodes."""
        tree = cKDTree(self.world.torso_points)
        return np.asarray(tree.query(self.world.electrode_points)[1])

    @cached_property
    def normal_derivative(self) -> np.ndarray:
        """[node, node] of potentials on the heart, 1/mm."""
        heart = self.world.heart_points, self.world.heart_faces
        return heart_to_torso(heart, (self.torso_points, self.torso_faces)).normal_derivative
