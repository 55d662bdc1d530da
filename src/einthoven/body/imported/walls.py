"""Triangulation of an imported heart's wall, thickened where it is too thin."""

import numpy as np

from einthoven.base.config.models import HEART_EDGE_MM
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces
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
from einthoven.body.anatomy.shape.tagged_heart import checked_wall, placed_heart
from einthoven.body.anatomy.shape.thickening import thickened
from einthoven.body.imported.defect import Defect, near

SPARE_EDGES = (0.0, 0.1, 0.2, 0.35)
"""Extra thickness, as shares of the edge length, tried in turn."""
OTHER_EDGES = (1.0, 0.97, 1.03)
"""Factors on the wanted edge length, tried in turn: equal triangles may intersect in narrow places.
"""
LEAST_MEDIAN_MM = {Surface.LV_ENDO: 1.5, Surface.RV_ENDO: 0.3}
"""Least thickness of a ventricle's wall over half of its area."""


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
        Defect: places that are wrong, in the frame of the wall.
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
    except BadShape as error:
        raise Defect(
            f"heart: {error.reason}, {near(error.places)}; smoother surfaces, or another "
            "heart_edge_mm?", error.places, wall,
        ) from error  # fmt: skip
    except BadVolume as error:
        raise BadInput(
            f"heart: {error}, as adults have; is the unit right, and do the tags say which surface "
            "is which?"
        ) from error
    except StepFailed as error:
        raise BadInput(f"heart: {error}; smoother surfaces, or another heart_edge_mm?") from error


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
