"""Small holes through a tagged wall, closed by a disc on either side."""

from dataclasses import replace

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, face_pieces
from einthoven.body.anatomy.shape.pieces import fan, sewn

LONGEST_MM = 45.0
"""Longest rim of a hole that is closed; annuli of valves are longer (diameters of 18 mm and more).
"""


def plugged(wall: Surfaces) -> tuple[Surfaces, int]:
    """The wall without tunnels from a cavity to the outside, and how many were closed.

    Tags by shape make the sides of a tunnel a piece of base of its own. It is dropped, and each of
    its rims gets a disc of the surface around it.

    Raises:
        StepFailed: the rim of a piece touches itself.
    """
    base = np.flatnonzero(wall.face_tags == Surface.BASE)
    pieces = sorted(face_pieces(wall.faces[base]), key=len)[:-1]
    rims = [(base[piece], boundary_loops(wall.faces[base[piece]])) for piece in pieces]
    small = [(ids, loops) for ids, loops in rims
             if all(_length(wall.points[loop]) <= LONGEST_MM for loop in loops)]  # fmt: skip
    if not small:
        return wall, 0
    gone = np.concatenate([ids for ids, _ in small])
    kept = np.setdiff1d(np.arange(len(wall.faces)), gone)
    result = replace(wall, faces=wall.faces[kept], face_tags=wall.face_tags[kept])
    beside = _tags_beside(result)
    for _, loops in small:
        for loop in loops:
            tag = beside[int(loop[1]), int(loop[0])]  # its triangle runs the other way
            result = sewn(result, [loop], fan(wall.points[loop]), tag)
    return result, len(small)


def _length(corners: np.ndarray) -> float:
    return float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).sum())


def _tags_beside(wall: Surfaces) -> dict[tuple[int, int], int]:
    """Directed edge of a triangle -> the triangle's tag."""
    edges = face_edges(wall.faces).astype(int).tolist()
    tags = np.tile(wall.face_tags, 3).astype(int).tolist()
    return {(a, b): tag for (a, b), tag in zip(edges, tags)}
