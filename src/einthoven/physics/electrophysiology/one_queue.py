"""Compiled kernel of `one_pass`: one queue of heart nodes and network nodes, ordered by time."""

from typing import NamedTuple

import numba
import numpy as np

from einthoven.physics.electrophysiology.hopf_lax import IMPROVEMENT_MS, inner

EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
"""Ends of the edges of a tetrahedron."""
_EDGE = np.array([[-1, 0, 1, 2], [0, -1, 3, 4], [1, 3, -1, 5], [2, 4, 5, -1]])


class Muscle(NamedTuple):
    """A mesh with the travel times along its edges, as the compiled kernel reads it."""

    points: np.ndarray
    """[node, 3] mm."""
    cells: np.ndarray
    """[cell, 4]."""
    squares: np.ndarray
    """[cell, 6] ms^2, in the order of `EDGES`."""
    first: np.ndarray
    """[node + 1] where the cells of a node begin."""
    cells_of: np.ndarray
    """Cells of node 0, of node 1, ..."""
    corner_of: np.ndarray
    """Which corner of the cell it is."""


class Graph(NamedTuple):
    """A network, and where it meets the muscle, as the compiled kernel reads it."""

    first: np.ndarray
    """[node + 1] where the edges of a node begin."""
    target: np.ndarray
    """[edge end] node."""
    delay: np.ndarray
    """[edge end] ms, or mm where the speed is not known yet."""
    exit_first: np.ndarray
    """[node + 1] where the links of a node begin."""
    exit_heart: np.ndarray
    """[link] heart node."""
    exit_ms: np.ndarray
    """[link] from the network to the muscle."""
    entry_first: np.ndarray
    """[heart node + 1] where the links of a heart node begin."""
    entry_node: np.ndarray
    """[link] node of the network."""
    entry_ms: np.ndarray
    """[link] from the muscle to the network."""


class Rings(NamedTuple):
    """The nodes up to `NEAR_RINGS` edges from each heart node."""

    first: np.ndarray
    nodes: np.ndarray


@numba.njit(cache=True)
def _rise(heap: np.ndarray, place: np.ndarray, time: np.ndarray, k: int) -> None:
    """Move the entry at k up the heap to where its time belongs."""
    node = heap[k]
    while k > 0 and time[heap[(k - 1) >> 1]] > time[node]:
        heap[k] = heap[(k - 1) >> 1]
        place[heap[k]] = k
        k = (k - 1) >> 1
    heap[k] = node
    place[node] = k


@numba.njit(cache=True)
def _pop(heap: np.ndarray, place: np.ndarray, time: np.ndarray, size: int) -> int:
    """Take the earliest node out of a heap of some size."""
    top, node, k = heap[0], heap[size - 1], 0
    size -= 1
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and time[heap[child + 1]] < time[heap[child]]:
            child += 1
        if time[heap[child]] >= time[node]:
            break
        heap[k] = heap[child]
        place[heap[k]] = k
        k = child
    heap[k] = node
    place[node] = k
    place[top] = -1
    return top


