"""Sparse matrices with a few weights per row: interpolation, averages, gradients."""

import numpy as np
import scipy.sparse as sp


def sparse_rows(nodes: np.ndarray, weights: np.ndarray, n_nodes: int) -> sp.csr_array:
    """The matrix [place, n_nodes] with `weights` [place, k] of each place at `nodes` [place, k]."""
    starts = np.arange(0, nodes.size + 1, nodes.shape[1])
    columns = nodes.ravel().astype(np.int64)
    return sp.csr_array((weights.ravel(), columns, starts), shape=(len(nodes), n_nodes))
