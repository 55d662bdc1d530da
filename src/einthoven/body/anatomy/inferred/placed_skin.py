"""The skin in the frame of the evidence, and its prior: a Gaussian distribution of its vertices.

The prior consists of the coefficients of the torso atlas given sex, height and BMI (if known), and
smooth departures that no atlas contains: independent in x, y and z, a field on the mean skin with
the Matern spectrum (1 + length^2 eigenvalue)^-2 over its Laplace modes (Whittle 1954,
10.1093/biomet/41.3-4.434; on surfaces: Lindgren, Rue, Lindstroem 2011,
10.1111/j.1467-9868.2011.00777.x). Shape, position and rotation are one latent vector.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from einthoven.base.geometry.barycentric import SkinPoints, tie
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.body.anatomy.population.reference import BodySize, load_regression
from einthoven.body.anatomy.shape.model import TORSO_ATLAS
from einthoven.body.anatomy.shape.torso import load_atlas

DEPARTURE_MM = 12.0
"""SD of the departures in each direction, a choice: the modes hold 96 % of the variance of the
synthetic bodies they come from, and the one real torso available was 10 to 13 mm off the inference
from nine electrodes with an SD of 8 mm."""
LENGTH_MM = 80.0
"""Correlation length of the departures."""
N_SMOOTH = 60
"""Laplace modes of the departures; the variance of the others is dropped."""
N_TURN, N_SHIFT = 3, 3
SHIFT_MM = 1000.0
"""SD of the position: effectively unknown."""


@dataclass(frozen=True)
class SkinPrior:
    """Skins mean + sum_k latents[k] factors[k] with independent standard normal latents."""

    mean: np.ndarray
    """[vertex, 3] mm."""
    factors: np.ndarray
    """[latent, vertex, 3] mm; those of the atlas first."""
    coeffs_mean: np.ndarray
    """[mode] SD of the atlas."""
    coeffs_root: np.ndarray
    """[mode, mode] root of their covariance: coefficients = coeffs_mean + coeffs_root @
    latents[:mode]."""

    def points(self, latents: np.ndarray) -> np.ndarray:
        """The skin [vertex, 3] mm of latents [latent]."""
        return self.mean + np.tensordot(latents, self.factors, axes=1)

    def coeffs(self, latents: np.ndarray) -> np.ndarray:
        """Coefficients of the atlas [mode] in SD."""
        return self.coeffs_mean + self.coeffs_root @ latents[: len(self.coeffs_mean)]


def skin_prior(person: BodySize | None, resolution: str) -> SkinPrior:
    """Prior for a person, or for an unknown one, on one resolution of the shipped atlas.

    Height and BMI may exceed the range of a cohort. The regression is then an extrapolation, and
    the variance grows with the square of the excess over 3 SD.

    Raises:
        BadInput: an unknown sex.
    """
    model = load_atlas().models[resolution]
    middle, root = np.zeros(model.n_modes), np.eye(model.n_modes)
    if person:
        regression = load_regression(TORSO_ATLAS)
        covariates = person.covariates()
        beyond = np.maximum(np.abs(covariates[2:]) - 3.0, 0.0)
        middle = covariates @ regression.weights
        root = regression.residual * np.sqrt(1.0 + np.sum(beyond**2))
    modes = np.tensordot(root.T, model.modes.astype(float), axes=1)
    return SkinPrior(
        mean=model.points(middle),
        factors=np.concatenate([modes, _departures(resolution)]),
        coeffs_mean=middle,
        coeffs_root=root,
    )


@lru_cache(maxsize=2)
def _departures(resolution: str) -> np.ndarray:
    """Laplace modes of the mean skin in x, y and z: [3 N_SMOOTH, vertex, 3] mm.

    They are those of the coarse skin, interpolated to the fine one, so that both have the same
    prior.
    """
    atlas = load_atlas()
    coarse, wanted = atlas.models["coarse"], atlas.models[resolution]
    modes = laplacian_modes(coarse.mean, coarse.faces, N_SMOOTH)
    spectrum = (1.0 + LENGTH_MM**2 * modes.eigenvalues) ** -2
    area = lumped_areas(coarse.mean, coarse.faces).sum()
    sds = DEPARTURE_MM * np.sqrt(area * spectrum / spectrum.sum())
    fields = modes.functions * sds
    if resolution != "coarse":
        nearest = TriangleTree(coarse.mean, coarse.faces).closest(wanted.mean)
        fields = tie(coarse.mean, coarse.faces[nearest.faces], nearest.points).on(fields)
    return np.einsum("vk,ij->kivj", fields, np.eye(3)).reshape(-1, len(wanted.mean), 3)


@dataclass(frozen=True)
class PlacedSkin:
    """Points(latents) = shape(latents) rotated about its own origin, then shifted.

    The latents are standard normal: those of the shape, three of the rotation (rotation vector over
    its SD), three of the shift.
    """

    prior: SkinPrior
    """Prior of the shape."""
    turned_deg: float
    """SD of each component of the rotation."""
    start: tuple[np.ndarray, np.ndarray]
    """Rotation [3, 3] and shift [3] mm at zero latents."""

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
