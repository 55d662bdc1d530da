"""Compiled local update of the anisotropic eikonal equation: Hopf-Lax over a face of a tetrahedron.

A straight step d through a tetrahedron with squared-speed tensor D takes |d|_M = sqrt(d . M d) ms,
M = D^-1. Tetrahedra enter as the six squared travel times along their edges, which is all that the
update needs: scalar products of two sides of a triangle follow from its three squared sides.
"""

from typing import NamedTuple

import numba
import numpy as np

ENDS = ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2))
"""Ends of the edges of a tetrahedron; edges 2 k and 2 k + 1 are opposite.

Seen from corner c, the others are c ^ 1, c ^ 2 and c ^ 3, and edge c, c ^ k is 2 (k - 1) or its
opposite."""


class Tetrahedra(NamedTuple):
    """Mesh with its neighbourhoods, as compiled code reads it."""

    points: np.ndarray
    """[node, 3] mm."""
    cells: np.ndarray
    """[cell, 4]."""
    first: np.ndarray
    """[node + 1] where the corners of a node begin."""
    corners: np.ndarray
    """Corners of node 0, of node 1, ...; corner k of cell e is number 4 e + k."""
    near_first: np.ndarray
    """[node + 1] where the near nodes of a node begin."""
    near: np.ndarray
    """Nodes near node 0, near node 1, ...: those that start from a straight line if it starts."""


class Travel(NamedTuple):
    """Travel times in a mesh."""

    squares: np.ndarray
    """[cell, 6] ms^2, squared travel times along the edges, in the order of `ENDS`."""
    nodal_metric: np.ndarray
    """[node, 6] ms^2/mm^2, M as xx, yy, zz, xy, xz, yz: mean of the tetrahedra around a node."""


class LastLegs(NamedTuple):
    """Best local update of each node: the last leg of the wave's way to it."""

    time: np.ndarray
    """[node] ms; infinite where no face of the node's tetrahedra is earlier than it."""
    cell: np.ndarray
    """[node] tetrahedron that the leg crosses; -1 where there is none."""
    parents: np.ndarray
    """[node, 3] corners of the face that it leaves."""
    weights: np.ndarray
    """[node, 3] barycentric coordinates of where it leaves; they sum to one."""


@numba.njit(cache=True)
def square(m: np.ndarray, i: int, points: np.ndarray, a: int, b: int) -> float:
    """Squared travel time, ms^2, between two points in metric number i of [..., 6], ms^2/mm^2."""
    x, y, z = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    straight = m[i, 0] * x * x + m[i, 1] * y * y + m[i, 2] * z * z
    return straight + 2.0 * (m[i, 3] * x * y + m[i, 4] * x * z + m[i, 5] * y * z)


@numba.njit(cache=True)
def travel_of(mesh: Tetrahedra, tensors: np.ndarray) -> tuple[Travel, int]:
    """Travel times for squared-speed tensors [cell, 3, 3], mm^2/ms^2.

    Returns:
        The travel times, and the first cell whose tensor is not symmetric positive definite, or -1.
    """
    metric = np.empty((len(tensors), 6))
    squares = np.empty((len(tensors), 6))
    for e in range(len(tensors)):
        d = tensors[e]
        xx = d[1, 1] * d[2, 2] - d[1, 2] * d[1, 2]
        xy = d[0, 2] * d[1, 2] - d[0, 1] * d[2, 2]
        xz = d[0, 1] * d[1, 2] - d[0, 2] * d[1, 1]
        minor = d[0, 0] * d[1, 1] - d[0, 1] * d[0, 1]
        det = d[0, 0] * xx + d[0, 1] * xy + d[0, 2] * xz
        skew = max(abs(d[0, 1] - d[1, 0]), abs(d[0, 2] - d[2, 0]), abs(d[1, 2] - d[2, 1]))
        positive = d[0, 0] > 0.0 and minor > 0.0 and det > 0.0
        if not (positive and skew <= 1e-9 * (d[0, 0] + d[1, 1] + d[2, 2])):
            return Travel(squares, metric), e
        metric[e, 0], metric[e, 3], metric[e, 4] = xx / det, xy / det, xz / det
        metric[e, 1] = (d[0, 0] * d[2, 2] - d[0, 2] * d[0, 2]) / det
        metric[e, 2] = minor / det
        metric[e, 5] = (d[0, 1] * d[0, 2] - d[0, 0] * d[1, 2]) / det
        for k, (a, b) in enumerate(ENDS):
            squares[e, k] = square(metric, e, mesh.points, mesh.cells[e, a], mesh.cells[e, b])
    nodal = np.zeros((len(mesh.points), 6))
    for i in range(len(nodal)):
        around = mesh.corners[mesh.first[i] : mesh.first[i + 1]]
        for corner in around:
            for k in range(6):
                nodal[i, k] += metric[corner >> 2, k] / len(around)
    return Travel(squares, nodal), -1


