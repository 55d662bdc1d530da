"""Closed triangle surfaces, checked as boundary elements need them."""

from typing import NamedTuple

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.triangles import face_edges, face_pieces, unique_edges

FLAT = 1e-10
"""A triangle with less area than this times its longest side squared has no normal."""


class Triangles(NamedTuple):
    """A closed surface; any pair (points, faces) can be passed for one."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3], outward."""


def closed_surface(name: str, surface: tuple[np.ndarray, np.ndarray]) -> Triangles:
    """A surface fit for boundary elements; one whose triangles all point inwards is reoriented.

    Args:
        name: used in messages.
        surface: points [node, 3] mm and faces [face, 3].

    Returns:
        The surface in float64, oriented outwards.

    Raises:
        BadInput: it is open, disconnected, inconsistently oriented, or degenerate; a node coincides
            with another or belongs to no triangle.
    """
    points, faces = (np.asarray(array) for array in surface)
    check.finite(f"{name}: points", check.shape(f"{name}: points", points, (None, 3)))
    check.shape(f"{name}: faces", faces, (None, 3))
    points = points.astype(np.float64)
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(points):
        raise BadInput(
            f"{name}: faces are empty or name a node outside 0 to {len(points) - 1}; is it 1-based?"
        )
    if unused := len(points) - len(np.unique(faces)):
        raise BadInput(f"{name}: {unused} nodes belong to no triangle; leave them out")
    if twice := len(points) - len(np.unique(points, axis=0)):
        raise BadInput(f"{name}: {twice} nodes coincide with others; merge them")
    _check_triangles(name, points, faces)
    if enclosed_volume(points, faces) < 0:
        logger.info("%s: its triangles point inwards and were reoriented", name)
        faces = faces[:, ::-1]
    return Triangles(points, faces)


def _check_triangles(name: str, points: np.ndarray, faces: np.ndarray) -> None:
    """Check that it is closed, connected and consistently oriented, with no flat triangle."""
    ends, count = unique_edges(faces)
    sides = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    if flat := int((area < FLAT * sides.max() ** 2).sum()):
        raise BadInput(f"{name}: {flat} triangles have no area; remove them")
    if wrong := int((count != 2).sum()):
        raise BadInput(
            f"{name}: {wrong} of {len(ends)} edges do not have two triangles; the surface must "
            "be closed (are the valves open, or nodes doubled along a seam?)"
        )
    if len(np.unique(face_edges(faces), axis=0)) < 3 * len(faces):
        raise BadInput(f"{name}: neighbouring triangles are oriented against each other")
    if (n := len(face_pieces(faces))) > 1:
        raise BadInput(f"{name}: it has {n} connected components; pass each as a separate surface")
