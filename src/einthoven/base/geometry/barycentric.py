"""Points attached to a triangulated skin: they keep triangle and weights while it deforms."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput

TARGETS_AT_ONCE = 32


@dataclass(frozen=True)
class SkinPoints:
    """Barycentric coordinates of points on one topology."""

    vertices: np.ndarray
    """[point, 3] vertex ids of each point's triangle."""
    weights: np.ndarray
    """[point, 3], non-negative, each row sums to one."""

    def only(self, kept: np.ndarray | list[int]) -> Self:
        """A subset of the points: [point] bool or ids."""
        return replace(self, vertices=self.vertices[kept], weights=self.weights[kept])

    def on(self, points: np.ndarray) -> np.ndarray:
        """Positions [point, 3] mm on the skin with vertices `points` [vertex, 3] mm."""
        return np.einsum("pk,pkd->pd", self.weights, points[self.vertices])


def attach(points: np.ndarray, faces: np.ndarray, targets: np.ndarray) -> SkinPoints:
    """Attach each target [point, 3] mm to the nearest point of the skin (`points`, `faces`).

    Intended for hundreds of targets, for which a compiled search takes longer to load than this.
    """
    targets = finite("targets", shape("targets", targets, (None, 3))).astype(float)
    corners = np.asarray(points, float)[faces]
    centres = corners.mean(axis=1)
    radii = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    found, nearest = np.empty(len(targets), dtype=np.int64), np.empty((len(targets), 3))
    for start in range(0, len(targets), TARGETS_AT_ONCE):
        some = targets[start : start + TARGETS_AT_ONCE]
        gaps = np.linalg.norm(centres - some[:, None], axis=2)
        # no other triangle can hold the nearest point
        which, near = np.nonzero(gaps - radii <= gaps.min(axis=1, keepdims=True))
        places = _nearest_places(corners[near], some[which])
        apart = np.linalg.norm(places - some[which], axis=1)
        first = np.searchsorted(which, np.arange(len(some)))
        best = [one + part.argmin() for one, part in zip(first, np.split(apart, first[1:]))]
        found[start : start + len(some)] = near[best]
        nearest[start : start + len(some)] = places[best]
    return tie(points, faces[found], nearest)


def tie(points: np.ndarray, triangles: np.ndarray, places: np.ndarray) -> SkinPoints:
    """Attach points [point, 3] mm to given triangles [point, 3] of the skin in which they lie."""
    corners = np.asarray(points, float)[triangles]
    weights = np.clip(_barycentric(corners, places), 0.0, 1.0)
    return SkinPoints(triangles, weights / weights.sum(axis=1, keepdims=True))


def cast_ray(
    points: np.ndarray, faces: np.ndarray, origin: ArrayLike, direction: ArrayLike
) -> np.ndarray:
    """First hit of a ray on the skin (Moeller and Trumbore 1997, 10.1080/10867651.1997.10487468).

    points [vertex, 3] mm, faces [face, 3], origin [3] mm, direction [3] of any length -> [3] mm.

    Raises:
        BadInput: the ray misses.
    """
    start, along = np.asarray(origin, float), np.asarray(direction, float)
    corner = points[faces[:, 0]].astype(float)
    edge_1, edge_2 = points[faces[:, 1]] - corner, points[faces[:, 2]] - corner
    normal = np.cross(along, edge_2)
    det = np.einsum("fd,fd->f", edge_1, normal)
    det = np.where(np.abs(det) < 1e-12, np.nan, det)  # parallel: comparisons below are false
    to_start = start - corner
    u = np.einsum("fd,fd->f", to_start, normal) / det
    crossed = np.cross(to_start, edge_1)
    v = crossed @ along / det
    t = np.einsum("fd,fd->f", edge_2, crossed) / det
    slack = 1e-9  # a ray through an edge must not slip between its two triangles
    hit = (u >= -slack) & (v >= -slack) & (u + v <= 1 + slack) & (t > 1e-9)
    if not hit.any():
        raise BadInput(f"ray from {start.round(1)} along {along.round(3)} misses the skin")
    return start + t[hit].min() * along


def _nearest_places(triangles: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Point [face, 3] of each triangle [face, 3, 3] that is nearest to its target [face, 3]."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    normal = np.cross(a - c, b - c)
    height = _dot(normal, target - b) / _dot(normal, normal)
    above = target - height[:, None] * normal
    inside = (_barycentric(triangles, above) >= 0).all(axis=1)
    along, target = np.roll(triangles, -1, axis=1) - triangles, target[:, None]
    share = np.clip(_dot(target - triangles, along) / _dot(along, along), 0.0, 1.0)
    on_edges = triangles + share[..., None] * along
    edge = np.linalg.norm(on_edges - target, axis=2).argmin(axis=1)
    return np.where(inside[:, None], above, on_edges[np.arange(len(edge)), edge])


def _barycentric(triangles: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weights [point, 3] of places [point, 3] in the planes of triangles [point, 3, 3]."""
    e_1, e_2 = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    to_place = places - triangles[:, 0]
    d_11, d_12, d_22 = (
        np.einsum("pd,pd->p", a, b) for a, b in ((e_1, e_1), (e_1, e_2), (e_2, e_2))
    )
    d_1, d_2 = np.einsum("pd,pd->p", to_place, e_1), np.einsum("pd,pd->p", to_place, e_2)
    det = d_11 * d_22 - d_12**2
    w_1, w_2 = (d_22 * d_1 - d_12 * d_2) / det, (d_11 * d_2 - d_12 * d_1) / det
    return np.stack([1 - w_1 - w_2, w_1, w_2], axis=1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