@numba.njit(cache=True)
def seen_from(own: int, cell: np.ndarray, squares: np.ndarray) -> tuple[
    tuple[int, int, int], tuple[float, float, float], tuple[float, float, float]
]:  # fmt: skip
    """Tetrahedron [4] nodes as seen from one of its corners, 0 to 3, with the others in turn.

    Nodes of the other corners; squared travel times to them from `own`, and along the edges
    opposite to these, ms^2, of `squares` [6] as in `Travel`.
    """
    k1, k2, k3 = int(own > 1), 2 + int(own & 1), 4 + int(own == 1 or own == 2)
    return (
        (cell[own ^ 1], cell[own ^ 2], cell[own ^ 3]),
        (squares[k1], squares[k2], squares[k3]),
        (squares[k1 ^ 1], squares[k2 ^ 1], squares[k3 ^ 1]),
    )


@numba.njit(cache=True, error_model="numpy")
def local_update(
    u: tuple[float, float, float],
    face: tuple[float, float, float],
    legs: tuple[float, float, float],
    known: float,
) -> tuple[float, float, float]:
    """Least time at a node over a face, and where on it: the one update of this library.

    Minimises u0 + l1 p + l2 q + |c - l1 a - l2 b|_M, where p = u1 - u0, q = u2 - u0, a and b are
    the sides of the face from its first corner and c leads from there to the node. The function is
    convex and its stationary point closed-form; if that lies outside the face, the least value is
    on an edge. Of the edges only those at the first corner are tried: taking each corner as the
    first tries all (`last_legs`), and in a queue the third edge had its turn when its own ends
    changed.

    Args:
        u: ms, times at the corners of the face; the first is finite, others may be infinite.
        face: ms^2, squared travel times from the first corner to the second, to the third, and
            between these.
        legs: ms^2, squared travel times from the corners to the node.
        known: ms, the time that the node has.

    Returns:
        The time, ms, infinite if the node's distance to the plane of the face shows that it is no
        earlier than `known`, and the weights l1 and l2 of the second and third corner.
    """
    aa, bb, between = face
    cc = legs[0]
    ac, bc = 0.5 * (cc + aa - legs[1]), 0.5 * (cc + bb - legs[2])
    ab = 0.5 * (aa + bb - between)
    det = aa * bb - ab * ab
    height = cc * det - (bb * ac * ac - 2.0 * ab * ac * bc + aa * bc * bc)
    later = known - min(u[0], u[1], u[2])
    if later <= 0.0 or 0.0 < later * later * det <= height:
        return np.inf, 0.0, 0.0
    p, q = u[1] - u[0], u[2] - u[0]
    if p < np.inf and q < np.inf:
        slack = det - (bb * p * p - 2.0 * ab * p * q + aa * q * q)
        if slack > 0.0:
            s = np.sqrt(max(height, 0.0) / slack)
            g, h = ac - p * s, bc - q * s
            l1, l2 = bb * g - ab * h, aa * h - ab * g
            if l1 >= 0.0 and l2 >= 0.0 and l1 + l2 <= det:
                return u[0] + (l1 * p + l2 * q) / det + s, l1 / det, l2 / det
    best, l1, l2 = u[0] + np.sqrt(cc), 0.0, 0.0
    if p < np.inf:
        time, share = _over_edge(u[0], p, aa, ac, cc)
        if time < best:
            best, l1, l2 = time, share, 0.0
    if q < np.inf:
        time, share = _over_edge(u[0], q, bb, bc, cc)
        if time < best:
            best, l1, l2 = time, 0.0, share
    return best, l1, l2


@numba.njit(cache=True, error_model="numpy")
def _over_edge(u: float, p: float, aa: float, ac: float, cc: float) -> tuple[float, float]:
    """Least u + l p + sqrt(cc - 2 l ac + l^2 aa) and l where 0 < l < 1; else infinite."""
    slack = aa - p * p
    if slack > 0.0:
        s = np.sqrt(max(cc * aa - ac * ac, 0.0) / slack)
        along = ac - p * s
        if 0.0 < along < aa:
            return u + along * p / aa + s, along / aa
    return np.inf, 0.0


@numba.njit(cache=True)
def last_legs(mesh: Tetrahedra, squares: np.ndarray, time: np.ndarray) -> LastLegs:
    """Best local updates of all nodes from finite times [node] ms."""
    n = len(time)
    best, cell = np.full(n, np.inf), np.full(n, -1)
    parents, weights = np.zeros((n, 3), np.int64), np.zeros((n, 3))
    for e in range(len(mesh.cells)):
        for own in range(4):
            i = mesh.cells[e, own]
            (x, y, z), (sx, sy, sz), (rx, ry, rz) = seen_from(own, mesh.cells[e], squares[e])
            for _ in range(3):
                u = time[i], time[y], time[z]
                value, l1, l2 = local_update(u, (sy, sz, rx), (sx, rz, ry), best[x])
                if value < best[x]:
                    best[x], cell[x] = value, e
                    parents[x] = i, y, z
                    weights[x] = 1.0 - l1 - l2, l1, l2
                x, y, z, sx, sy, sz, rx, ry, rz = y, z, x, sy, sz, sx, ry, rz, rx
    return LastLegs(best, cell, parents, weights)
