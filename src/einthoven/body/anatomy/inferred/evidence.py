"""Evidence on a body whose skin was not imaged, as residuals of the latents, linearised.

A term gives whitened residuals r [k] and their derivative J [k, latent]; minus the logarithm of its
likelihood is |r|^2 / 2 plus a constant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.linalg import solve_triangular

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.barycentric import SkinPoints, tie
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.body.anatomy.inferred.placed_skin import PlacedSkin
from einthoven.body.anatomy.population.reference import BodySize
from einthoven.body.anatomy.pose import MEAN_POSES, POSE

COUNTED_BY_RIBS = ("V1", "V2", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Spread:
    """SDs in mm of measurements about their position in the model."""

    place: float = 15.0
    """Electrode along the skin, about its rule-based site (Schijvenaars 1997, J. Electrocardiol.
    30:247, studied typical errors of 20 to 30 mm)."""
    together: float = 12.0
    """Common shift of V1 to V6 up or down, as when ribs are miscounted."""
    landmark: float = 10.0
    """Landmark along the skin."""
    off_skin: float = 3.0
    """Electrodes and landmarks normal to the skin."""
    skin: float = 3.0
    """Points of the skin normal to it."""
    apart: float = 30.0
    """Minimum distance of skin points that count as independent."""


@dataclass(frozen=True)
class TorsoEvidence:
    """Evidence in one frame, with axes to the left, the back and the head, mm."""

    places: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name -> [3], electrodes of the 12-lead ECG, RL and landmarks of the torso."""
    skin: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    """[point, 3] on the skin, in any number."""
    heart: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    """[point, 3] of the epicardium, which the skin encloses; if empty, the heart's position is not
    used."""
    person: BodySize | None = None
    """Sex, height and BMI."""
    turned_deg: float = 4.0
    """SD of the body's rotation about each of the axes."""

    def __post_init__(self) -> None:
        for name in ("skin", "heart"):
            finite(name, shape(name, getattr(self, name), (None, 3)))
        for name, place in self.places.items():
            finite(name, shape(name, place, (3,)))
        if not (len(self.places) or len(self.skin) or len(self.heart)):
            raise BadInput(
                "torso: its position is undetermined; give electrodes, landmarks, points of the "
                "skin, or the heart in the scanner's frame"
            )


class Term(Protocol):
    """One kind of evidence."""

    def residuals(self, skin: PlacedSkin, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals r [k] and J [k, latent] at these latents."""
        ...


@dataclass(frozen=True)
class Places:
    """Electrodes and landmarks: loose along the skin, tight normal to it, V1 to V6 jointly."""

    names: Sequence[str]
    """Names of the places."""
    ties: SkinPoints
    """Positions by the rules or the atlas."""
    targets: np.ndarray
    """[place, 3] mm, measured positions."""
    along: np.ndarray
    """[place] mm, SD along the skin."""
    spread: Spread
    """The other SDs."""
    faces: np.ndarray
    """Faces of the skin."""

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
