"""Express one triangulation of the mean heart by the vertices of a finer one."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.geometry.boundary_loops import boundary_loops, sides_of
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import follow_boundary
from einthoven.body.anatomy.shape.heart_check import CURVED, PLANAR

NEAR_TRIANGLES = 24
MISS_MM = 100.0
SMOOTHED_NEIGHBOURS = 3


@dataclass(frozen=True, eq=False)
class Resampling(Surfaces):
    """A triangulation attached to a finer one on the mean heart, once for all patients.

    A vertex of a curved surface or its boundary is a fixed mixture of three vertices of the finer
    surface. Base and valve caps follow their boundaries from the mean heart, because mixtures would
    fold triangles where the chords of both boundaries differ.

    `points` are those of the mean parameters' heart in the atlas frame (z = 0 is the base); only
    those of base and valve caps are used. Curved vertices come first.

    Attributes:
        corners: [curved vertex, 3] int32 vertex ids of the finer surface.
        weights: [curved vertex, 3] float32 barycentric weights.
    """

    corners: np.ndarray
    weights: np.ndarray

    def apply(self, fine_points: np.ndarray) -> np.ndarray:
        """Points [vertex, 3] mm from the finer surface's points [fine vertex, 3] mm."""
        n_curved = len(self.corners)
        targets = self.points.astype(float)
        targets[:n_curved] = np.einsum(
            "vk,vkd->vd", self.weights.astype(float), fine_points[self.corners]
        )
        fixed = np.arange(len(targets)) < n_curved
        return follow_boundary(self.points, self.tagged(*PLANAR), fixed, targets)


def resample(template: Surfaces, fine: Surfaces) -> Resampling:
    """Find each vertex of `template` on the same curved surface (or its boundary) of `fine`.

    Both must triangulate the same heart. Boundary vertices are placed on the finer boundary, so
    that the seven surfaces stay joined.
    """
    n_curved = template.tagged(*CURVED).max() + 1
    corners = np.zeros((n_curved, 3), np.int32)
    weights = np.zeros((n_curved, 3), np.float32)
    for tag in CURVED:
        faces, fine_faces = template.tagged(tag), fine.tagged(tag)
        ids = np.unique(faces)
        normals = _vertex_normals(template.points, faces)[ids]
        found = _along_normals(template.points[ids], normals, fine.points, fine_faces)
        corners[ids], weights[ids] = found
        loop, fine_loop = boundary_loops(faces)[0], boundary_loops(fine_faces)[0]
        found = _along_loop(template.points[loop], fine.points, fine_loop)
        corners[loop], weights[loop] = found
    # Only the plane's points are used later; zeros elsewhere keep the atlas file small.
    points = template.points.astype(np.float32)
    points[np.setdiff1d(np.arange(len(points)), template.tagged(*PLANAR))] = 0.0
    return Resampling(points, template.faces, template.face_tags, corners, weights)


def _vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [vertex, 3], by area, of a surface; arbitrary at unused vertices."""
    normals = vertex_area_vectors(points, faces)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _along_normals(
    queries: np.ndarray, normals: np.ndarray, points: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Intersections of the normals with a surface: corners [query, 3] and weights [query, 3].

    Closest points would collapse onto the edges of creases, over which normals fan out. Next to a
    boundary a normal may just miss; then the triangle with the smallest miss is used, weights
    clipped.
    """
    from scipy.spatial import cKDTree

    triangles = points[faces]
    n_near = min(NEAR_TRIANGLES, len(faces))
    _, near = cKDTree(triangles.mean(axis=1)).query(queries, k=n_near)  # [query, near]
    a, b, c = (triangles[near, k] for k in range(3))
    area = np.cross(b - a, c - a)
    along = np.einsum("qnd,qd->qn", area, normals)
    along = np.where(np.abs(along) < 1e-9, 1e-9, along)
    t = np.einsum("qnd,qnd->qn", area, a - queries[:, None]) / along
    foot = queries[:, None] + t[..., None] * normals[:, None]
    area_sq = (area**2).sum(axis=2)
    first = np.einsum("qnd,qnd->qn", np.cross(c - b, foot - b), area) / area_sq
    second = np.einsum("qnd,qnd->qn", np.cross(a - c, foot - c), area) / area_sq
    weights = np.stack([first, second, 1 - first - second], axis=2)
    outside = np.maximum(-weights.min(axis=2), 1e-6)  # 1e-6 for every triangle that is hit
    # A hit near the vertex is preferred; a miss counts more the wider it is.
    best = (np.abs(t) + MISS_MM * outside).argmin(axis=1)
    rows = np.arange(len(queries))
    weights = np.clip(weights[rows, best], 0, 1)
    return faces[near[rows, best]], weights / weights.sum(axis=1, keepdims=True)


def _along_loop(loop_points: np.ndarray, points: np.ndarray, loop: np.ndarray) -> tuple:
    """Corners and weights as in `_along_normals` for a closed polygon [corner, 3] mm, by length.

    Closest points would collapse where the chord of the finer polygon, vertex ids `loop`, cuts a
    corner. Both polygons run in the same sense; their offset is that of the closest points,
    averaged over neighbours.
    """
    share, fine_share = _shares(loop_points), _shares(points[loop])
    apart = np.linalg.norm(loop_points[:, None] - points[loop][None], axis=2)
    closest = apart.argmin(axis=1)
    offset = fine_share[closest] - share
    shift = (offset - offset[0] + 0.5) % 1.0 - 0.5  # small, whatever the polygons' first points
    window = np.ones(2 * SMOOTHED_NEIGHBOURS + 1) / (2 * SMOOTHED_NEIGHBOURS + 1)
    smooth = np.convolve(np.pad(shift, SMOOTHED_NEIGHBOURS, mode="wrap"), window, mode="valid")
    share = (share + offset[0] + smooth) % 1.0
    segment = np.searchsorted(fine_share, share, side="right") - 1
    ends = np.append(fine_share, 1.0)
    t = (share - ends[segment]) / (ends[segment + 1] - ends[segment])
    corners = np.stack([loop[segment], np.roll(loop, -1)[segment], loop[segment]], axis=1)
    return corners, np.stack([1 - t, t, np.zeros_like(t)], axis=1)


def _shares(loop_points: np.ndarray) -> np.ndarray:
    """Relative arc length of the points of a closed polygon: [corner], from 0 towards 1."""
    length = sides_of(loop_points)
    return (np.cumsum(length) - length) / length.sum()
