"""Second-order gradients of P1 fields, within one material.

The gradient of a linear element has an error of first order in its size. Nodal values are more
accurate: a quadratic polynomial fitted to those around a point has a second-order gradient there
(polynomial-preserving recovery: Zhang and Naga 2005, doi:10.1137/S1064827503402837). Across an
interface the gradient jumps, so each fit uses the nodes of one material only.
"""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import (
    TET_EDGES,
    TET_FACES,
    p1_gradients,
    sparse_rows,
    unique_sides,
)

WIDTH = 0.8
"""A node at distance r has weight exp(-(r / (WIDTH edge))^2): narrow, for thin curved walls in
which the fibres rotate."""
DEEP_WIDTH = 1.2
"""Width for places three or more cells from the border, where patches have two layers. Only wide
fits average the solver's error enough for second order, and only walls of six or more cells resolve
the field well enough for them. Figures: docs/explanation/gradient-recovery.md."""
QUADRATIC = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
RIDGE = 1e-15
"""Ridge relative to the largest entry: a patch without a unique fit fails the check, not the
solver."""
MAX_MISFIT = 1e-8
MAX_AMPLIFICATION = 100.0
"""Largest sum of |weights| times the width. Linear elements of good shape have 2 to 8."""
MAX_ROUNDS = 4
GROWTH = 1.5
PLACES_PER_BLOCK = 4096


def gradient_operator(
    gradient: str, points: np.ndarray, cells: np.ndarray, chosen: np.ndarray | None = None
) -> sp.csr_array:
    """Matrix from nodal values to gradients at centroids, of the kind that the config names.

    Args:
        gradient: 'recovered' (`recovery_operator`) or 'raw' (of the linear elements).
        points: [node, 3] mm.
        cells: [cell, 4] of one material.
        chosen: [place] the cells wanted; None for all.

    Returns:
        [3 place, node] 1/mm; the three components of a place are successive rows.

    Raises:
        BadInput: another kind, or as `recovery_operator`.
    """
    if gradient == "recovered":
        return recovery_operator(points, cells, chosen=chosen)
    if gradient != "raw":
        raise BadInput(f"leadfield.gradient: {gradient!r} is neither 'recovered' nor 'raw'")
    own = cells if chosen is None else cells[chosen]
    weights = p1_gradients(points, own).swapaxes(1, 2).reshape(-1, 4)
    return sparse_rows(np.repeat(own, 3, axis=0), weights, len(points))


def apply_operator(operator: sp.csr_array, values: np.ndarray) -> np.ndarray:
    """Gradients [electrode, place, 3] of nodal values [electrode, node].

    Raises:
        BadInput: values that are not finite, or a wrong number of nodes.
    """
    check.finite("values", check.shape("values", values, (None, operator.shape[1])))
    columns = np.ascontiguousarray(values.T, dtype=np.float64)
    gradients = (operator @ columns).reshape(-1, 3, len(values))
    return np.ascontiguousarray(gradients.transpose(2, 0, 1))


def recovery_operator(
    points: np.ndarray, cells: np.ndarray, at: str = "cells", chosen: np.ndarray | None = None
) -> sp.csr_array:
    """Matrix from nodal values to recovered gradients.

    Each gradient, at a cell's centroid or at a node, is that of the quadratic polynomial with the
    least weighted squared difference from the values at the nodes of all cells that touch that cell
    or node, plus one more layer if it is three or more cells from the border of the material. Where
    these do not determine a polynomial (corners, walls of one cell), the patch grows by a layer and
    the weights by half their width. The matrix depends on the geometry only.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4] of one material; other nodes are in no patch.
        at: 'cells' (centroids) or 'nodes'.
        chosen: [place] the cells or nodes wanted; None for all.

    Returns:
        [3 place, node] 1/mm, exact for quadratic functions; the three components of a place are
        successive rows.

    Raises:
        BadInput: malformed arrays, or no patch around a place determines a quadratic.
    """
    points = check.finite("points", check.shape("points", points, (None, 3))).astype(np.float64)
    cells = check.shape("cells", cells, (None, 4)).astype(np.int64)
    if len(cells) == 0 or cells.min() < 0 or cells.max() >= len(points):
        raise BadInput(f"cells: empty, or node ids outside 0 to {len(points) - 1}")
    if at not in ("cells", "nodes"):
        raise BadInput(f"at: {at!r} is neither 'cells' nor 'nodes'")
    own = cells if at == "cells" else np.arange(len(points))[:, None]
    own = own if chosen is None else own[chosen]

    neighbours, edges = _neighbours(points, cells)
    patches = sparse_rows(own, np.ones(own.shape, np.int32), len(points)) @ neighbours
    deep = patches @ (neighbours @ _on_border(cells, len(points))) == 0
    patches = _grown(patches, deep, neighbours)
    scales = edges[own].mean(axis=1) * np.where(deep, DEEP_WIDTH, WIDTH)
    return _growing_fits(points, points[own].mean(axis=1), scales, patches, neighbours)


