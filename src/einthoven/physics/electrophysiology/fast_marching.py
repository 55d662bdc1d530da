"""Compiled fixed-point solver: one queue of muscle nodes and network nodes, ordered by time.

The earliest node leaves the queue and lowers the times of its neighbours; a node whose time is
lowered enters it, again if need be, as in anisotropic tetrahedra the wave does not always come from
the earliest corner: recursive anisotropic fast marching (Konukoglu, Sermesant, Clatz, Peyrat,
Delingette, Ayache, Information Processing in Medical Imaging, 2007).
"""

from typing import NamedTuple

import numba
import numpy as np

from einthoven.physics.electrophysiology.hopf_lax import (
    Tetrahedra,
    Travel,
    local_update,
    seen_from,
    square,
)

IMPROVEMENT_MS = 1e-10
"""Smaller gains change no time."""
MUSCLE, GIVEN = -1, -2
"""Instead of the number of a link: neighbours in the muscle, or a given source."""


class Graph(NamedTuple):
    """Network and its links to the muscle, as compiled code reads it."""

    first: np.ndarray
    """[network node + 1] where the edges of a node begin."""
    target: np.ndarray
    """[edge end] network node at the other end."""
    delay: np.ndarray
    """[edge end] ms."""
    exit_first: np.ndarray
    """[network node + 1] where the links of a node begin."""
    exit_link: np.ndarray
    """Number of the link."""
    exit_heart: np.ndarray
    """Heart node."""
    exit_ms: np.ndarray
    """ms, from the network to the muscle."""
    entry_first: np.ndarray
    """[heart node + 1] where the links of a node begin."""
    entry_node: np.ndarray
    """Network node."""
    entry_ms: np.ndarray
    """ms, from the muscle to the network."""


class Arrival(NamedTuple):
    """Times of the wave in muscle and network."""

    time: np.ndarray
    """[node] ms; nodes of the muscle come before those of the network."""
    start: np.ndarray
    """[heart node] ms, times of sources and of the straight lines around them."""
    brought_by: np.ndarray
    """[heart node] number of the link that brought the wave, `MUSCLE` or `GIVEN`."""
    n_updates: np.ndarray
    """[1] local updates."""


class Queue(NamedTuple):
    """Nodes that may still lower others, in a binary heap ordered by time."""

    time: np.ndarray
    """[node] ms; nodes of the muscle come before those of the network."""
    heap: np.ndarray
    """[node] numbers, the earliest first; as many as `size` count."""
    place: np.ndarray
    """[node] where in the heap it is; -1 if it is not."""


@numba.njit(cache=True)
def _push(queue: Queue, size: int, node: int) -> int:
    """Put a node whose time was lowered to its place in the heap: how many the heap has now."""
    time, heap, place = queue
    k = place[node]
    if k < 0:
        k = size
        size += 1
    while k > 0 and time[heap[(k - 1) >> 1]] > time[node]:
        heap[k] = heap[(k - 1) >> 1]
        place[heap[k]] = k
        k = (k - 1) >> 1
    heap[k] = node
    place[node] = k
    return size


@numba.njit(cache=True)
def _pop(queue: Queue, size: int) -> int:
    """Take the earliest node out of a heap of some size."""
    time, heap, place = queue
    size -= 1
    top, node, k = heap[0], heap[size], 0
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
def first_arrival_times(
    mesh: Tetrahedra, travel: Travel, graph: Graph, given: np.ndarray, his_ms: float
) -> Arrival:
    """Fixed point of muscle and network.

    Args:
        mesh: of the muscle.
        travel: times along its edges.
        graph: network; its first node is the His bundle.
        given: [heart node] ms when the wave starts there; infinite where it does not.
        his_ms: when it leaves the His bundle; infinite if it does not.
    """
    n, total, size = len(given), len(given) + len(graph.first) - 1, 0
    time, place = np.full(total, np.inf), np.full(total, -1)
    queue = Queue(time, np.empty(total, np.int64), place)
    found = Arrival(time, given.copy(), np.full(n, MUSCLE), np.zeros(1, np.int64))
    for i in np.flatnonzero(given < np.inf):
        time[i], found.brought_by[i] = given[i], GIVEN
        size = _push(queue, size, i)
    if his_ms < np.inf:
        time[n] = his_ms
        size = _push(queue, size, n)
    while size:
        i = _pop(queue, size)
        size -= 1
        if i >= n:
            size = _along_network(graph, queue, size, found, i - n)
            continue
        for k in range(graph.entry_first[i], graph.entry_first[i + 1]):
            node, t = n + graph.entry_node[k], time[i] + graph.entry_ms[k]
            if t < time[node] - IMPROVEMENT_MS:
                time[node] = t
                size = _push(queue, size, node)
        if found.brought_by[i] != MUSCLE:
            size = _in_straight_lines(mesh, travel.nodal_metric, queue, size, found, i)
        size = _through_cells(mesh, travel.squares, queue, size, found, i)
    return found


