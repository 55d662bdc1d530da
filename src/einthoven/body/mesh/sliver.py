"""Repair of cells that are bad because of the surface under them: flip its diagonal."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import triangle_quality

Edges = dict[tuple[int, ...], list[int]]


def flip_diagonals(surfaces: Surfaces, bad_cells: np.ndarray) -> tuple[Surfaces, int]:
    """Flip the diagonal of two surface triangles under each bad cell.

    A mesher that must keep its boundary cannot remove a cell whose four nodes lie on one smooth
    surface and which owns two of its triangles: the cell is as flat as the surface there. With
    the other diagonal the cell disappears, and the surface moves by no more than its height.
    A cell that owns one triangle may be bad because that is a needle: then the needle's longest
    edge is flipped, if that makes better triangles.

    Args:
        surfaces: all triangles; only two of one tag are flipped.
        bad_cells: [cell, 4] vertex ids of the cells to get rid of, inner nodes beyond.

    Returns:
        The surfaces (same order and tags) and the number of flips.
    """
    points, faces, face_tags = surfaces.points, surfaces.faces.copy(), surfaces.face_tags
    index = {tuple(sorted(face)): k for k, face in enumerate(faces.tolist())}
    edges: Edges = {}
    for face, k in index.items():
        for edge in combinations(face, 2):
            edges.setdefault(edge, []).append(k)
    touched: set[int] = set()
    n_flips = 0
    for cell in bad_cells.tolist():
        owned = [index[key] for key in combinations(sorted(cell), 3) if key in index]
        pair = owned if len(owned) != 1 else _beside_needle(points, faces, edges, owned[0])
        if len(pair) != 2 or touched & set(pair) or len(set(face_tags[pair].tolist())) != 1:
            continue
        flipped = _flip(faces[pair].tolist())
        new_edge = tuple(sorted(set(flipped[0]) & set(flipped[1])))
        if new_edge in edges or _folds(points, faces[pair], np.array(flipped)):
            continue
        if len(owned) == 1 and not _better(points, faces[pair], np.array(flipped)):
            continue
        faces[pair] = flipped
        edges[new_edge] = pair
        touched.update(pair)
        n_flips += 1
    return replace(surfaces, faces=faces), n_flips


def _beside_needle(points: np.ndarray, faces: np.ndarray, edges: Edges, needle: int) -> list[int]:
    """The triangle and those at its longest edge: two, unless another surface ends there."""
    ends = [tuple(sorted(edge)) for edge in combinations(faces[needle].tolist(), 2)]
    lengths = [float(np.linalg.norm(points[a] - points[b])) for a, b in ends]
    return edges[ends[int(np.argmax(lengths))]]


def _better(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    return bool(triangle_quality(points, new).min() > triangle_quality(points, old).min())


def _flip(pair: list[list[int]]) -> list[list[int]]:
    """The two triangles on the other diagonal of a quadrilateral, with the same orientation."""
    first, second = pair
    apex = next(node for node in first if node not in second)
    opposite = next(node for node in second if node not in first)
    k = first.index(apex)
    left, right = first[(k + 1) % 3], first[(k + 2) % 3]
    return [[apex, left, opposite], [apex, opposite, right]]


def _folds(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether a new triangle deviates by more than 60 degrees from the old pair's normal."""
    normal = triangle_area_vectors(points, old).sum(axis=0)
    turned = triangle_area_vectors(points, new)
    lengths = np.linalg.norm(turned, axis=1) * np.linalg.norm(normal)
    return bool(np.any(turned @ normal <= 0.5 * lengths))
