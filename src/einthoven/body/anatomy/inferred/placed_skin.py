"""The skin in the frame of the evidence: shape, position and rotation as one latent vector."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from einthoven.base.geometry.barycentric import SkinPoints
from einthoven.body.anatomy.inferred.skin_prior import SkinPrior

N_TURN, N_SHIFT = 3, 3
SHIFT_MM = 1000.0
"""SD of the position: effectively unknown."""


@dataclass(frozen=True)
class PlacedSkin:
    """Points(latents) = shape(latents) rotated about its own origin, then shifted.

    The latents are standard normal: those of the shape, three of the rotation (rotation vector over
    its SD), three of the shift.

    Attributes:
        prior: prior of the shape.
        turned_deg: SD of each component of the rotation.
        start: rotation [3, 3] and shift [3] mm at zero latents.
    """

    prior: SkinPrior
    turned_deg: float
    start: tuple[np.ndarray, np.ndarray]

    @property
    def n_latents(self) -> int:
        """Number of latents of shape, rotation and shift."""
        return len(self.prior.factors) + N_TURN + N_SHIFT

    def points(self, latents: np.ndarray) -> np.ndarray:
        """All vertices [vertex, 3] mm."""
        turn, shift = self._motion(latents)
        return self.prior.points(latents[: len(self.prior.factors)]) @ turn.T + shift

    def places(self, latents: np.ndarray, at: SkinPoints) -> tuple[np.ndarray, np.ndarray]:
        """Points attached to the skin, [point, 3] mm, and their derivative [point, 3, latent]."""
        n_shape = len(self.prior.factors)
        turn, shift = self._motion(latents)
        factors = np.einsum("pk,lpkd->pdl", at.weights, self.prior.factors[:, at.vertices])
        shape = at.on(self.prior.mean) + factors @ latents[:n_shape]
        turned = shape @ turn.T
        derivative = np.empty((len(shape), 3, self.n_latents))
        derivative[:, :, :n_shape] = np.einsum("ij,pjl->pil", turn, factors)
        # d(exp(w) x) = -[exp(w) x]_cross J(w) dw, J the left Jacobian of the rotation group
        vector = self._vector(latents)
        jacobian = -cross_matrix(turned) @ _left_jacobian(vector)
        derivative[:, :, n_shape : n_shape + N_TURN] = jacobian * np.radians(self.turned_deg)
        derivative[:, :, n_shape + N_TURN :] = SHIFT_MM * np.eye(3)
        return turned + shift, derivative

    def turn(self, latents: np.ndarray) -> np.ndarray:
        """Rotation [3, 3] whose columns are the body's axes to its left, its back and its head."""
        return self._motion(latents)[0]

    def _motion(self, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turn = Rotation.from_rotvec(self._vector(latents)).as_matrix() @ self.start[0]
        return turn, self.start[1] + SHIFT_MM * latents[-N_SHIFT:]

    def _vector(self, latents: np.ndarray) -> np.ndarray:
        """Rotation vector [3] in radians."""
        return np.radians(self.turned_deg) * latents[-N_SHIFT - N_TURN : -N_SHIFT]


def cross_matrix(vectors: np.ndarray) -> np.ndarray:
    """Cross-product matrices [..., 3, 3] of vectors [..., 3]."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _left_jacobian(vector: np.ndarray) -> np.ndarray:
    """Left Jacobian of SO(3) at a rotation vector [3] (Sola 2018, arXiv 1812.01537, eq. (145))."""
    angle = np.linalg.norm(vector)
    cross = cross_matrix(vector)
    if angle < 1e-6:
        return np.eye(3) + 0.5 * cross
    return (
        np.eye(3)
        + (1 - np.cos(angle)) / angle**2 * cross
        + (angle - np.sin(angle)) / angle**3 * cross @ cross
    )