@numba.njit(cache=True)
def _along_network(graph: Graph, queue: Queue, size: int, found: Arrival, i: int) -> int:
    """Lower times along the edges of network node i and at its exits: the new size of the heap."""
    time, n = queue.time, len(found.start)
    first, target, delay, exit_first = graph.first, graph.target, graph.delay, graph.exit_first
    for k in range(first[i], first[i + 1]):
        last, node, t = i, target[k], time[n + i] + delay[k]
        # A node that only passes the wave on need not wait in the queue.
        while (
            t < time[n + node] - IMPROVEMENT_MS
            and first[node + 1] - first[node] == 2
            and exit_first[node + 1] == exit_first[node]
            and node > 0
        ):
            time[n + node] = t
            onward = first[node] + int(target[first[node]] == last)
            t += delay[onward]
            last, node = node, target[onward]
        if t < time[n + node] - IMPROVEMENT_MS:
            time[n + node] = t
            size = _push(queue, size, n + node)
    for k in range(exit_first[i], exit_first[i + 1]):
        heart, t = graph.exit_heart[k], time[n + i] + graph.exit_ms[k]
        if t < time[heart] - IMPROVEMENT_MS:
            time[heart], found.start[heart], found.brought_by[heart] = t, t, graph.exit_link[k]
            size = _push(queue, size, heart)
    return size


@numba.njit(cache=True)
def _in_straight_lines(
    mesh: Tetrahedra, nodal: np.ndarray, queue: Queue, size: int, found: Arrival, i: int
) -> int:
    """Lower times of the nodes near a source, heart node i: the new size of the heap."""
    time, points, near, u = queue.time, mesh.points, mesh.near, queue.time[i]
    for k in range(mesh.near_first[i], mesh.near_first[i + 1]):
        j = near[k]
        if time[j] <= u:
            continue
        mean = 0.5 * (square(nodal, i, points, i, j) + square(nodal, j, points, i, j))
        t = u + np.sqrt(mean)
        if t < time[j] - IMPROVEMENT_MS:
            time[j], found.start[j], found.brought_by[j] = t, t, MUSCLE
            size = _push(queue, size, j)
    return size


@numba.njit(cache=True)
def _through_cells(
    mesh: Tetrahedra, squares: np.ndarray, queue: Queue, size: int, found: Arrival, i: int
) -> int:
    """Lower times of the other corners of heart node i's tetrahedra: the new size of the heap."""
    time, cells, corners, u = queue.time, mesh.cells, mesh.corners, queue.time[i]
    for k in range(mesh.first[i], mesh.first[i + 1]):
        e = corners[k] >> 2
        (x, y, z), (sx, sy, sz), (rx, ry, rz) = seen_from(corners[k] & 3, cells[e], squares[e])
        ux, uy, uz = time[x], time[y], time[z]
        for _ in range(3):
            t, _, _ = local_update((u, uy, uz), (sy, sz, rx), (sx, rz, ry), ux)
            found.n_updates[0] += t < np.inf
            if t < ux - IMPROVEMENT_MS:
                time[x], found.brought_by[x], ux = t, MUSCLE, t
                size = _push(queue, size, x)
            x, y, z, ux, uy, uz = y, z, x, uy, uz, ux
            sx, sy, sz, rx, ry, rz = sy, sz, sx, ry, rz, rx
    return size
