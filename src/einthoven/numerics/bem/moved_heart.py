"""Transfer matrices of one heart in many poses; parts that a similarity keeps are computed once.

Boundary elements as in `transfer.heart_to_torso`. The double layer of a surface at its own nodes is
scale-free and its single layer is proportional to the scale, so both are known for the shifted,
rotated and scaled heart, and for the skin. Only the layers of one surface at the nodes of the other
are computed for each pose: 0.13 s for 200 heart nodes and 800 torso nodes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import inv, solve

from einthoven.base.core.errors import BadInput
from einthoven.numerics.bem.bem_body import Triangles, closed_surface
from einthoven.numerics.bem.integrals import layers

SEEN = 1e-6
"""Share of the whole sphere, as in `bem.bem_body`."""


@dataclass(frozen=True, eq=False)
class MovableHeart:
    """A heart in a homogeneous torso, and its transfer matrix for any pose."""

    heart: tuple[np.ndarray, np.ndarray]
    """points [heart node, 3] mm and faces [face, 3] of a closed surface, in the original pose."""
    torso: tuple[np.ndarray, np.ndarray]
    """points [torso node, 3] mm and faces [face, 3] of the skin."""

    def matrix(self, points: np.ndarray, size: float) -> np.ndarray:
        """Transfer matrix [torso node, heart node]; its rows sum to one.

        Args:
            points: [heart node, 3] mm of the heart after a similarity.
            size: scale factor of that similarity.

        Raises:
            BadInput: a node of the moved heart is outside the torso, or a node of the skin inside
                the heart.
        """
        skin, faces = self._skin, self._heart.faces
        on_skin = layers(skin.points, points, faces)
        on_heart = layers(points, *skin).double
        missed = np.abs(on_heart.sum(axis=1) - 1).max(), np.abs(on_skin.double.sum(axis=1)).max()
        if max(missed) > SEEN:
            raise BadInput("heart: in this pose, it crosses, touches or leaves the skin")
        of_heart = _without_sum(self._heart_double, -on_heart)
        of_skin = _without_sum(-self._skin_double, on_skin.double)
        # on the heart du/dn = V^-1 (on_heart phi - of_heart u), which also contributes on the skin
        seen = on_skin.single @ (self._inverse_single / size)
        return solve(of_skin + seen @ on_heart, seen @ of_heart - on_skin.double)

    @cached_property
    def _heart(self) -> Triangles:
        return closed_surface("heart", self.heart)

    @cached_property
    def _skin(self) -> Triangles:
        return closed_surface("skin", self.torso)

    @cached_property
    def _skin_double(self) -> np.ndarray:
        return layers(self._skin.points, *self._skin).double

    @cached_property
    def _heart_double(self) -> np.ndarray:
        return layers(self._heart.points, *self._heart).double

    @cached_property
    def _inverse_single(self) -> np.ndarray:
        return inv(layers(self._heart.points, *self._heart).single)


def _without_sum(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`own` with the diagonal that makes the rows of both matrices together sum to zero."""
    matrix = own.copy()
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1) - other.sum(axis=1))
    return matrix
