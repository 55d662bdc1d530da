"""Stiffness matrices of linear elements."""

from itertools import combinations

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput


def stiffness(points: np.ndarray, cells: np.ndarray, conductivity: np.ndarray) -> sp.csr_array:
    """Assemble the matrix of `int_Omega (G grad u) . grad v dx` for P1 u, v and DG0 tensor G.

    Gradients of hat functions are constant in a cell, so an entry is V (G grad_a) . grad_b. Only
    the six edges of each cell are computed, because rows sum to zero. DOLFINx takes three times as
    long for the same matrix, because it builds topology and dof maps; a contract test compares the
    two.

    Args:
        points: [node, 3] mm; every node belongs to a cell.
        cells: [cell, 4] tetrahedra, any orientation.
        conductivity: [cell, 3, 3] mS/mm, symmetric positive definite.

    Returns:
        [node, node] mS (kOhm^-1), symmetric, rows sum to zero, in the numbering of `points`.

    Raises:
        BadInput: a wrong shape, a NaN, an unused node, a flat cell, or a tensor that is not
            symmetric positive definite.
    """
    points, cells = _checked_mesh(points, cells)
    conductivity = _checked_tensor(conductivity, len(cells))
    normals, determinant = _opposite_faces(points, cells)
    # grad_a = n_a / det and V = |det| / 6, so the factors of an entry are V / det^2
    flux = normals @ (conductivity / (6 * np.abs(determinant))[:, None, None])
    rows, columns, entries = [], [], []
    for a, b in combinations(range(4), 2):
        rows.append(np.minimum(cells[:, a], cells[:, b]))
        columns.append(np.maximum(cells[:, a], cells[:, b]))
        entries.append(np.einsum("ci,ci->c", flux[:, a], normals[:, b]))
    shape = (len(points), len(points))
    index = (np.concatenate(rows), np.concatenate(columns))
    upper = sp.coo_array((np.concatenate(entries), index), shape=shape).tocsr()
    edges = sp.csr_array(upper + upper.T)
    return sp.csr_array(edges - sp.diags_array(edges.sum(axis=1)))


def _opposite_faces(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the area vectors of the faces opposite to each vertex [cell, 4, 3], and 6 V [cell]."""
    first, second, third = (points[cells[:, k]] - points[cells[:, 0]] for k in (1, 2, 3))
    normals = np.empty((len(cells), 4, 3))
    normals[:, 1] = np.cross(second, third)
    normals[:, 2] = np.cross(third, first)
    normals[:, 3] = np.cross(first, second)
    normals[:, 0] = -normals[:, 1:].sum(axis=1)
    determinant = np.einsum("ci,ci->c", first, normals[:, 1])
    if np.any(determinant == 0.0):
        raise BadInput(f"cells: {int((determinant == 0).sum())} tetrahedra have no volume")
    return normals, determinant


def _checked_mesh(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = check.finite("points", check.shape("points", points, (None, 3)))
    cells = check.shape("cells", cells, (None, 4))
    if len(cells) == 0 or cells.min() < 0 or cells.max() >= len(points):
        raise BadInput(f"cells: empty, or a node id outside 0 to {len(points) - 1}")
    used = np.zeros(len(points), dtype=bool)
    used[cells] = True
    if not used.all():
        raise BadInput(
            f"points: {int((~used).sum())} nodes belong to no cell; drop them (are these the "
            "points of the whole mesh with the cells of the heart?)"
        )
    return points.astype(np.float64), cells.astype(np.int32)


def _checked_tensor(conductivity: np.ndarray, n_cells: int) -> np.ndarray:
    tensor = np.asarray(
        check.shape("conductivity", check.finite("conductivity", conductivity), (n_cells, 3, 3)),
        dtype=np.float64,
    )
    scale = np.abs(tensor).max()
    if np.abs(tensor - tensor.transpose(0, 2, 1)).max() > 1e-10 * scale:
        raise BadInput("conductivity: a tensor is not symmetric; was it rotated on one side only?")
    smallest = np.linalg.eigvalsh(tensor)[:, 0]
    if smallest.min() <= 0:
        raise BadInput(f"conductivity: {int((smallest <= 0).sum())} tensors are not positive")
    return tensor