def _growing_fits(
    points: np.ndarray,
    centres: np.ndarray,
    scales: np.ndarray,
    patches: sp.csr_array,
    neighbours: sp.csr_array,
) -> sp.csr_array:
    """Weights [3 place, node]; patches that determine no polynomial grow until they do."""
    todo = np.arange(len(centres))
    parts, rows = [], []
    for k in range(MAX_ROUNDS):
        weights, good = _fit(points, centres[todo], GROWTH**k * scales[todo], patches)
        parts.append(weights[np.repeat(good, 3)])
        rows.append(todo[good])
        todo = todo[~good]
        if len(todo) == 0:
            break
        patches = patches[~good] @ neighbours
    else:
        raise BadInput(
            f"no quadratic polynomial for {len(todo)} of {len(centres)} places, e.g. near "
            f"{centres[todo[0]].round(1)} mm, from {MAX_ROUNDS} layers of nodes; is the material "
            "a single sheet of cells there? Refine the mesh, or set leadfield.gradient: raw"
        )
    order = np.argsort(np.concatenate(rows))
    return sp.csr_array(sp.vstack(parts))[(3 * order[:, None] + np.arange(3)).ravel()]


def _neighbours(points: np.ndarray, cells: np.ndarray) -> tuple[sp.csr_array, np.ndarray]:
    """Nodes that share a cell (itself included) [node, node], and mean edges at nodes [node]."""
    ends, _ = unique_sides(cells[:, TET_EDGES].reshape(-1, 2))
    length = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    n = len(points)
    count = np.bincount(ends.ravel(), minlength=n)
    total = np.bincount(ends.ravel(), weights=np.repeat(length, 2), minlength=n)
    used = np.flatnonzero(count)
    rows = np.concatenate([ends[:, 0], ends[:, 1], used])
    columns = np.concatenate([ends[:, 1], ends[:, 0], used])
    graph = sp.csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(n, n))
    return graph, total / np.maximum(count, 1)


def _on_border(cells: np.ndarray, n_nodes: int) -> np.ndarray:
    """1 for nodes of faces that belong to one cell only, else 0: [node]."""
    faces, count = unique_sides(cells[:, TET_FACES].reshape(-1, 3))
    border = np.zeros(n_nodes, dtype=np.int32)
    border[faces[count == 1]] = 1
    return border


def _grown(patches: sp.csr_array, some: np.ndarray, neighbours: sp.csr_array) -> sp.csr_array:
    """Patches with one more layer of nodes in the rows `some`."""
    order = np.argsort(np.concatenate([np.flatnonzero(~some), np.flatnonzero(some)]))
    return sp.csr_array(sp.vstack([patches[~some], patches[some] @ neighbours]))[order]


def _fit(
    points: np.ndarray, centres: np.ndarray, scales: np.ndarray, patches: sp.csr_array
) -> tuple[sp.csr_array, np.ndarray]:
    """Weights [3 place, node] of the fits on `patches` [place, node], and which fits are good."""
    sizes = np.diff(patches.indptr)
    values = np.zeros((3, patches.nnz))
    good = np.zeros(len(sizes), dtype=bool)
    order = np.argsort(sizes, kind="stable")  # patches of one block are padded to equal size
    for start in range(0, len(order), PLACES_PER_BLOCK):
        block = order[start : start + PLACES_PER_BLOCK]
        if sizes[block[-1]] == 0:
            continue
        slot = np.arange(sizes[block[-1]])
        real = slot < sizes[block, None]
        entry = np.where(real, patches.indptr[block, None] + slot, 0)
        offset = points[patches.indices[entry]] - centres[block, None]
        weights, good[block] = _gradient_weights(offset / scales[block, None, None], real)
        for axis in range(3):
            scaled = weights[..., axis] / scales[block, None]
            values[axis, entry[real]] = scaled[real]
    data = [sp.csr_array((v, patches.indices, patches.indptr), shape=patches.shape) for v in values]
    rows = np.arange(3 * len(sizes)).reshape(3, -1).T.ravel()
    return sp.csr_array(sp.vstack(data))[rows], good


def _gradient_weights(x: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient at x = 0 of the best quadratic, as weights [place, slot, 3] of the values at x.

    x [place, slot, 3] is in units of the weights' width; `real` [place, slot] is False where a slot
    is padding. Also returned: [place] whether the fit is unique and tame.
    """
    importance = real * np.exp(-np.square(x).sum(axis=2))
    products = [x[..., i] * x[..., j] for i, j in QUADRATIC]
    basis = np.stack([np.ones(real.shape), *np.moveaxis(x, 2, 0), *products], axis=2)
    weighted = basis * importance[..., None]
    normal = weighted.swapaxes(1, 2) @ basis
    wanted = np.eye(normal.shape[1])[:, 1:4]
    ridge = RIDGE * normal.max(axis=(1, 2), keepdims=True) * np.eye(normal.shape[1])
    weights = weighted @ np.linalg.solve(normal + ridge, wanted)
    misfit = np.abs(basis.swapaxes(1, 2) @ weights - wanted).max(axis=(1, 2))
    amplification = np.abs(weights).sum(axis=1).max(axis=1)
    return weights, (misfit < MAX_MISFIT) & (amplification < MAX_AMPLIFICATION)
