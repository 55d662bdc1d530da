"""Linear (P1) functions on tetrahedra and triangles, and sparse matrices of few weights per row."""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import BadInput

TET_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
TET_FACES = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))


def unique_sides(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each edge or face once, whatever the order of its nodes, and how often it occurs.

    [side, 2 or 3] nodes -> [unique, 2 or 3], sorted within and between sides; counts [unique]. One
    number per side is sorted instead of rows, forty times faster than `np.unique(axis=0)`.

    Raises:
        BadInput: faces with more than 2 million nodes, which one number cannot encode.
    """
    sides = np.sort(np.asarray(sides, np.int64), axis=1)
    base = int(sides.max(initial=0)) + 1
    if base ** sides.shape[1] > np.iinfo(np.int64).max:
        raise BadInput(f"{base} nodes are too many to encode their faces by one number")
    place = base ** np.arange(sides.shape[1])[::-1]
    numbers, count = np.unique(sides @ place, return_counts=True)
    return numbers[:, None] // place % base, count


def tet_volumes(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Signed volumes of tetrahedra. points [node, 3] mm, cells [cell, 4] -> [cell] mm^3."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    return np.linalg.det(edges) / 6.0


def p1_gradients(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Gradients of the four barycentric coordinates; their sum is zero.

    points [node, 3] mm, cells [cell, 4] -> [cell, 4, 3] 1/mm.

    Raises:
        BadInput: a tetrahedron is flat.
    """
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    det = np.linalg.det(edges)
    if np.any(det == 0.0):
        raise BadInput(f"cells: {int((det == 0).sum())} tetrahedra have no volume")
    last = np.linalg.inv(edges).transpose(0, 2, 1)  # [cell, 3 (vertex 1..3), 3]
    return np.concatenate([-last.sum(axis=1, keepdims=True), last], axis=1)


def cell_gradient(gradients: np.ndarray, cells: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Gradient of P1 functions in each cell: [..., cell, 3] in units of `values` per mm.

    gradients [cell, 4, 3] of `p1_gradients`, cells [cell, 4], values [..., node].
    """
    return np.einsum("...ck,ckd->...cd", values[..., cells], gradients, optimize=True)


def triangle_area_vectors(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normal times area of triangles (right-hand rule): [face, 3] mm^2."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    return 0.5 * np.cross(b - a, c - a)


def vertex_area_vectors(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Vertex normals [vertex, 3] mm^2, not of unit length: sums of triangle area vectors."""
    vectors = np.zeros_like(points)
    np.add.at(vectors, faces, triangle_area_vectors(points, faces)[:, None, :])
    return vectors


def enclosed_volume(points: np.ndarray, faces: np.ndarray) -> float:
    """Volume inside a closed surface with outward faces, mm^3 (divergence theorem)."""
    centred = points - points[faces[0, 0]]
    a, b, c = centred[faces[:, 0]], centred[faces[:, 1]], centred[faces[:, 2]]
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def normal_sd(points: np.ndarray, faces: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """SD [face] mm along the triangle normals n, for positions with covariance C: sqrt(n C n).

    points [vertex, 3] mm, faces [face, 3], covariance [3, 3] mm^2.
    """
    area = triangle_area_vectors(points, faces)
    normal = area / np.linalg.norm(area, axis=1, keepdims=True)
    return np.sqrt(np.einsum("fi,ij,fj->f", normal, covariance, normal))


def sparse_rows(nodes: np.ndarray, weights: np.ndarray, n_nodes: int) -> sp.csr_array:
    """The matrix [place, n_nodes] with `weights` [place, k] of each place at `nodes` [place, k]."""
    starts = np.arange(0, nodes.size + 1, nodes.shape[1])
    columns = nodes.ravel().astype(np.int64)
    return sp.csr_array((weights.ravel(), columns, starts), shape=(len(nodes), n_nodes))
