"""Points tied to a triangulated skin: they keep their triangle and weights while it deforms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from einthoven.core.check import finite, shape
from einthoven.core.errors import BadInput


@dataclass(frozen=True)
class SkinPoints:
    """Barycentric places on one topology.

    Attributes:
        vertices: [point, 3] vertex ids of each point's triangle.
        weights: [point, 3], non-negative, each row sums to one.
    """

    vertices: np.ndarray
    weights: np.ndarray

    def on(self, points: np.ndarray) -> np.ndarray:
        """Positions [point, 3] mm on the skin with vertices `points` [vertex, 3] mm."""
        return np.einsum("pk,pkd->pd", self.weights, points[self.vertices])


def attach(points: np.ndarray, faces: np.ndarray, targets: np.ndarray) -> SkinPoints:
    """Tie each target [point, 3] mm to the nearest place of the skin (`points`, `faces`)."""
    import pyvista as pv

    targets = finite("targets", shape("targets", targets, (None, 3)))
    skin = pv.PolyData.from_regular_faces(np.asarray(points, float), faces)
    cells, nearest = skin.find_closest_cell(targets, return_closest_point=True)
    vertices = faces[np.asarray(cells, dtype=np.int64).reshape(-1)]
    nearest = np.reshape(nearest, (-1, 3))
    return SkinPoints(vertices, _barycentric(points[vertices].astype(float), nearest))


def cast_ray(
    points: np.ndarray, faces: np.ndarray, origin: ArrayLike, direction: ArrayLike
) -> np.ndarray:
    """Where a ray first meets the skin (Moeller and Trumbore 1997, 10.1080/10867651.1997.10487468).

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        origin: [3] mm.
        direction: [3], any length but zero.

    Returns:
        [3] mm.

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


def _barycentric(triangles: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weights [point, 3] of places [point, 3] within triangles [point, 3, 3]."""
    e_1, e_2 = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    to_place = places - triangles[:, 0]
    d_11, d_12, d_22 = (
        np.einsum("pd,pd->p", a, b) for a, b in ((e_1, e_1), (e_1, e_2), (e_2, e_2))
    )
    d_1, d_2 = np.einsum("pd,pd->p", to_place, e_1), np.einsum("pd,pd->p", to_place, e_2)
    det = d_11 * d_22 - d_12**2
    w_1, w_2 = (d_22 * d_1 - d_12 * d_2) / det, (d_11 * d_2 - d_12 * d_1) / det
    weights = np.clip(np.stack([1 - w_1 - w_2, w_1, w_2], axis=1), 0.0, 1.0)
    return weights / weights.sum(axis=1, keepdims=True)
