"""Triangulation of an imported heart's wall, thickened from outside where it is too thin."""

from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.config.models import HEART_EDGE_MM
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.heart_check import (
    CURVED,
    MIN_WALL_MM,
    WALLS,
    BadShape,
    BadVolume,
    ThinWall,
    thickness,
)
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.tagged_heart import RaggedTags, checked_wall, placed_heart
from einthoven.body.imported.defect import Defect, Rough, near

N_ROUNDS = 12
OVERSHOOT = 1.05
N_BLENDING = 3
SPARE_EDGES = (0.0, 0.1, 0.2, 0.35)
"""Extra thickness, as shares of the edge length, tried in turn."""
OTHER_EDGES = (1.0, 0.97, 1.03)
"""Factors on the wanted edge length, tried in turn: equal triangles may intersect in narrow places.
"""
LEAST_MEDIAN_MM = {Surface.LV_ENDO: 1.5, Surface.RV_ENDO: 0.3}
"""Least thickness of a ventricle's wall over half of its area."""


@dataclass(frozen=True)
class Thickening:
    """Record of the thickening of one wall."""

    inner: Surface
    """The endocardium, which is unchanged."""
    outer: Surface
    """The surface that was moved."""
    places: np.ndarray
    """[place, 3] mm, vertices of the endocardium with too thin a wall; the thinnest first."""
    n_vertices: int
    """Number of vertices of that endocardium."""
    thinnest_mm: float
    """Least thickness before."""
    moved_mm: float
    """Largest displacement of a vertex."""

    def __str__(self) -> str:
        wall = {Surface.LV_ENDO: "LV's wall", Surface.RV_ENDO: "RV's wall"}[self.inner]
        if self.outer == Surface.RV_ENDO:
            wall = "septum"
        return (
            f"{wall} thickened over {len(self.places)} of {self.n_vertices} vertices, by up to "
            f"{self.moved_mm:.2f} mm (it had {self.thinnest_mm:.2f} mm)"
        )


def thickened(heart: Surfaces, least_mm: float) -> tuple[Surfaces, list[Thickening]]:
    """A wall or a heart with walls of at least `least_mm`, and a record of too thin ones.

    Vertices of the outer surface near a thin place move across the wall, together with their
    neighbours, until no vertex of the endocardium is too close. A wall may stay slightly thinner
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
        points += blended(push, edges)[:, None] * directions(way, edges)
    return points


def blended(push: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The displacement [vertex], with a slope around it instead of a step."""
    for _ in range(N_BLENDING):
        total, count = np.zeros_like(push), np.zeros_like(push)
        for a, b in (edges.T, edges[:, ::-1].T):
            np.add.at(total, a, push[b])
            np.add.at(count, a, 1)
        push = np.maximum(push, 0.8 * total / np.maximum(count, 1))
    return push


def directions(way: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Unit vectors [vertex, 3], extended to neighbours as far as displacements are."""
    for _ in range(N_BLENDING):
        spread = way.copy()
        for a, b in (edges.T, edges[:, ::-1].T):
            np.add.at(spread, a, 0.5 * way[b])
        way = spread
    return way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)


def placed_wall(
    wall: Surfaces, edge_mm: float
) -> tuple[HeartSurfaces, np.ndarray, np.ndarray, list[str]]:
    """The heart with its rotation and origin, and a record of thickened walls.

    Remeshing moves a surface by a share of the edge length. A wall that is too thin after it is
    thickened by that much more.

    Args:
        wall: tagged, closed, mm.
        edge_mm: wanted edge length.

    Returns:
        The heart in its own frame, rotation [3, 3], origin [3] mm, and a list of thickened walls.

    Raises:
        Rough: places that are wrong, in the frame of the wall; a rebuilt wall may be better.
        Defect: walls or tags that are wrong everywhere.
        BadInput: wrong tags, or not a heart.
    """
    try:
        wall = checked_wall(wall)
        _check_walls(wall)
        for share in SPARE_EDGES:
            thick, done = thickened(wall, MIN_WALL_MM + share * edge_mm)
            try:
                heart, rotation, origin, changes = _triangulated(thick, edge_mm)
            except ThinWall as error:
                failure = error
                continue
            changes += [f"heart: {one}, {near(one.places)}" for one in done]
            return heart, rotation, origin, changes
        raise failure
    except RaggedTags as error:
        raise Rough(str(error), error.places, wall) from error
    except BadShape as error:
        raise Rough(
            f"heart: {error.reason}, {near(error.places)}; smoother surfaces, or another "
            "heart_edge_mm?", error.places, wall,
        ) from error  # fmt: skip
    except BadVolume as error:
        raise not_of_an_adult(error) from error
    except StepFailed as error:
        cure = "smoother surfaces, or another heart_edge_mm?"
        raise Rough(f"heart: {error}; {cure}", wall.points[:1], wall) from error


def not_of_an_adult(error: BadVolume) -> BadInput:
    """The refusal of a heart for a volume."""
    return BadInput(
        f"heart: {error}, as adults have; is the unit right, and do the tags say which surface is "
        "which?"
    )


def _triangulated(
    wall: Surfaces, edge_mm: float
) -> tuple[HeartSurfaces, np.ndarray, np.ndarray, list[str]]:
    """Triangulate with the wanted edges, or slightly different ones if triangles then intersect."""
    changes: list[str] = []
    for factor in OTHER_EDGES:
        tried_mm = float(np.clip(factor * edge_mm, *HEART_EDGE_MM))
        try:
            return *placed_heart(wall, tried_mm), changes
        except ThinWall:
            raise
        except BadShape as error:
            failure = error
            changes = [f"heart: {error.reason} at edges of {tried_mm:.3g} mm, "
                    f"{near(error.places)}: others within 3 % were taken"]  # fmt: skip
    raise failure


def _check_walls(wall: Surfaces) -> None:
    """Check that no wall is too thin everywhere, and that the epicardium is outside."""
    span = {tag: float(np.ptp(wall.points[wall.tagged(tag)], axis=(0, 1)).prod()) for tag in CURVED}
    widest = max(span, key=lambda tag: span[tag])
    if widest != Surface.EPI:
        places = wall.points[np.unique(wall.tagged(widest))]
        raise Defect(
            f"heart: {widest.name} spans a box of {span[widest] / 1000:.0f} ml and EPI only "
            f"{span[Surface.EPI] / 1000:.0f} ml, {near(places)}; are tags or files swapped?",
            places,
            wall,
        )
    for inner, outer in WALLS[:2]:
        ids, apart = thickness(wall, inner, outer)
        if (median := float(np.median(apart))) < LEAST_MEDIAN_MM[inner]:
            raise Defect(
                f"heart: {inner.name} is {median:.2f} mm from {outer.name} (median of "
                f"{len(ids)} vertices, at least {LEAST_MEDIAN_MM[inner]:g} wanted), "
                f"{near(wall.points[ids])}; is one surface duplicated, or a tag wrong?",
                wall.points[ids[np.argsort(apart)[:200]]], wall,
            )  # fmt: skip
