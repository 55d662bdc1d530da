"""Pairs of surface triangles that intersect."""

import numba
import numpy as np
from scipy.spatial import cKDTree


def intersecting_pairs(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """All pairs [pair, 2] of triangles in which an edge of one pierces the other, sorted.

    points [node, 3] mm, faces [face, 3]. Triangles that share a vertex may only meet there.
    Coplanar overlaps are not reported: they enclose no volume on which a mesher could fail.
    """
    pairs = _close_pairs(points, faces)
    return pairs[_cut(np.asarray(points, dtype=np.float64), faces, pairs)]


def _close_pairs(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Pairs of triangles whose bounding boxes overlap."""
    corners = points[faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    pairs = _near_pairs(0.5 * (low + high), 0.5 * np.linalg.norm(high - low, axis=1))
    overlap = np.all(
        (low[pairs[:, 0]] <= high[pairs[:, 1]]) & (low[pairs[:, 1]] <= high[pairs[:, 0]]), axis=1
    )
    pairs = pairs[overlap]
    return pairs[np.lexsort(pairs.T[::-1])]


def _near_pairs(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Candidate pairs [pair, 2] of overlapping balls, the smaller number first.

    Balls are grouped by size, so that one long sliver is not a neighbour of everything.
    """
    size = np.ceil(np.log2(np.maximum(radii, 1e-9 * radii.max()))).astype(int)
    classes = [np.flatnonzero(size == k) for k in np.unique(size)]
    trees = [cKDTree(centres[ids]) for ids in classes]
    largest = [radii[ids].max() for ids in classes]
    found = []
    for k, ids in enumerate(classes):
        found.append(ids[trees[k].query_pairs(2.0 * largest[k], output_type="ndarray")])
        for other in range(k + 1, len(classes)):
            near = trees[other].query_ball_tree(trees[k], largest[k] + largest[other])
            counts = [len(row) for row in near]
            mine = np.repeat(classes[other], counts)
            theirs = ids[np.fromiter((i for row in near for i in row), int, sum(counts))]
            found.append(np.stack([mine, theirs], axis=1))
    return np.sort(np.concatenate(found), axis=1)


@numba.njit(cache=True)
def _cut(points: np.ndarray, faces: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Whether an edge of one triangle of a pair pierces the other: [pair]."""
    hit = np.zeros(len(pairs), dtype=np.bool_)
    for i in range(len(pairs)):
        one, other = faces[pairs[i, 0]], faces[pairs[i, 1]]
        if _straddles(points, one, other) and _straddles(points, other, one):
            hit[i] = _enters(points, one, other) or _enters(points, other, one)
    return hit


@numba.njit(cache=True)
def _straddles(points: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether triangle `one` touches or crosses the plane of `other`, including rounding.

    An edge can pierce a triangle on one of the triangle's own edges; then that triangle lies on one
    side of the plane of the edge's triangle, so touching must count.
    """
    a, b, c = points[other[0]], points[other[1]], points[other[2]]
    below, above = np.inf, -np.inf
    for k in one:
        side = _volume(a, b, c, points[k])
        below, above = min(below, side), max(above, side)
    rounding = 1e-9 * max(-below, above)
    return below <= rounding and above >= -rounding


@numba.njit(cache=True)
def _enters(points: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether an edge of `one` that shares no vertex with `other` pierces it."""
    for k in range(3):
        start, end = one[k], one[(k + 1) % 3]
        if not (start == other).any() and not (end == other).any():
            if _pierces(points[start], points[end], points[other]):
                return True
    return False


@numba.njit(cache=True)
def _pierces(start: np.ndarray, end: np.ndarray, triangle: np.ndarray) -> bool:
    """Whether a segment properly crosses a triangle [3, 3], by signs of volumes."""
    a, b, c = triangle[0], triangle[1], triangle[2]
    below, above = _volume(a, b, c, start), _volume(a, b, c, end)
    # Rounding gives coplanar triangles volumes of either sign: those are not crossings.
    scale = np.abs(triangle - start).max() ** 3
    if below * above >= 0 or min(abs(below), abs(above)) <= 1e-9 * scale:
        return False
    one = _volume(start, end, a, b)
    two = _volume(start, end, b, c)
    three = _volume(start, end, c, a)
    return min(one, two, three) >= 0 or max(one, two, three) <= 0


@numba.njit(cache=True)
def _volume(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
    """Six times the signed volume of the tetrahedron (a, b, c, d)."""
    return (
        ((b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])) * (d[0] - a[0])
        + ((b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])) * (d[1] - a[1])
        + ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) * (d[2] - a[2])
    )
