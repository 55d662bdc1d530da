"""Differential operators on triangle meshes: P1 elements and mean differences."""

import numpy as np
import scipy.sparse as sp

from einthoven.base.geometry.simplex import triangle_area_vectors, unique_sides


def cotangent_stiffness(points: np.ndarray, faces: np.ndarray) -> sp.csr_array:
    """P1 stiffness matrix K with u' K u = int |grad u|^2 over the surface: [vertex, vertex], 1."""
    n = len(points)
    rows, columns, values = [], [], []
    for k in range(3):
        apex, a, b = faces[:, k], faces[:, (k + 1) % 3], faces[:, (k + 2) % 3]
        to_a, to_b = points[a] - points[apex], points[b] - points[apex]
        area = np.linalg.norm(np.cross(to_a, to_b), axis=1)
        half_cot = 0.5 * np.einsum("ij,ij->i", to_a, to_b) / area
        rows += [a, b, a, b]
        columns += [b, a, a, b]
        values += [-half_cot, -half_cot, half_cot, half_cot]
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.coo_array(entries, shape=(n, n)).tocsr()


def surface_gradient(points: np.ndarray, faces: np.ndarray) -> sp.csr_array:
    """Gradients of P1 functions on the faces: [3 face, vertex], 1/mm.

    Row 3 f + k is component k on face f; with areas a, G' diag(a) G is the stiffness matrix.
    """
    normals = 2 * triangle_area_vectors(points, faces)
    square = np.einsum("ij,ij->i", normals, normals)[:, None]
    rows, columns, values = [], [], []
    for k in range(3):
        opposite = points[faces[:, (k + 2) % 3]] - points[faces[:, (k + 1) % 3]]
        rows.append(np.arange(3 * len(faces)))
        columns.append(np.repeat(faces[:, k], 3))
        values.append((np.cross(normals, opposite) / square).ravel())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.coo_array(entries, shape=(3 * len(faces), len(points))).tocsr()


def lumped_areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Integrals of the P1 hat functions over a surface: [vertex] mm^2."""
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    return np.bincount(faces.ravel(), np.repeat(area / 3, 3), minlength=len(points))


def cotangent_laplacian(points: np.ndarray, faces: np.ndarray) -> sp.csr_array:
    """Laplace-Beltrami operator -M^-1 K, M lumped: [vertex, vertex], 1/mm^2."""
    inverse = sp.diags_array(1.0 / lumped_areas(points, faces))
    return sp.csr_array(-(inverse @ cotangent_stiffness(points, faces)))


def neighbour_laplacian(points: np.ndarray, faces: np.ndarray) -> sp.csr_array:
    """Mean difference to the neighbours at equal distance, eq. (15) of Zhu 2025 with its square.

    L u_i = 4 / (r_i n_i) sum over neighbours j of (u_j - u_i) / d_ij, where r_i is the mean of the
    distances d_ij. It is exact for the square grid of eq. (12), where all d are equal. Eq. (14) has
    4 / r_i instead of 4 / r_i^2, which inserting (13) gives, and which is (15).

    Returns:
        [vertex, vertex], 1/mm^2; rows sum to zero.

    References:
        Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1.
    """
    edges, _ = unique_sides(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2))
    i, j = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
    distance = np.linalg.norm(points[i] - points[j], axis=1)
    total = np.bincount(i, distance, minlength=len(points))  # r_i n_i
    shape = (len(points), len(points))
    weights = sp.csr_array((4.0 / (total[i] * distance), (i, j)), shape=shape)
    return sp.csr_array(weights - sp.diags_array(np.asarray(weights.sum(axis=1)).ravel()))
