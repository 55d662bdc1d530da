"""Where the wave comes from at each node: the last leg of its fastest route, with derivatives.

At the fixed point of the Hopf-Lax scheme (`electrophysiology.eikonal`) a node's time is the least
of a few candidates: l1 u1 + l2 u2 + l3 u3 + s over a face of a tetrahedron, or a neighbour's time
and the delay along a way. As the weights l minimise the candidate, they need no derivative
(envelope theorem): d tau = sum_i l_i d u_i + ds. Written for all nodes that is a sparse linear
system whose rows have three entries at most, (I - L) d tau = b, solved for as many parameters as
there are: the exact tangent of the discrete scheme, as geodesics traced backwards are of the
continuous one (Grandits, Med. Image Anal. 103:103641 (2025), doi:10.1016/j.media.2025.103641).
"""

from typing import NamedTuple

import numba
import numpy as np
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import splu

from einthoven.physics.electrophysiology.hopf_lax import Tetrahedra, face_minimum, inner

NO_CELL = -1


class Legs(NamedTuple):
    """The last leg of each node's route through the wall."""

    time: np.ndarray
    """[node] ms, of the best face; infinite where none has a time."""
    cell: np.ndarray
    """[node] the tetrahedron it passes."""
    parents: np.ndarray
    """[node, 3] corners of the face it leaves."""
    weights: np.ndarray
    """[node, 3] where on the face; sums to one."""


@numba.njit(cache=True)
def _over_edge(
    m: np.ndarray, x: np.ndarray, ends: np.ndarray, u: np.ndarray
) -> tuple[float, float]:
    """Least time at x over an edge ([2, 3], times [2]) and the weight of its first end."""
    a, c, p = ends[0] - ends[1], x - ends[1], u[0] - u[1]
    aa, ac, cc = inner(m, a, a), inner(m, a, c), inner(m, c, c)
    d = x - ends[0]
    best, weight = u[1] + np.sqrt(cc), 0.0
    at_first = u[0] + np.sqrt(inner(m, d, d))
    if at_first < best:
        best, weight = at_first, 1.0
    slack = 1.0 - p * p / aa
    if slack > 0.0:
        s = np.sqrt(max(cc - ac * ac / aa, 0.0) / slack)
        along = (ac - p * s) / aa
        if 0.0 < along < 1.0 and u[1] + along * p + s < best:
            best, weight = u[1] + along * p + s, along
    return best, weight


@numba.njit(cache=True)
def _over_face(
    m: np.ndarray, x: np.ndarray, face: np.ndarray, u: np.ndarray
) -> tuple[float, np.ndarray]:
    """Least time at x over a face ([3, 3], times [3]) and the weights of its corners."""
    weights = np.zeros(3)
    p, q = u[0] - u[2], u[1] - u[2]
    inside, l1, l2, s = face_minimum(m, face[0] - face[2], face[1] - face[2], x - face[2], p, q)
    if inside:
        weights[0], weights[1], weights[2] = l1, l2, 1.0 - l1 - l2
        return u[2] + l1 * p + l2 * q + s, weights
    best = np.inf
    for i in range(3):
        j = (i + 1) % 3
        ends, at_ends = np.stack((face[i], face[j])), np.array([u[i], u[j]])
        value, weight = _over_edge(m, x, ends, at_ends)
        if value < best:
            best = value
            weights[:] = 0.0
            weights[i], weights[j] = weight, 1.0 - weight
    return best, weights


@numba.njit(cache=True)
def last_legs(mesh: Tetrahedra, time: np.ndarray) -> Legs:
    """Of all nodes, from finite times [node] ms."""
    n = len(time)
    best, cell_of = np.full(n, np.inf), np.full(n, -1)
    parents, weights = np.zeros((n, 3), np.int64), np.zeros((n, 3))
    for e in range(len(mesh.cells)):
        for corner in range(4):
            node = mesh.cells[e, corner]
            nodes = np.array([mesh.cells[e, (corner + k) % 4] for k in (1, 2, 3)])
            if time[nodes].min() >= time[node]:
                continue
            value, leg = _over_face(
                mesh.metric[e], mesh.points[node], mesh.points[nodes], time[nodes]
            )
            if value < best[node]:
                best[node], cell_of[node] = value, e
                parents[node], weights[node] = nodes, leg
    return Legs(best, cell_of, parents, weights)


def solve_tangents(
    time: np.ndarray, parents: np.ndarray, weights: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Derivatives of all times, from those of the last legs.

    Args:
        time: [node] ms; its order makes the system nearly triangular.
        parents: [node, 3], and weights [node, 3], zero where a node has fewer.
        own: [node, parameter] derivative of a node's time at fixed times of its parents.

    Returns:
        [node, parameter] total derivative.
    """
    order = np.argsort(time, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    used = weights > 0
    row, column = np.broadcast_to(rank[:, None], parents.shape)[used], rank[parents[used]]
    n = len(time)
    coupling = csc_array((weights[used], (row, column)), shape=(n, n))
    factors = splu(csc_array(identity(n, format="csc") - coupling), permc_spec="NATURAL")
    total = np.empty_like(own)
    total[order] = factors.solve(np.ascontiguousarray(own[order]))
    return total
