"""Repair of slivers that lie flat on a surface: flip the surface diagonal beneath them."""

from itertools import combinations

import numpy as np

from einthoven.core.simplex import triangle_area_vectors


def flip_diagonals(
    points: np.ndarray, faces: np.ndarray, face_tags: np.ndarray, slivers: np.ndarray
) -> tuple[np.ndarray, int]:
    """Flip the diagonal of the two surface triangles under each sliver.

    A mesher that must keep its boundary cannot remove a cell whose four nodes lie on one smooth
    surface and which owns two of its triangles: the cell is as flat as the surface there. With
    the other diagonal the cell disappears, and the surface moves by no more than its height.

    Args:
        points: [node, 3] mm.
        faces: [face, 3] oriented triangles of all surfaces.
        face_tags: [face]; only two triangles of one tag are flipped.
        slivers: [cell, 4] nodes of the cells to get rid of.

    Returns:
        New faces (same order and tags) and the number of flips.
    """
    faces = faces.copy()
    index = {tuple(sorted(face)): k for k, face in enumerate(faces.tolist())}
    edges: set[tuple[int, ...]] = {edge for face in index for edge in combinations(face, 2)}
    touched: set[int] = set()
    n_flips = 0
    for cell in slivers.tolist():
        owned = [index[key] for key in combinations(sorted(cell), 3) if key in index]
        if len(owned) != 2 or touched & set(owned) or len(set(face_tags[owned].tolist())) != 1:
            continue
        flipped = _flip(faces[owned].tolist())
        new_edge = tuple(sorted(set(flipped[0]) & set(flipped[1])))
        if new_edge in edges or _folds(points, faces[owned], np.array(flipped)):
            continue
        faces[owned] = flipped
        edges.add(new_edge)
        touched.update(owned)
        n_flips += 1
    return faces, n_flips


def _flip(pair: list[list[int]]) -> list[list[int]]:
    """The two triangles on the other diagonal of a quadrilateral, orientation kept."""
    first, second = pair
    apex = next(node for node in first if node not in second)
    opposite = next(node for node in second if node not in first)
    k = first.index(apex)
    left, right = first[(k + 1) % 3], first[(k + 2) % 3]
    return [[apex, left, opposite], [apex, opposite, right]]


def _folds(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether a new triangle would turn by more than 60 degrees from the old pair's normal."""
    normal = triangle_area_vectors(points, old).sum(axis=0)
    turned = triangle_area_vectors(points, new)
    lengths = np.linalg.norm(turned, axis=1) * np.linalg.norm(normal)
    return bool(np.any(turned @ normal <= 0.5 * lengths))
