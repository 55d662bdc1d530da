"""A deformed heart of a shape model: walls, breadth of the RV, size, base, a smooth warp."""

from dataclasses import dataclass, field, replace

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.smooth_field import SmoothField
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.curved_base import BaseCurve
from einthoven.body.anatomy.shape.heart_check import check_heart
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces, heart_axes
from einthoven.body.anatomy.shape.pieces import area_centroid

WARP_WIDTH_MM = 30.0
SEPTUM_BLEND_MM = 8.0
"""Width over which the stretch of the RV sets in."""
SMOOTHING_ROUNDS = 8
"""Smoothing of wall vectors, whose closest points jump from surface to surface."""
PLANAR = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)


@dataclass(frozen=True, eq=False)
class HeartDeformation:
    """Differences of a heart from that of its shape model."""

    lv_wall: float
    rv_wall: float
    """Factors on the thickness of the walls at constant epicardium."""
    rv_breadth: float
    """Factor on everything beyond the septum, along x of the heart frame."""
    scale: np.ndarray
    """[3] factors along the axes of the heart frame."""
    warp_mm: float
    """Root mean square of the random displacement."""
    base: BaseCurve = field(default_factory=BaseCurve)

    def apply(self, heart: HeartSurfaces, rng: np.random.Generator) -> HeartSurfaces:
        """The deformed heart in its own heart frame.

        Args:
            heart: in the heart frame.
            rng: draws the warp.

        Raises:
            StepFailed: it is no longer a valid heart (`heart_check.check_heart`).
        """
        points = heart.points + self._wall_moves(heart) + self.base.moves(heart)
        start = points[np.unique(heart.tagged(Surface.LV_ENDO)), 0].max()
        points = self._broadened(points, start) * self.scale
        points = points + SmoothField.draw(points, self.warp_mm, WARP_WIDTH_MM, rng)(points)
        deformed = _in_own_frame(replace(heart, points=points), heart)
        check_heart(deformed, flat_base=False)
        return deformed

    def _broadened(self, points: np.ndarray, start: float) -> np.ndarray:
        """X stretched beyond the septum, smoothly and monotonically."""
        beyond = np.logaddexp(0.0, (points[:, 0] - start) / SEPTUM_BLEND_MM) * SEPTUM_BLEND_MM
        return points + (self.rv_breadth - 1.0) * beyond[:, None] * [1.0, 0.0, 0.0]

    def _wall_moves(self, heart: HeartSurfaces) -> np.ndarray:
        """Displacements [vertex, 3] mm that bring the endocardia to the new thickness."""
        moves = np.zeros_like(heart.points)
        across = _wall_vectors(heart, Surface.LV_ENDO, Surface.EPI, Surface.RV_ENDO)
        _move_inwards(moves, heart, Surface.LV_ENDO, (1.0 - self.lv_wall) * across)
        across = _wall_vectors(heart, Surface.RV_ENDO, Surface.EPI)
        to_lv = np.linalg.norm(_wall_vectors(heart, Surface.RV_ENDO, Surface.LV_ENDO), axis=1)
        to_epi = np.linalg.norm(across, axis=1)
        free = np.clip(2.0 * (to_lv - to_epi) / (to_lv + to_epi), 0.0, 1.0)  # 0 on the septum
        _move_inwards(moves, heart, Surface.RV_ENDO, (1.0 - self.rv_wall) * free[:, None] * across)
        return _carried_by_caps(heart, moves)


def _wall_vectors(heart: HeartSurfaces, inner: Surface, *outer: Surface) -> np.ndarray:
    """Vectors [inner vertex, 3] mm from `inner` to the closest points of the others."""
    places = heart.points[np.unique(heart.tagged(inner))]
    tree = TriangleTree(heart.points, heart.tagged(*outer))
    return tree.closest(places).points - places


def _move_inwards(
    moves: np.ndarray, heart: HeartSurfaces, tag: Surface, vectors: np.ndarray
) -> None:
    """Write smoothed vectors as moves of a surface's vertices; the base stays in its plane."""
    import scipy.sparse as sp

    ids = np.unique(heart.tagged(tag))
    edges = np.searchsorted(ids, unique_edges(heart.tagged(tag))[0])
    pairs = np.concatenate([edges, edges[:, ::-1]])
    touches = sp.csr_array((np.ones(len(pairs)), pairs.T), shape=(len(ids), len(ids)))
    degree = touches.sum(axis=1)[:, None]
    for _ in range(SMOOTHING_ROUNDS):
        vectors = 0.5 * (vectors + touches @ vectors / degree)
    vectors[np.isin(ids, heart.tagged(*PLANAR)), 2] = 0.0
    moves[ids] = vectors


def _carried_by_caps(heart: HeartSurfaces, moves: np.ndarray) -> np.ndarray:
    """Moves, harmonic inside base and valve caps between the moves of their edges."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import spsolve

    planar = heart.tagged(*PLANAR)
    edges = unique_edges(planar)[0]
    n = len(heart.points)
    pairs = np.concatenate([edges, edges[:, ::-1]])
    touches = sp.csr_array((np.ones(len(pairs)), pairs.T), shape=(n, n))
    laplace = (sp.diags_array(touches.sum(axis=1)) - touches).tocsr()
    curved = heart.tagged(Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
    inner = np.setdiff1d(planar, curved)
    outer = np.intersect1d(planar, curved)
    moves = moves.copy()
    moves[inner] = spsolve(
        laplace[inner][:, inner].tocsc(), -(laplace[inner][:, outer]) @ moves[outer]
    )
    return moves


def _in_own_frame(heart: HeartSurfaces, before: HeartSurfaces) -> HeartSurfaces:
    """Landmarks moved with the surfaces, and the heart frame that they define."""
    marks = {}
    for name, place in before.landmarks.items():
        caps = {"LV_BASE": Surface.LV_CAP, "RV_BASE": Surface.RV_CAP}
        if name in caps:
            marks[name] = area_centroid(heart.points, heart.tagged(caps[name]))
        else:
            nearest = np.linalg.norm(before.points - place, axis=1).argmin()
            marks[name] = place + heart.points[nearest] - before.points[nearest]
    rotation, origin = heart_axes(marks)
    return HeartSurfaces(
        (heart.points - origin) @ rotation,
        heart.faces,
        heart.face_tags,
        {name: (place - origin) @ rotation for name, place in marks.items()},
    )