@numba.njit(cache=True)
def first_arrival_of(
    mesh: Muscle, nodal: np.ndarray, rings: Rings, graph: Graph, starts: tuple[np.ndarray, float]
) -> np.ndarray:
    """See `one_pass.OnePass.arrival`; nodes of the muscle come before those of the network."""
    points, cells, squares, first, cells_of, corner_of = mesh
    start, his_ms = starts
    n, total = len(points), len(points) + len(graph.first) - 1
    time, place = np.full(total, np.inf), np.full(total, -1)
    heap, size = np.empty(total, np.int64), 0
    source = np.zeros(n, np.bool_)
    changed = np.empty(4096, np.int64)
    for i in range(n):
        if start[i] < np.inf:
            time[i], heap[size], source[i] = start[i], i, True
            _rise(heap, place, time, size)
            size += 1
    if his_ms < np.inf:
        time[n], heap[size] = his_ms, n
        _rise(heap, place, time, size)
        size += 1
    while size:
        i = _pop(heap, place, time, size)
        size -= 1
        n_changed = 0
        if i >= n:
            g = i - n
            for k in range(graph.first[g], graph.first[g + 1]):
                j, t = n + graph.target[k], time[i] + graph.delay[k]
                if t < time[j] - IMPROVEMENT_MS:
                    time[j], changed[n_changed] = t, j
                    n_changed += 1
            for k in range(graph.exit_first[g], graph.exit_first[g + 1]):
                j, t = graph.exit_heart[k], time[i] + graph.exit_ms[k]
                if t < time[j] - IMPROVEMENT_MS:
                    time[j], changed[n_changed], source[j] = t, j, True
                    n_changed += 1
        else:
            for k in range(graph.entry_first[i], graph.entry_first[i + 1]):
                j, t = n + graph.entry_node[k], time[i] + graph.entry_ms[k]
                if t < time[j] - IMPROVEMENT_MS:
                    time[j], changed[n_changed] = t, j
                    n_changed += 1
            if source[i]:  # P1 elements smear the kink at a source: straight lines around it
                for k in range(rings.first[i], rings.first[i + 1]):
                    j = rings.nodes[k]
                    d = points[j] - points[i]
                    square = 0.5 * (inner(nodal[i], d, d) + inner(nodal[j], d, d))
                    t = time[i] + np.sqrt(square)
                    if t < time[j] - IMPROVEMENT_MS:
                        time[j], changed[n_changed], source[j] = t, j, False
                        n_changed += 1
            for k in range(first[i], first[i + 1]):
                e, own = cells_of[k], corner_of[k]
                x, y, z = (own + 1) % 4, (own + 2) % 4, (own + 3) % 4
                jx, jy, jz = cells[e, x], cells[e, y], cells[e, z]
                u, ux, uy, uz = time[i], time[jx], time[jy], time[jz]
                ix, iy = squares[e, _EDGE[own, x]], squares[e, _EDGE[own, y]]
                iz = squares[e, _EDGE[own, z]]
                xy, xz, yz = (
                    squares[e, _EDGE[x, y]],
                    squares[e, _EDGE[x, z]],
                    squares[e, _EDGE[y, z]],
                )
                if ux > min(u, uy, uz):
                    t = _update((u, uy, uz), (iy, iz, yz), (ix, xy, xz))
                    if t < ux - IMPROVEMENT_MS:
                        time[jx], changed[n_changed], source[jx] = t, jx, False
                        n_changed += 1
                if uy > min(u, ux, uz):
                    t = _update((u, ux, uz), (ix, iz, xz), (iy, xy, yz))
                    if t < uy - IMPROVEMENT_MS:
                        time[jy], changed[n_changed], source[jy] = t, jy, False
                        n_changed += 1
                if uz > min(u, ux, uy):
                    t = _update((u, ux, uy), (ix, iy, xy), (iz, xz, yz))
                    if t < uz - IMPROVEMENT_MS:
                        time[jz], changed[n_changed], source[jz] = t, jz, False
                        n_changed += 1
        for k in range(n_changed):
            j = changed[k]
            if place[j] < 0:
                heap[size], place[j] = j, size
                size += 1
            _rise(heap, place, time, place[j])
    return time[:n]


@numba.njit(cache=True, error_model="numpy")
def _update(
    u: tuple[float, float, float],
    face: tuple[float, float, float],
    away: tuple[float, float, float],
) -> float:
    """Least time at a corner over the opposite face, by travel times along edges alone.

    As `hopf_lax.corner_update`, but for the edge across from the face's first corner, which has
    been tried when its own ends changed.

    Args:
        u: times at the face's corners, the first one finite and just changed.
        face: its squared edges, from the first corner to the others and between these, ms^2.
        away: squared edges from the face's corners to the one to be reached.
    """
    aa, bb, between = face
    cc = away[0]
    ac, bc = 0.5 * (cc + aa - away[1]), 0.5 * (cc + bb - away[2])
    p, q = u[1] - u[0], u[2] - u[0]
    if p < np.inf and q < np.inf:
        ab = 0.5 * (aa + bb - between)
        det = aa * bb - ab * ab
        slack = det - (bb * p * p - 2.0 * ab * p * q + aa * q * q)
        if slack > 0.0:
            height = cc * det - (bb * ac * ac - 2.0 * ab * ac * bc + aa * bc * bc)
            s = np.sqrt(max(height, 0.0) / slack)
            g, h = ac - p * s, bc - q * s
            l1, l2 = bb * g - ab * h, aa * h - ab * g
            if l1 >= 0.0 and l2 >= 0.0 and l1 + l2 <= det:
                return u[0] + (l1 * p + l2 * q) / det + s
    best = u[0] + np.sqrt(cc)
    if p < np.inf:
        best = min(best, _over_edge(u[0], p, aa, ac, cc))
    if q < np.inf:
        best = min(best, _over_edge(u[0], q, bb, bc, cc))
    return best


@numba.njit(cache=True, error_model="numpy")
def _over_edge(u: float, p: float, aa: float, ac: float, cc: float) -> float:
    """Least u + l p + sqrt(cc - 2 l ac + l^2 aa) where it is inside, 0 < l < 1; else infinite."""
    slack = aa - p * p
    if slack > 0.0:
        s = np.sqrt(max(cc * aa - ac * ac, 0.0) / slack)
        along = ac - p * s
        if 0.0 < along < aa:
            return u + along * p / aa + s
    return np.inf
