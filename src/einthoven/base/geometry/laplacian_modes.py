"""Eigenfunctions of the Laplace-Beltrami operator: the smoothest functions on a surface."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from einthoven.base.geometry.surface_operators import cotangent_stiffness, lumped_areas

DENSE_SHARE = 0.3
"""Above this share of all modes the dense solver is faster."""


class LaplacianModes(NamedTuple):
    """Solutions of K f = eigenvalue M f with f' M f = 1, M lumped; the first is constant."""

    functions: np.ndarray
    """[vertex, mode] 1/mm."""
    eigenvalues: np.ndarray
    """[mode] 1/mm^2, ascending from 0."""


def laplacian_modes(points: np.ndarray, faces: np.ndarray, n_modes: int) -> LaplacianModes:
    """The `n_modes` smoothest modes, or all if the surface has fewer vertices."""
    stiffness = cotangent_stiffness(points, faces)
    areas = lumped_areas(points, faces)
    n, k = len(points), min(n_modes, len(points))
    if k > DENSE_SHARE * n:
        root = np.sqrt(areas)
        values, vectors = eigh(
            stiffness.toarray() / np.outer(root, root), subset_by_index=(0, k - 1)
        )
        vectors = vectors / root[:, None]
    else:
        # the shift is below zero, where K + |shift| M is definite
        shift = -1.0 / areas.sum()
        start = np.ones(n)  # ARPACK's default start is random
        mass = sp.diags_array(areas, format="csc")
        values, vectors = eigsh(stiffness.tocsc(), k, mass, sigma=shift, v0=start)
        order = np.argsort(values)
        values, vectors = values[order], vectors[:, order]
    return LaplacianModes(vectors, np.maximum(values, 0.0))
