"""Pieces of surface, joined to others along boundary loops."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces

Piece = tuple[np.ndarray, np.ndarray]
"""Points [vertex, 3] mm and faces [face, 3]."""


def fan(corners: np.ndarray) -> Piece:
    """Triangles from the sides of a closed polygon [corner, 3] mm to the mean of its corners."""
    ids = np.arange(len(corners))
    faces = np.stack([ids, np.roll(ids, -1), np.full(len(ids), len(ids))], axis=1)
    return np.vstack([corners, corners.mean(axis=0)]), faces


def sewn(surfaces: Surfaces, loops: list[np.ndarray], piece: Piece, tag: int) -> Surfaces:
    """The surfaces with one more piece.

    Args:
        surfaces: surfaces with the loops.
        loops: vertex ids [corner] of each.
        piece: its first points are those of the loops, in order, and are not duplicated.
        tag: tag of the piece.
    """
    points, faces = piece
    n_corners = sum(map(len, loops))
    new = len(surfaces.points) + np.arange(len(points) - n_corners)
    ids = np.concatenate([*loops, new])
    tags = np.full(len(faces), tag, surfaces.face_tags.dtype)
    return Surfaces(
        np.concatenate([surfaces.points, points[n_corners:]]),
        np.concatenate([surfaces.faces, ids[faces]]).astype(np.int32),
        np.concatenate([surfaces.face_tags, tags]),
    )


def capped(surfaces: Surfaces, tag: int) -> Surfaces:
    """The surfaces closed by a fan, with a tag, over each boundary loop."""
    for loop in boundary_loops(surfaces.faces):
        surfaces = sewn(surfaces, [loop[::-1]], fan(surfaces.points[loop[::-1]]), tag)
    return surfaces


def filled(
    surfaces: Surfaces,
    loops: list[np.ndarray],
    tag: Surface,
    edge_mm: float,
    like: Piece | None = None,
) -> Surfaces:
    """The surfaces with a new piece between some loops of vertex ids; see `fill_loops`.

    Raises:
        StepFailed: the loops cross in the projection along the first one's normal.
    """
    try:
        piece = fill_loops([surfaces.points[loop] for loop in loops], edge_mm, like)
    except StepFailed as error:
        raise StepFailed(f"{tag.name}: {error}") from error
    return sewn(surfaces, loops, piece, tag)


def area_centroid(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Centroid [3] mm of triangles by area, almost independent of their edge length."""
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    return np.average(points[faces].mean(axis=1), axis=0, weights=area)
