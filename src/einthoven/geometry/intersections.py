"""Pairs of surface triangles that cut each other."""

import numpy as np
from scipy.spatial import cKDTree


def intersecting_pairs(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """All pairs of triangles of which an edge of one pierces the other.

    Triangles that share a vertex may only meet there. Coplanar overlaps are not reported: they
    have no volume between them for a mesher to fail on silently.

    Args:
        points: [node, 3] mm.
        faces: [face, 3], of about equal size (the search is quadratic in the largest one's
            neighbours).

    Returns:
        [pair, 2] face indices, sorted.
    """
    pairs = _close_pairs(points, faces)
    for one, other in ((0, 1), (1, 0)):
        pairs = pairs[_straddles(points, faces[pairs[:, one]], faces[pairs[:, other]])]
    hit = np.zeros(len(pairs), dtype=bool)
    for one, other in ((0, 1), (1, 0)):
        target = faces[pairs[:, other]]
        for k in range(3):
            segment = faces[pairs[:, one]][:, [k, (k + 1) % 3]]
            apart = ~np.any(segment[:, :, None] == target[:, None, :], axis=(1, 2))
            hit[apart] |= _pierces(points[segment[apart]], points[target[apart]])
    return pairs[hit]


def _close_pairs(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Pairs of triangles whose bounding boxes overlap."""
    corners = points[faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    centre = 0.5 * (low + high)
    radius = 0.5 * np.linalg.norm(high - low, axis=1).max()
    pairs = cKDTree(centre).query_pairs(2.0 * radius, output_type="ndarray")
    overlap = np.all(
        (low[pairs[:, 0]] <= high[pairs[:, 1]]) & (low[pairs[:, 1]] <= high[pairs[:, 0]]), axis=1
    )
    pairs = pairs[overlap]
    return pairs[np.lexsort(pairs.T[::-1])]


def _straddles(points: np.ndarray, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether `ones` [n, 3] touch or cross the planes of `others` [n, 3]; rounding says yes.

    An edge that pierces a triangle on one of its own edges leaves that triangle on one side of the
    plane of the edge's, so that touching must count.
    """
    a, b, c = (points[others[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    side = np.stack([np.einsum("ij,ij->i", normal, points[ones[:, k]] - a) for k in range(3)])
    rounding = 1e-9 * np.abs(side).max(axis=0)
    return (side.min(axis=0) <= rounding) & (side.max(axis=0) >= -rounding)


def _pierces(segments: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Whether segments [n, 2, 3] properly cross triangles [n, 3, 3], by signs of volumes."""
    start, end = segments[:, 0], segments[:, 1]
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    scale = np.abs(triangles - start[:, None]).max(axis=(1, 2)) ** 3
    below, above = _volume(a, b, c, start), _volume(a, b, c, end)
    # Rounding gives coplanar triangles volumes of either sign: those are not crossings.
    crosses = (below * above < 0) & (np.minimum(abs(below), abs(above)) > 1e-9 * scale)
    sides = np.stack([_volume(start, end, p, q) for p, q in ((a, b), (b, c), (c, a))])
    return crosses & (np.all(sides >= 0, axis=0) | np.all(sides <= 0, axis=0))


def _volume(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Six times the signed volume of the tetrahedra (a, b, c, d)."""
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a)
