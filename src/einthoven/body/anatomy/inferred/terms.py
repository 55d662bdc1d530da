"""Evidence as residuals of the latents, linearised.

A term gives whitened residuals r [k] and their derivative J [k, latent]; minus the logarithm of its
likelihood is |r|^2 / 2 plus a constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import solve_triangular

from einthoven.base.geometry.barycentric import SkinPoints, tie
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.body.anatomy.inferred.evidence import Spread
from einthoven.body.anatomy.inferred.placed_skin import PlacedSkin
from einthoven.body.anatomy.pose import MEAN_POSES, POSE

COUNTED_BY_RIBS = ("V1", "V2", "V3", "V4", "V5", "V6")


class Term(Protocol):
    """One kind of evidence."""

    def residuals(self, skin: PlacedSkin, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals r [k] and J [k, latent] at these latents."""
        ...


@dataclass(frozen=True)
class Places:
    """Electrodes and landmarks: loose along the skin, tight normal to it, V1 to V6 jointly.

    Attributes:
        names: of the places.
        ties: positions by the rules or the atlas.
        targets: [place, 3] mm, measured positions.
        along: [place] mm, SD along the skin.
        spread: the other SDs.
        faces: of the skin.
    """

    names: Sequence[str]
    ties: SkinPoints
    targets: np.ndarray
    along: np.ndarray
    spread: Spread
    faces: np.ndarray

    def residuals(self, skin: PlacedSkin, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals as in `Term`; normals are those of the current shape."""
        places, derivative = skin.places(latents, self.ties)
        covariance = self._covariance(skin.points(latents), skin.turn(latents)[:, 2])
        root = np.linalg.cholesky(covariance)
        r = solve_triangular(root, (places - self.targets).ravel(), lower=True)
        return r, solve_triangular(root, derivative.reshape(len(r), -1), lower=True)

    def _covariance(self, points: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        """Covariance [3 place, 3 place] mm^2, skin [vertex, 3] mm, `upwards` [3] to the head."""
        normals = vertex_area_vectors(points, self.faces)
        n = np.einsum("pk,pkd->pd", self.ties.weights, normals[self.ties.vertices])
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        across = np.einsum("pi,pj->pij", n, n)
        own = self.along[:, None, None] ** 2 * (np.eye(3) - across)
        own += self.spread.off_skin**2 * across
        by_ribs = np.array([name in COUNTED_BY_RIBS for name in self.names])
        up = upwards - (n @ upwards)[:, None] * n  # along the skin
        common = (self.spread.together * by_ribs[:, None] * up).ravel()
        covariance = np.outer(common, common)
        for k, block in enumerate(own):
            covariance[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] += block
        return covariance


@dataclass(frozen=True)
class SkinCloud:
    """Points that lie somewhere on the skin."""

    cloud: np.ndarray
    """[point, 3] mm."""
    sd_mm: float
    faces: np.ndarray

    def residuals(self, skin: PlacedSkin, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals as in `Term`; each point against the nearest point of the current skin."""
        distance, slopes = _distances(skin, self.faces, latents, self.cloud)
        return -distance / self.sd_mm, slopes / self.sd_mm


@dataclass(frozen=True)
class HeartWithin:
    """The heart's position follows that of virtual patients: `pose.POSE`, about the imaged mean.

    The terms are its distance left of the midline, above the fourth intercostal space along the
    axes of the evidence, and its least distance from the skin.
    """

    heart: np.ndarray
    """[point, 3] mm."""
    ics4: SkinPoints
    faces: np.ndarray

    def residuals(self, skin: PlacedSkin, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals as in `Term`."""
        landmark, d_landmark = skin.places(latents, self.ics4)
        offset = self.heart.mean(axis=0) - landmark[0]
        left, up, clearance = POSE["shift_left"], POSE["shift_up"], POSE["clearance"]
        raised = up[0] + MEAN_POSES["imaged"].up_mm
        surface = ClosedSurface(skin.points(latents), self.faces)
        deep = self.heart[[np.argmax(surface.distance(self.heart))]]  # the least
        distance, slopes = _distances(skin, self.faces, latents, deep)
        r = [
            (offset[0] - left[0]) / left[1],
            (offset[2] - raised) / up[1],
            (-distance[0] - clearance[0]) / clearance[1],
        ]
        derivative = [-d_landmark[0, 0] / left[1], -d_landmark[0, 2] / up[1]]
        return np.array(r), np.array([*derivative, slopes[0] / clearance[1]])


def _distances(
    skin: PlacedSkin, faces: np.ndarray, latents: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances [point] mm of points from the skin, and how much the skin rises there.

    The rise, [point, latent] mm, is minus the derivative of the distance: the skin's motion along
    its normal at the nearest point.
    """
    vertices = skin.points(latents)
    distance, normals = ClosedSurface(vertices, faces).distance_and_gradient(points)
    nearest = TriangleTree(vertices, faces).closest(points)
    ties = tie(vertices, faces[nearest.faces], nearest.points)
    _, derivative = skin.places(latents, ties)
    return distance, np.einsum("pd,pdl->pl", normals, derivative)
