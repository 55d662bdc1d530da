"""Express one triangulation of the mean heart by the vertices of a finer one."""

from dataclasses import dataclass

import numpy as np

from einthoven.anatomy.heart_template import HeartTemplate
from einthoven.anatomy.surface_mesh import extend_harmonically
from einthoven.core.tags import Surface

CURVED = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)


@dataclass(frozen=True)
class Resampling:
    """A triangulation tied to a finer one on the mean heart, once for all patients.

    A vertex of a curved surface or a rim is a fixed mixture of three vertices of the finer
    surface. Inside base and lids the displacement from the mean heart is harmonic: mixtures
    would fold triangles there, where the rims' chords cut corners in different places.

    Attributes:
        corners: [curved vertex, 3] int32 vertex ids of the finer surface.
        weights: [curved vertex, 3] float32 barycentric weights.
        points: [vertex, 3] mm, the mean parameters' heart, atlas frame (z = 0 is the base);
            only base and lids are used. Curved vertices come first.
        faces: [face, 3] int32.
        face_tags: [face] int8.
    """

    corners: np.ndarray
    weights: np.ndarray
    points: np.ndarray
    faces: np.ndarray
    face_tags: np.ndarray

    def apply(self, fine_points: np.ndarray) -> np.ndarray:
        """Points [vertex, 3] mm from the finer surface's points [fine vertex, 3] mm."""
        n_curved = len(self.corners)
        mixed = np.einsum("vk,vkd->vd", self.weights.astype(float), fine_points[self.corners])
        displacement = np.zeros((len(self.points), 3))
        displacement[:n_curved] = mixed - self.points[:n_curved]
        plane = self.faces[~np.isin(self.face_tags, CURVED)]
        fixed = np.arange(len(self.points)) < n_curved
        displacement = extend_harmonically(self.points.astype(float), plane, fixed, displacement)
        return np.concatenate([mixed, self.points[n_curved:] + displacement[n_curved:]])


def resample(template: HeartTemplate, fine: HeartTemplate) -> Resampling:
    """Find each vertex of `template` on the same curved surface (or rim) of `fine`.

    Both must triangulate the same heart. A rim's vertices fall on the finer rim, so that the
    seven surfaces stay joined.
    """
    n_curved = template.surface(*CURVED).max() + 1
    corners = np.zeros((n_curved, 3), np.int32)
    weights = np.zeros((n_curved, 3), np.float32)
    for tag in CURVED:
        ids = np.unique(template.surface(tag))
        found = _closest_on_faces(template.points[ids], fine.points, fine.surface(tag))
        corners[ids], weights[ids] = found
    for name, rim in template.rims.items():
        found = _closest_on_loop(template.points[rim], fine.points, fine.rims[name])
        corners[rim], weights[rim] = found
    # Only the plane's points are used later; zeros elsewhere keep the atlas file small.
    points = template.points.astype(np.float32)
    on_plane = np.isin(np.arange(len(points)), template.faces[~np.isin(template.face_tags, CURVED)])
    points[~on_plane] = 0.0
    return Resampling(corners, weights, points, template.faces, template.face_tags)


def _closest_on_faces(queries: np.ndarray, points: np.ndarray, faces: np.ndarray) -> tuple:
    """Corners [query, 3] and barycentric weights [query, 3] of the closest surface points."""
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(points, faces)
    cells, closest = surface.find_closest_cell(queries, return_closest_point=True)
    corners = faces[cells]
    a, b, c = (points[corners[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area_sq = (normal**2).sum(axis=1)
    first = np.einsum("ij,ij->i", np.cross(c - b, closest - b), normal) / area_sq
    second = np.einsum("ij,ij->i", np.cross(a - c, closest - c), normal) / area_sq
    weights = np.clip(np.stack([first, second, 1 - first - second], axis=1), 0, 1)
    return corners, weights / weights.sum(axis=1, keepdims=True)


def _closest_on_loop(queries: np.ndarray, points: np.ndarray, loop: np.ndarray) -> tuple:
    """As `_closest_on_faces` for a closed polygon of vertex ids; the third weight is zero."""
    start, end = points[loop], points[np.roll(loop, -1)]
    along = end - start
    offset = queries[:, None] - start[None]
    share = np.clip((offset * along).sum(axis=2) / (along**2).sum(axis=1), 0, 1)
    distance = np.linalg.norm(offset - share[..., None] * along, axis=2)
    best = distance.argmin(axis=1)
    t = share[np.arange(len(queries)), best]
    corners = np.stack([loop[best], np.roll(loop, -1)[best], loop[best]], axis=1)
    return corners, np.stack([1 - t, t, np.zeros_like(t)], axis=1)
