"""Relocation of single nodes to improve the worst cells around them."""

import numpy as np

from einthoven.body.mesh.quality import gamma_quality

GOOD_QUALITY = 0.2
"""Quality that every cell of 15 test meshes could reach, within a second."""
MAX_ROUNDS = 3
N_DIRECTIONS = 32
FIRST_STEP = 0.3
LAST_STEP = 0.01
"""Steps of the search, in mean edges of the cells around the node."""


def relocate_nodes(
    points: np.ndarray, cells: np.ndarray, fixed: np.ndarray, wanted: float = GOOD_QUALITY
) -> tuple[np.ndarray, np.ndarray, int]:
    """Move free nodes of cells worse than `wanted` so that the worst cell around each improves.

    A node moves only if the least quality of all cells around it rises, so the worst cell never
    gets worse. With fixed surface nodes every tissue keeps its volume. Quality is not a smooth
    function of the node, so its best position is found by search: steps in 32 even directions,
    halved when none improves.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4] positively oriented.
        fixed: [node] bool, nodes that stay.
        wanted: gamma at which a cell is good enough.

    Returns:
        points [node, 3] mm, quality [cell] and how many nodes moved.
    """
    points = points.copy()
    moved: set[int] = set()
    quality = gamma_quality(points, cells)
    for _ in range(MAX_ROUNDS):
        bad = np.flatnonzero(quality < wanted)
        bad = bad[np.argsort(quality[bad], kind="stable")]
        nodes = [node for node in dict.fromkeys(cells[bad].ravel().tolist()) if not fixed[node]]
        if not nodes:
            break
        around = np.flatnonzero(np.isin(cells, nodes).any(axis=1))
        near = cells[around]
        better = [node for node in nodes if _move(points, near[np.any(near == node, axis=1)], node)]
        if not better:
            break
        moved.update(better)
        quality[around] = gamma_quality(points, near)
    return points, quality, len(moved)


def _move(points: np.ndarray, star: np.ndarray, node: int) -> bool:
    """Put `node` where the worst cell of its star is best; return whether it moved."""
    corners = points[star]
    own = np.argmax(star == node, axis=1)
    start = points[node].copy()
    edge = float(np.linalg.norm(corners - start, axis=2).sum() / (3 * len(star)))
    best, step = _worst(corners, own, start[None])[0], FIRST_STEP
    place = start
    while step >= LAST_STEP:
        tried = place + step * edge * DIRECTIONS
        worst = _worst(corners, own, tried)
        k = int(worst.argmax())
        if worst[k] > best:
            best, place = worst[k], tried[k]
        else:
            step *= 0.5
    points[node] = place
    return bool(np.any(place != start))


def _worst(corners: np.ndarray, own: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Least quality of the cells [cell, 4, 3] with vertex `own` [cell] at each of `places`."""
    n_cells = len(corners)
    tried = np.tile(corners, (len(places), 1, 1))
    tried[np.arange(len(tried)), np.tile(own, len(places))] = np.repeat(places, n_cells, axis=0)
    cells = np.arange(4 * len(tried)).reshape(-1, 4)
    return gamma_quality(tried.reshape(-1, 3), cells).reshape(len(places), n_cells).min(axis=1)


def _even_directions(n: int) -> np.ndarray:
    """Unit vectors on a Fibonacci spiral: [n, 3]."""
    height = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


DIRECTIONS = _even_directions(N_DIRECTIONS)
