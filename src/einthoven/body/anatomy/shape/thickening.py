"""Thickening, from outside, of walls that are too thin to be meshed."""

from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.heart_check import WALLS, thickness

N_ROUNDS = 12
OVERSHOOT = 1.05
N_BLENDING = 3


@dataclass(frozen=True)
class Thickening:
    """Record of the thickening of one wall.

    Attributes:
        inner: the endocardium, which is unchanged.
        outer: the surface that was moved.
        places: [place, 3] mm, vertices of the endocardium with too thin a wall; the thinnest first.
        n_vertices: of that endocardium.
        thinnest_mm: least thickness before.
        moved_mm: largest displacement of a vertex.
    """

    inner: Surface
    outer: Surface
    places: np.ndarray
    n_vertices: int
    thinnest_mm: float
    moved_mm: float

    def __str__(self) -> str:
        wall = {Surface.LV_ENDO: "LV's wall", Surface.RV_ENDO: "RV's wall"}[self.inner]
        if self.outer == Surface.RV_ENDO:
            wall = "septum"
        return (
            f"{wall} thickened over {len(self.places)} of {self.n_vertices} vertices, by up to "
            f"{self.moved_mm:.2f} mm (it had {self.thinnest_mm:.2f} mm)"
        )


def thickened(heart: Surfaces, least_mm: float) -> tuple[Surfaces, list[Thickening]]:
    """A wall or a heart with walls of at least `least_mm`.

    Vertices of the outer surface near a thin place move across the wall, together with their
    neighbours, until no vertex of the endocardium is too close.

    Args:
        heart: tagged EPI, LV_ENDO and RV_ENDO, which do not intersect.
        least_mm: wanted thickness.

    Returns:
        The surfaces, and a record of each wall that was too thin. A wall may stay slightly thinner
        where it is thin on both sides of a vertex.
    """
    done: list[Thickening] = []
    for inner, outer in WALLS:
        ids, apart = thickness(heart, inner, outer)
        thin = apart < least_mm
        if not thin.any():
            continue
        places = heart.points[ids[thin][np.argsort(apart[thin])]]
        points = _pushed(heart, inner, outer, least_mm)
        moved = np.linalg.norm(points - heart.points, axis=1).max()
        done.append(Thickening(inner, outer, places, len(ids), float(apart.min()), float(moved)))
        heart = replace(heart, points=points)
    return heart, done


def _pushed(heart: Surfaces, inner: Surface, outer: Surface, least_mm: float) -> np.ndarray:
    """Points [vertex, 3] mm with one outer surface moved away from an endocardium."""
    points, faces = heart.points.copy(), heart.tagged(outer)
    ids = np.unique(heart.tagged(inner))
    edges = unique_edges(faces)[0]
    for _ in range(N_ROUNDS):
        found = TriangleTree(points, faces).closest(points[ids])
        lacking = least_mm - found.distance
        thin = lacking > 1e-3 * least_mm
        if not thin.any():
            break
        across = (found.points - points[ids])[thin]
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        push = np.zeros(len(points))
        way = np.zeros_like(points)
        for corner in faces[found.faces[thin]].T:
            np.maximum.at(push, corner, OVERSHOOT * lacking[thin])
            np.add.at(way, corner, across)
        points += _blended(push, edges)[:, None] * _directions(way, edges)
    return points


def _blended(push: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The displacement [vertex], with a slope around it instead of a step."""
    for _ in range(N_BLENDING):
        total, count = np.zeros_like(push), np.zeros_like(push)
        for a, b in (edges.T, edges[:, ::-1].T):
            np.add.at(total, a, push[b])
            np.add.at(count, a, 1)
        push = np.maximum(push, 0.8 * total / np.maximum(count, 1))
    return push


def _directions(way: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Unit vectors [vertex, 3], extended to neighbours as far as displacements are."""
    for _ in range(N_BLENDING):
        spread = way.copy()
        for a, b in (edges.T, edges[:, ::-1].T):
            np.add.at(spread, a, 0.5 * way[b])
        way = spread
    return way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
