"""Laplace problems with prescribed values on node sets."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import BadInput
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver

DirichletSets = Sequence[tuple[np.ndarray, float | np.ndarray]]
"""Node ids, and the value on them (one number, or one per node)."""


def solve_laplace(
    points: np.ndarray,
    cells: np.ndarray,
    problems: Sequence[DirichletSets],
    conductivity: np.ndarray | None = None,
) -> np.ndarray:
    """Solve -div(G grad u) = 0, u given on node sets and no flux elsewhere: [problem, node].

    Problems that prescribe the same nodes (with any values) share one factorisation.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4].
        problems: for each problem, pairs of node ids and values.
        conductivity: [cell, 3, 3] mS/mm; None stands for the identity.

    Raises:
        BadInput: the mesh is bad; prescribed nodes are missing, unknown, or contradict each other.
        NotConverged: a connected part of the mesh has no prescribed node.
    """
    if conductivity is None:
        conductivity = np.broadcast_to(np.eye(3), (len(cells), 3, 3))
    prescribed = [_merge_sets(sets, len(points)) for sets in problems]
    matrix = stiffness(points, cells, conductivity)
    solutions = np.empty((len(problems), len(points)))
    groups: dict[bytes, list[int]] = {}
    for index, (nodes, _) in enumerate(prescribed):
        groups.setdefault(nodes.tobytes(), []).append(index)
    for group in groups.values():
        nodes = prescribed[group[0]][0]
        values = np.stack([prescribed[index][1] for index in group], axis=1)
        solutions[group] = _solve_group(matrix, nodes, values).T
    return solutions


def _solve_group(matrix: sp.csr_array, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Eliminate the prescribed nodes. values [fixed node, k] -> [node, k]."""
    solution = np.zeros((matrix.shape[0], values.shape[1]))
    solution[nodes] = values
    free = np.setdiff1d(np.arange(matrix.shape[0]), nodes)
    if free.size:
        rows = matrix[free]
        solver = make_solver("auto", rows[:, free], values.shape[1])
        solution[free] = solver.solve(-(rows[:, nodes] @ values)).x
    return solution


def _merge_sets(sets: DirichletSets, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted unique prescribed nodes and their values."""
    pairs = [(np.asarray(ids, dtype=np.int64).ravel(), value) for ids, value in sets]
    empty = [str(k) for k, (ids, _) in enumerate(pairs) if ids.size == 0]
    if not pairs or empty:
        raise BadInput(f"dirichlet: set {', '.join(empty) or '-'} is empty; is the surface tagged?")
    nodes = np.concatenate([ids for ids, _ in pairs])
    values = np.concatenate([np.broadcast_to(value, ids.shape) for ids, value in pairs])
    if nodes.min() < 0 or nodes.max() >= n_nodes:
        raise BadInput(f"dirichlet: node ids must lie in 0 to {n_nodes - 1}")
    if not np.isfinite(values).all():
        raise BadInput("dirichlet: a prescribed value is NaN or infinite")
    unique, first, group = np.unique(nodes, return_index=True, return_inverse=True)
    clash = values != values[first][group]
    if clash.any():
        raise BadInput(
            f"dirichlet: {len(np.unique(nodes[clash]))} nodes get two values, e.g. node "
            f"{nodes[clash][0]}; remove the nodes of a shared annulus from one of the sets"
        )
    return unique, values[first].astype(np.float64)
