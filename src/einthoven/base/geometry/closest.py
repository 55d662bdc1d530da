"""Closest points of triangles, by a bounding-box tree."""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

LEAF_FACES = 4
CORNER_A, CORNER_B, CORNER_C, EDGE_AB, EDGE_BC, EDGE_CA, INSIDE = range(7)
"""Feature of a triangle (a, b, c) on which its closest point lies."""
CELLS = 1023
"""Cells per side of the cube around all queries, in Morton order."""
SPREAD = tuple(
    (np.uint32(shift), np.uint32(mask))
    for shift, mask in ((16, 0x30000FF), (8, 0x300F00F), (4, 0x30C30C3), (2, 0x9249249))
)


@dataclass(frozen=True)
class Closest:
    """Closest points of a surface to queries."""

    distance: np.ndarray
    """[query] mm, not negative."""
    points: np.ndarray
    """[query, 3] mm."""
    faces: np.ndarray
    """[query] the triangle with the closest point; if several, any of them."""
    part: np.ndarray
    """[query] feature of that triangle: a corner, an edge or INSIDE."""


@dataclass(frozen=True)
class TriangleTree:
    """Search tree over triangles, open or closed, for their closest points."""

    vertices: np.ndarray
    """[vertex, 3] mm."""
    faces: np.ndarray
    """[face, 3]."""

    def closest(self, queries: np.ndarray, curve: np.ndarray | None = None) -> Closest:
        """Closest points to queries [query, 3] mm; `curve` is `along_curve` of them, if known."""
        order, bounds, low, high = self._boxes
        queries = np.ascontiguousarray(queries, dtype=np.float64).reshape(-1, 3)
        curve = along_curve(queries) if curve is None else curve
        square, points, rank, part = _search(
            queries, curve, self._corners[order], np.asarray(bounds), low, high
        )
        return Closest(np.sqrt(square), points, order[rank], part)

    @cached_property
    def _corners(self) -> np.ndarray:
        return np.asarray(self.vertices, dtype=np.float64)[self.faces]

    @cached_property
    def _boxes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Order of the triangles, bounds of the leaves in it, and the corners of all boxes.

        The tree is a complete binary one: box i holds boxes 2 i + 1 and 2 i + 2, split at the
        median across the longest side of each box.
        """
        n = len(self.faces)
        depth = max(0, int(np.ceil(np.log2(n / LEAF_FACES))))
        corners = self._corners
        centre, order = corners.mean(axis=1), np.arange(n)
        centre = (centre - centre.min(axis=0)) / (2.0 * np.ptp(centre, axis=0).max() + 1e-300)
        for level in range(depth):
            starts = n * np.arange(2**level + 1) // 2**level
            box = np.repeat(np.arange(2**level), np.diff(starts))
            low = np.minimum.reduceat(centre[order], starts[:-1])
            high = np.maximum.reduceat(centre[order], starts[:-1])
            along = centre[order, (high - low).argmax(axis=1)[box]]  # below 1: no box is left
            order = order[np.argsort(box + along, kind="stable")]
        lows, highs = [], []
        least, largest = corners.min(axis=1)[order], corners.max(axis=1)[order]
        for level in range(depth + 1):
            starts = n * np.arange(2**level + 1) // 2**level
            lows.append(np.minimum.reduceat(least, starts[:-1]))
            highs.append(np.maximum.reduceat(largest, starts[:-1]))
        return order, starts, np.concatenate(lows), np.concatenate(highs)


def along_curve(points: np.ndarray) -> np.ndarray:
    """Morton order of points [point, 3], in which spatial neighbours follow each other."""
    low = points.min(axis=0, initial=np.inf)
    size = np.ptp(points, axis=0).max() if len(points) else 0.0
    code = np.zeros(len(points), np.uint32)
    if not 0 < size < np.inf:
        return np.arange(len(points))
    for axis, cell in enumerate(((points - low) / size * CELLS).astype(np.uint32).T):
        for shift, mask in SPREAD:
            cell = (cell | (cell << shift)) & mask  # two free bits after each
        code |= cell << np.uint32(axis)
    return np.argsort(code, kind="stable")


@numba.njit(cache=True, nogil=True)
def _search(
    queries: np.ndarray,
    order: np.ndarray,
    corners: np.ndarray,
    bounds: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Squared distance, point, rank and feature of the closest triangle to each query.

    Queries are ordered such that neighbours follow each other: the previous result is a good start.
    """
    n, first_leaf = len(queries), len(bounds) - 2
    square, points = np.empty(n), np.empty((n, 3))
    rank, part = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int8)
    stack, box_distance = np.empty(128, dtype=np.int64), np.empty(128)
    k = 0
    for i in order:
        x = (queries[i, 0], queries[i, 1], queries[i, 2])
        p, part[i] = _on_triangle(x, corners[k])
        best, rank[i] = (x[0] - p[0]) ** 2 + (x[1] - p[1]) ** 2 + (x[2] - p[2]) ** 2, k
        points[i, 0], points[i, 1], points[i, 2] = p
        stack[0], box_distance[0], top = 0, 0.0, 1
        while top:
            top -= 1
            if box_distance[top] >= best:
                continue
            box = stack[top]
            if box >= first_leaf:
                leaf = box - first_leaf
                for t in range(bounds[leaf], bounds[leaf + 1]):
                    p, where = _on_triangle(x, corners[t])
                    d = (x[0] - p[0]) ** 2 + (x[1] - p[1]) ** 2 + (x[2] - p[2]) ** 2
                    if d < best:
                        best, rank[i], part[i] = d, t, where
                        points[i, 0], points[i, 1], points[i, 2] = p
                continue
            one, two = 2 * box + 1, 2 * box + 2
            d_one, d_two = _to_box(x, low, high, one), _to_box(x, low, high, two)
            if d_one < d_two:  # the nearer one on top
                one, two, d_one, d_two = two, one, d_two, d_one
            stack[top], box_distance[top] = one, d_one
            stack[top + 1], box_distance[top + 1] = two, d_two
            top += 2
        square[i], k = best, rank[i]
    return square, points, rank, part


