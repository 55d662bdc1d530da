"""A heart: seven tagged surfaces in the heart frame, also those of the embedded atlas.

`Resampling` expresses one triangulation of the mean heart by the vertices of a finer one.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Self

import numpy as np

from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import axes_along, boundary_loops, sides_of
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import follow_boundary
from einthoven.body.anatomy.shape.heart_check import CURVED, PLANAR, heart_volumes
from einthoven.body.anatomy.shape.model import HEART_ATLAS, HEART_FIELDS, ShapeModel, model_from
from einthoven.body.anatomy.shape.parametric_heart import build_template, mean_parameters
from einthoven.body.anatomy.shape.pieces import area_centroid

NEAR_TRIANGLES = 24
MISS_MM = 100.0
SMOOTHED_NEIGHBOURS = 3
SHIPPED_EDGES_MM = (4.0, 2.2)
"""Edge lengths whose topology an atlas file holds; others take seconds at first use."""


@dataclass(frozen=True, eq=False)
class Resampling(Surfaces):
    """A triangulation attached to a finer one on the mean heart, once for all patients.

    A vertex of a curved surface or its boundary is a fixed mixture of three vertices of the finer
    surface. Base and valve caps follow their boundaries from the mean heart, because mixtures would
    fold triangles where the chords of both boundaries differ.

    `points` are those of the mean parameters' heart in the atlas frame (z = 0 is the base); only
    those of base and valve caps are used. Curved vertices come first.
    """

    corners: np.ndarray
    """[curved vertex, 3] int32 vertex ids of the finer surface."""
    weights: np.ndarray
    """[curved vertex, 3] float32 barycentric weights."""

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


@dataclass(frozen=True, eq=False)
class HeartSurfaces(Surfaces):
    """A heart in the heart frame (z from apex to base, x from LV to RV); no SKIN, no lungs."""

    landmarks: dict[str, np.ndarray]
    """APEX_EPI, LV_APEX, RV_APEX, LV_BASE, RV_BASE, each [3]."""

    @classmethod
    def placed(cls, surfaces: Surfaces, landmarks: dict[str, np.ndarray]) -> Self:
        """The heart in its own frame, from surfaces and landmarks in any other."""
        rotation, origin = heart_axes(landmarks)
        points = (surfaces.points - origin) @ rotation
        marks = {name: (place - origin) @ rotation for name, place in landmarks.items()}
        return cls(points, surfaces.faces, surfaces.face_tags, marks)

    @cached_property
    def volumes_ml(self) -> dict[str, float]:
        """Volumes of the cavities lv and rv, and of the myocardium."""
        return heart_volumes(self)

    @property
    def centre(self) -> np.ndarray:
        """Centroid [3] of the heart's outside, by area."""
        return area_centroid(self.points, self.tagged(Surface.EPI, Surface.BASE))

    @property
    def epi_points(self) -> np.ndarray:
        """Vertices [vertex, 3] of the epicardium and the base: the heart's outside."""
        return self.points[np.unique(self.tagged(Surface.EPI, Surface.BASE))]


def embedded_heart(
    heart_coeffs: np.ndarray, edge_mm: float
) -> tuple[Surfaces, dict[str, np.ndarray]]:
    """Surfaces and landmarks of a heart of the embedded atlas, in the frame of that atlas."""
    model, template = load_atlas()
    fine_points = model.points(heart_coeffs)
    resampling = _resampling(edge_mm)
    surfaces = Surfaces(resampling.apply(fine_points), resampling.faces, resampling.face_tags)
    return surfaces, _landmarks(fine_points, model, template)


@lru_cache(maxsize=1)
def load_atlas() -> tuple[ShapeModel, Surfaces]:
    """The embedded heart atlas and the template (the mean parameters' heart) it was built on."""
    arrays = load_arrays(HEART_ATLAS, require=HEART_FIELDS)
    model = model_from(arrays)
    return model, replace(model.surfaces, points=arrays["template_points"].astype(float))


@lru_cache(maxsize=4)
def _resampling(edge_mm: float) -> Resampling:
    """Topology at one edge length: from the atlas file, or built on the mean heart (seconds)."""
    if edge_mm not in SHIPPED_EDGES_MM:
        return resample(build_template(mean_parameters(), edge_mm), load_atlas()[1])
    arrays, key = load_arrays(HEART_ATLAS), f"{edge_mm:g}"
    return Resampling(
        arrays[f"points_{key}"],
        arrays[f"faces_{key}"].astype(np.int32),
        arrays[f"face_tags_{key}"],
        arrays[f"corners_{key}"].astype(np.int32),
        arrays[f"weights_{key}"],
    )


def _landmarks(points: np.ndarray, model: ShapeModel, template: Surfaces) -> dict[str, np.ndarray]:
    """Landmarks [3] mm in the atlas frame; apices are fixed vertices, so they follow the modes."""
    landmarks = {}
    apices = {"LV_APEX": Surface.LV_ENDO, "RV_APEX": Surface.RV_ENDO, "APEX_EPI": Surface.EPI}
    for name, tag in apices.items():
        ids = np.unique(template.tagged(tag))
        landmarks[name] = points[ids[model.mean[ids, 2].argmin()]]
    for name, tag in {"LV_BASE": Surface.LV_CAP, "RV_BASE": Surface.RV_CAP}.items():
        landmarks[name] = area_centroid(points, template.tagged(tag))
    return landmarks


def heart_axes(landmarks: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The heart frame from LV_BASE, LV_APEX, RV_BASE: axes as columns [3, 3], origin [3] mm."""
    origin = landmarks["LV_BASE"]
    return axes_along(origin - landmarks["LV_APEX"], landmarks["RV_BASE"] - origin), origin
