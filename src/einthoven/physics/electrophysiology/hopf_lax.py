"""Compiled kernels of the eikonal solver: the exact local update and the correction of labels.

A metric is a row xx, yy, zz, xy, xz, yz of the inverse squared-speed tensor M = D^-1, so that a
straight step d takes sqrt(d . M d) ms.
"""

from typing import NamedTuple

import numba
import numpy as np

IMPROVEMENT_MS = 1e-10
"""Smaller gains do not wake a node's neighbours."""


class Tetrahedra(NamedTuple):
    """A mesh with a metric, as the compiled correction of labels reads it."""

    points: np.ndarray
    """[node, 3] mm."""
    cells: np.ndarray
    """[cell, 4]."""
    metric: np.ndarray
    """[cell, 6] ms^2/mm^2."""
    first: np.ndarray
    """[node + 1] where the cells of a node begin."""
    cells_of: np.ndarray
    """Cells of node 0, of node 1, ..."""


@numba.njit(cache=True)
def inner(m: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Product a . M b."""
    return (
        m[0] * a[0] * b[0]
        + m[1] * a[1] * b[1]
        + m[2] * a[2] * b[2]
        + m[3] * (a[0] * b[1] + a[1] * b[0])
        + m[4] * (a[0] * b[2] + a[2] * b[0])
        + m[5] * (a[1] * b[2] + a[2] * b[1])
    )


@numba.njit(cache=True)
def edge_update(
    m: np.ndarray, x: np.ndarray, x1: np.ndarray, x2: np.ndarray, u1: float, u2: float
) -> float:
    """Least time at x over the edge from x1 (time u1) to x2 (time u2); infinite times are skipped.

    With y = x2 + l (x1 - x2) minimise u2 + l p + sqrt(c.Mc - 2 l a.Mc + l^2 a.Ma), a convex
    function of l in [0, 1].
    """
    c = x - x2
    cc = inner(m, c, c)
    d = x - x1
    best = min(u2 + np.sqrt(cc), u1 + np.sqrt(inner(m, d, d)))
    if not (np.isfinite(u1) and np.isfinite(u2)):
        return best
    a, p = x1 - x2, u1 - u2
    aa, ac = inner(m, a, a), inner(m, a, c)
    slack = 1.0 - p * p / aa
    if slack > 0.0:
        s = np.sqrt(max(cc - ac * ac / aa, 0.0) / slack)
        along = (ac - p * s) / aa
        if 0.0 < along < 1.0:
            best = min(best, u2 + along * p + s)
    return best


@numba.njit(cache=True)
def face_minimum(
    m: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, p: float, q: float
) -> tuple[bool, float, float, float]:
    """Where l1 p + l2 q + |c - l1 a - l2 b|_M is least: whether inside the face, l1, l2, the norm.

    The stationary point is closed-form; outside the face it is of no use, and all is zero.

    Args:
        m: metric, six entries. a, b: sides of the face from its third corner, mm.
        c: from there to the node, mm. p, q: times at the ends of a and b less the third one's, ms.
    """
    aa, ab, bb = inner(m, a, a), inner(m, a, b), inner(m, b, b)
    ac, bc, cc = inner(m, a, c), inner(m, b, c), inner(m, c, c)
    det = aa * bb - ab * ab
    slack = 1.0 - (bb * p * p - 2.0 * ab * p * q + aa * q * q) / det
    if slack > 0.0:
        height_sq = cc - (bb * ac * ac - 2.0 * ab * ac * bc + aa * bc * bc) / det
        s = np.sqrt(max(height_sq, 0.0) / slack)
        g, h = ac - p * s, bc - q * s
        l1, l2 = (bb * g - ab * h) / det, (aa * h - ab * g) / det
        if l1 >= 0.0 and l2 >= 0.0 and l1 + l2 <= 1.0:
            return True, l1, l2, s
    return False, 0.0, 0.0, 0.0


@numba.njit(cache=True)
def corner_update(
    points: np.ndarray, cell: np.ndarray, m: np.ndarray, time: np.ndarray, corner: int
) -> float:
    """Least time at one corner x of a tetrahedron over its opposite face, with interpolated times.

    Where the stationary point (`face_minimum`) lies outside the triangle, the function being
    convex, the least value is on an edge.
    """
    i, j, k = cell[(corner + 1) % 4], cell[(corner + 2) % 4], cell[(corner + 3) % 4]
    x, x1, x2, x3 = points[cell[corner]], points[i], points[j], points[k]
    u1, u2, u3 = time[i], time[j], time[k]
    if np.isfinite(u1) and np.isfinite(u2) and np.isfinite(u3):
        p, q = u1 - u3, u2 - u3
        inside, l1, l2, s = face_minimum(m, x1 - x3, x2 - x3, x - x3, p, q)
        if inside:
            return u3 + l1 * p + l2 * q + s
    return min(
        edge_update(m, x, x1, x2, u1, u2),
        edge_update(m, x, x2, x3, u2, u3),
        edge_update(m, x, x1, x3, u1, u3),
    )


@numba.njit(cache=True)
def correct_labels(
    mesh: Tetrahedra, start: np.ndarray, labels: np.ndarray, max_updates: int
) -> tuple[np.ndarray, int]:
    """Lower the times until no local update lowers any node: times [node] ms, updates done.

    Begins with `labels`, infinite or a solution for later starts, lowered to `start`: both [node]
    ms. All corners of a woken cell are tried, also those with an earlier time than the node that
    woke it: in obtuse or anisotropic tetrahedra the wave does not always come from the earliest
    node.
    """
    points, cells, metric, first, cells_of = mesh
    n = len(points)
    time = labels.copy()
    queue, queued = np.empty(n + 1, np.int64), np.zeros(n, np.bool_)
    head, tail, n_updates = 0, 0, 0
    for i in np.argsort(start):
        if start[i] < time[i]:
            time[i], queue[tail], queued[i] = start[i], i, True
            tail += 1
    while head != tail and n_updates < max_updates:
        i = queue[head]
        head = (head + 1) % (n + 1)
        queued[i] = False
        for k in range(first[i], first[i + 1]):
            e = cells_of[k]
            for corner in range(4):
                j = cells[e, corner]
                if j == i:
                    continue
                arrival = corner_update(points, cells[e], metric[e], time, corner)
                n_updates += 1
                if arrival < time[j] - IMPROVEMENT_MS:
                    time[j] = arrival
                    if not queued[j]:
                        queue[tail], queued[j] = j, True
                        tail = (tail + 1) % (n + 1)
    return time, n_updates


@numba.njit(cache=True)
def best_updates(
    points: np.ndarray, cells: np.ndarray, metric: np.ndarray, time: np.ndarray
) -> np.ndarray:
    """Best local update of every node from the given times: [node] ms."""
    best = np.full(len(points), np.inf)
    for e in range(len(cells)):
        for corner in range(4):
            j = cells[e, corner]
            best[j] = min(best[j], corner_update(points, cells[e], metric[e], time, corner))
    return best
