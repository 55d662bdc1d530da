"""What methods are made of beyond their defaults: geometry of a problem, choices of the user."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.core.errors import BadInput
from einthoven.inverse.problem.criterion import Criterion
from einthoven.inverse.problem.double_layer import double_layer
from einthoven.numerics.bem.transfer import BemTransfer, heart_to_torso

FIELDS = ("criterion", "electrode_nodes", "falling", "ms_per_unit", "normal_derivative",
          "potential_of_source", "seed", "torso_faces", "torso_points")  # fmt: skip
"""Fields of methods that are filled, by their names."""
Surface = tuple[np.ndarray, np.ndarray]
"""Points [node, 3] mm and outward faces [face, 3]."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Ingredients:
    """Values for fields of methods, beside what `fit` gets.

    Attributes:
        heart, torso: closed surfaces.
        electrode_points: [electrode, 3] mm on the torso, in the order of the body potentials.
        transmembrane: whether the potentials sought are; else they are extracellular.
        ms_per_unit: unit of the Aliev-Panfilov model's time in that of the problem.
        criterion: chooses the weight; None: the method's own.
        network_steps: of a training; None: the method's own.
        seed: of networks and draws.
        forward: from heart to torso, where it is known already.
    """

    heart: Surface
    torso: Surface
    electrode_points: np.ndarray
    transmembrane: bool
    ms_per_unit: float
    criterion: Criterion | None = None
    network_steps: int | None = None
    seed: int = 0
    forward: BemTransfer | None = None

    def fill(self, kind: Any, **others: Any) -> Any:
        """Make a method: its fields of `FIELDS` from here, some from `others`, the rest by default.

        Raises:
            BadInput: the geometry does not suit it.
        """
        wanted = {field.name for field in fields(kind)} & set(FIELDS)
        if self.criterion is None:  # the method's own
            wanted -= {"criterion"}
        return kind(**{name: getattr(self, name) for name in sorted(wanted)}, **others)

    @property
    def falling(self) -> bool:
        """Whether activation is a downslope."""
        return not self.transmembrane

    @cached_property
    def electrode_nodes(self) -> np.ndarray:
        """[electrode] the torso's nearest nodes.

        Raises:
            BadInput: two electrodes have the same.
        """
        tree = cKDTree(self.torso[0])
        nodes = np.asarray(tree.query(self.electrode_points)[1])
        if len(np.unique(nodes)) < len(nodes):
            raise BadInput(
                f"{len(nodes)} electrodes on a torso of {len(tree.data)} nodes share nodes; take "
                "more nodes or fewer electrodes"
            )
        return nodes

    @cached_property
    def torso_points(self) -> np.ndarray:
        """[torso node, 3] mm, the nodes nearest to the electrodes moved to them."""
        points = self.torso[0].copy()
        points[self.electrode_nodes] = self.electrode_points
        return points

    @property
    def torso_faces(self) -> np.ndarray:
        """[torso face, 3]."""
        return self.torso[1]

    @cached_property
    def potential_of_source(self) -> np.ndarray | None:
        """[node, node] electrograms of action potentials; None: these are what is sought."""
        return None if self.transmembrane else double_layer(*self.heart)

    @cached_property
    def normal_derivative(self) -> np.ndarray:
        """[node, node] of potentials on the heart, 1/mm."""
        return (self.forward or heart_to_torso(self.heart, self.torso)).normal_derivative
