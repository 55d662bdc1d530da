"""Splitting of skin triangles near electrodes, in their own planes."""

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces

MAX_ROUNDS = 30
OVERSIZE = 1.4
"""An edge longer than this times the wanted length is halved; 0.7 to 1.4 of the length remain."""


def refine_skin(surfaces: Surfaces, electrode_points: np.ndarray, config: MeshSettings) -> Surfaces:
    """Halve skin edges longer than wanted: `electrode_edge_mm` at one plus `grading` per mm.

    Cells cannot be much smaller than the surface triangle that they stand on, so the volume
    near an electrode only gets fine if the skin does. New nodes are midpoints of edges: the
    surface as a set of points stays the same. Only a triangle's longest edge starts a split
    (Rivara, doi:10.1002/nme.1620200412), which keeps angles above half of the smallest.

    Args:
        surfaces: only SKIN is split.
        electrode_points: [electrode, 3] mm.
        config: wanted lengths.

    Returns:
        Surfaces with the given points first; unsplit faces in their order, with the parts of a
        split one at its place.
    """
    if len(electrode_points) == 0:
        return surfaces
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    electrodes = cKDTree(electrode_points)
    for _ in range(MAX_ROUNDS):
        edges, face_edges = _skin_edges(faces, face_tags)
        ends = points[edges]
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        middle = ends.mean(axis=1)
        wanted = config.electrode_edge_mm + config.grading * electrodes.query(middle)[0]
        place = _longest(face_edges, length)
        longest = np.take_along_axis(face_edges, place[:, None], axis=1)[:, 0]
        split = np.zeros(len(edges), dtype=bool)
        split[longest] = length[longest] > OVERSIZE * wanted[longest]
        if not split.any():
            break
        split = _close(split, face_edges, longest)
        new_id = np.full(len(edges), -1)
        new_id[split] = len(points) + np.arange(int(split.sum()))
        points = np.concatenate([points, middle[split]])
        faces, face_tags = _split_faces(faces, face_tags, edges, new_id, place)
    return Surfaces(points, faces, face_tags)


def _skin_edges(faces: np.ndarray, face_tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges [edge, 2] of the skin and the three edges of each skin triangle [face, 3]."""
    skin = faces[face_tags == Surface.SKIN]
    sides = np.sort(np.stack([skin, np.roll(skin, -1, axis=1)], axis=2), axis=2)
    edges, index = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    return edges, index.reshape(-1, 3)


def _longest(face_edges: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Place 0, 1 or 2 of each face's longest edge; of equal ones that which neighbours take."""
    rank = np.empty(len(length), dtype=np.int64)
    rank[np.argsort(-length, kind="stable")] = np.arange(len(length))
    return rank[face_edges].argmin(axis=1)


def _close(split: np.ndarray, face_edges: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Split also the longest edge of every triangle that has a split edge."""
    while True:
        more = longest[split[face_edges].any(axis=1)]
        if split[more].all():
            return split
        split[more] = True


def _split_faces(
    faces: np.ndarray,
    face_tags: np.ndarray,
    edges: np.ndarray,
    new_id: np.ndarray,
    place: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Replace each skin triangle by its parts, if it has split edges."""
    ids = np.flatnonzero(new_id >= 0)
    middle = {tuple(edges[k].tolist()): int(new_id[k]) for k in ids}
    parts = [[face] for face in faces.tolist()]
    for index, k in zip(np.flatnonzero(face_tags == Surface.SKIN).tolist(), place.tolist()):
        face = parts[index][0]
        bisected = _bisect(face[k:] + face[:k], middle)
        if len(bisected) > 1:
            parts[index] = bisected
    split = np.array([part for pieces in parts for part in pieces], dtype=faces.dtype)
    return split, np.repeat(face_tags, [len(pieces) for pieces in parts])


def _bisect(face: list[int], middle: dict[tuple[int, int], int]) -> list[list[int]]:
    """Parts of a triangle whose first side is its longest: that one is split first."""
    for k in range(3):
        a, b, c = face[k], face[(k + 1) % 3], face[(k + 2) % 3]
        node = middle.get((min(a, b), max(a, b)))
        if node is not None:
            return _bisect([c, a, node], middle) + _bisect([b, c, node], middle)
    return [face]
