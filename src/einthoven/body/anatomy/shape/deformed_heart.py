"""A deformed heart of a shape model: walls, breadth of the RV, size, base, a smooth warp.

The base becomes as in real hearts: a raised outflow tract, a tilted bow, shoulders. The warp, of
hearts and torsos, is a sum of Gaussians with random centres and directions.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.triangles import adjacency, unique_edges
from einthoven.body.anatomy.shape.heart_check import check_heart
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.pieces import area_centroid

N_CENTRES = 20
OUTFLOW_WIDTH_MM = 22.0
SHOULDER_MM = 22.0
"""Depth below the base over which the heart narrows towards it."""
N_TERMS = 5
"""Terms x, y, x^2, x y, y^2 of the position on the base."""
WARP_WIDTH_MM = 30.0
SEPTUM_BLEND_MM = 8.0
"""Width over which the stretch of the RV sets in."""
SMOOTHING_ROUNDS = 8
"""Smoothing of wall vectors, whose closest points jump from surface to surface."""
PLANAR = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)


@dataclass(frozen=True, eq=False)
class SmoothField:
    """A vector field u(x) = sum_k w_k exp(-|x - c_k|^2 / (2 width^2)), mm."""

    centres: np.ndarray
    """[centre, 3] mm."""
    weights: np.ndarray
    """[centre, 3] mm."""
    width_mm: float

    @classmethod
    def draw(
        cls, points: np.ndarray, rms_mm: float, width_mm: float, rng: np.random.Generator
    ) -> "SmoothField":
        """A random field with root-mean-square length `rms_mm` over `points` [point, 3].

        Centres are uniform in the box of the points, weights normal.
        """
        centres = rng.uniform(points.min(axis=0), points.max(axis=0), (N_CENTRES, 3))
        field = cls(centres, rng.normal(size=(N_CENTRES, 3)), width_mm)
        rms = np.sqrt((field(points) ** 2).sum(axis=1).mean())
        return cls(centres, field.weights * (rms_mm / rms), width_mm)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Displacements [point, 3] mm at points [point, 3] mm."""
        distance = cdist(points, self.centres)
        return np.exp(-0.5 * (distance / self.width_mm) ** 2) @ self.weights


@dataclass(frozen=True, eq=False)
class BaseCurve:
    """Departure of a heart's base from that of its shape model."""

    outflow_mm: float = 0.0
    """Rise of the pulmonary end of the RV's opening."""
    bow_mm: float = 0.0
    """Largest height of the bow."""
    bow: np.ndarray = field(default_factory=lambda: np.zeros(N_TERMS))
    """[term] relative weights of the bow's terms."""
    breadth: float = 1.0
    """Factor on the breadth of the base: below 1, the heart is widest beneath it."""

    @classmethod
    def draw(cls, largest_mm: float, breadth: list[float], rng: np.random.Generator) -> Self:
        """Heights, uniform up to the largest for the outflow tract and half of it for the bow."""
        outflow, bow = rng.random(2) * [largest_mm, 0.5 * largest_mm]
        terms = rng.normal(size=N_TERMS)
        return cls(outflow, bow, terms, float(np.exp(rng.uniform(*np.log(breadth)))))

    def moves(self, heart: HeartSurfaces) -> np.ndarray:
        """Displacements [vertex, 3] mm.

        Along z they fall from the base to the apex with the square of the depth, by less than 1 mm
        per mm, so that nothing folds. Across, they point towards the base's middle.
        """
        z = heart.points[:, 2]
        share = np.clip(1.0 - z / z.min(), 0.0, 1.0) ** 2  # the base is at 0
        moves = np.zeros_like(heart.points)
        moves[:, 2] = share * (self._outflow(heart) + self._bow(heart))
        middle = heart.points[np.unique(heart.tagged(Surface.BASE)), :2].mean(axis=0)
        near = (self.breadth - 1.0) * np.exp(-((z / SHOULDER_MM) ** 2))
        moves[:, :2] = near[:, None] * (heart.points[:, :2] - middle)
        return moves

    def _outflow(self, heart: HeartSurfaces) -> np.ndarray:
        """Heights [vertex] mm about the point of the RV's opening farthest along y (front)."""
        opening = heart.points[np.unique(heart.tagged(Surface.RV_CAP))]
        offset = heart.points[:, :2] - opening[opening[:, 1].argmax(), :2]
        return self.outflow_mm * np.exp(-0.5 * (offset**2).sum(axis=1) / OUTFLOW_WIDTH_MM**2)

    def _bow(self, heart: HeartSurfaces) -> np.ndarray:
        """Heights [vertex] mm of the bow, zero at the centre of the LV's opening."""
        x, y = heart.points[:, :2].T
        height = np.stack([x, y, x * x, x * y, y * y], axis=1) / _sizes(heart) @ self.bow
        base = np.unique(heart.tagged(Surface.BASE, Surface.LV_CAP, Surface.RV_CAP))
        largest = np.abs(height[base]).max()
        return self.bow_mm / largest * height if largest else height


def _sizes(heart: HeartSurfaces) -> np.ndarray:
    """Lengths and areas [term] that scale the terms to order one on the base."""
    base = heart.points[np.unique(heart.tagged(Surface.BASE)), :2]
    x, y = np.ptp(base, axis=0) / 2
    return np.array([x, y, x * x, x * y, y * y])


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
        """The deformed heart in its own heart frame; `rng` draws the warp.

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
    ids = np.unique(heart.tagged(tag))
    touches = adjacency(np.searchsorted(ids, unique_edges(heart.tagged(tag))[0]), len(ids))
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
    touches = adjacency(unique_edges(planar)[0], len(heart.points))
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
    return HeartSurfaces.placed(heart, marks)