@numba.njit(cache=True)
def _to_box(x: tuple[float, float, float], low: np.ndarray, high: np.ndarray, box: int) -> float:
    """Squared distance from x to a box."""
    total = 0.0
    for axis in range(3):
        d = max(low[box, axis] - x[axis], 0.0, x[axis] - high[box, axis])
        total += d * d
    return total


@numba.njit(cache=True)
def _along(a: np.ndarray, b: np.ndarray, share: float) -> tuple[float, float, float]:
    return (
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]),
        a[2] + share * (b[2] - a[2]),
    )


@numba.njit(cache=True)
def _on_triangle(
    x: tuple[float, float, float], corners: np.ndarray
) -> tuple[tuple[float, float, float], int]:
    """Closest point of a triangle (Ericson, Real-Time Collision Detection, 2005, section 5.1.5)."""
    a, b, c = corners[0], corners[1], corners[2]
    d1 = d2 = d3 = d4 = d5 = d6 = 0.0
    for k in range(3):
        ab, ac = b[k] - a[k], c[k] - a[k]
        d1 += ab * (x[k] - a[k])
        d2 += ac * (x[k] - a[k])
        d3 += ab * (x[k] - b[k])
        d4 += ac * (x[k] - b[k])
        d5 += ab * (x[k] - c[k])
        d6 += ac * (x[k] - c[k])
    if d1 <= 0 and d2 <= 0:
        return (a[0], a[1], a[2]), CORNER_A
    if d3 >= 0 and d4 <= d3:
        return (b[0], b[1], b[2]), CORNER_B
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        return _along(a, b, d1 / (d1 - d3)), EDGE_AB
    if d6 >= 0 and d5 <= d6:
        return (c[0], c[1], c[2]), CORNER_C
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        return _along(a, c, d2 / (d2 - d6)), EDGE_CA
    va = d3 * d6 - d5 * d4
    if va <= 0 and d4 >= d3 and d5 >= d6:
        return _along(b, c, (d4 - d3) / ((d4 - d3) + (d5 - d6))), EDGE_BC
    v, w = vb / (va + vb + vc), vc / (va + vb + vc)
    return (
        a[0] + v * (b[0] - a[0]) + w * (c[0] - a[0]),
        a[1] + v * (b[1] - a[1]) + w * (c[1] - a[1]),
        a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2]),
    ), INSIDE
