"""Sparse solvers behind one interface, and the choice between them."""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, MissingExtra, NotConverged
from einthoven.base.core.log import logger

type Columns = np.ndarray | sp.csc_array
"""Right-hand sides [node, k], dense or sparse."""

BACKENDS = {
    "mumps": ("einthoven.numerics.fem.mumps", "Mumps"),
    "pardiso": ("einthoven.numerics.fem.optional_direct", "Pardiso"),
    "cholmod": ("einthoven.numerics.fem.optional_direct", "Cholmod"),
    "amg": ("einthoven.numerics.fem.multigrid", "Amg"),
    "cg": ("einthoven.numerics.fem.conjugate_gradients", "ConjugateGradients"),
}
"""Module and class, imported on demand: each but the last needs an extra package."""

TOLERANCE = 1e-10

NODES_PER_RHS = 2000
"""A factorisation pays from one right-hand side per this many nodes: it costs N^1.9, and CG with
multigrid costs N per right-hand side (docs/explanation/lead-field-solvers.md)."""

MIN_NODES_AMG, MAX_NODES_DIRECT = 50_000, 700_000
"""Below the first, a factorisation takes about a second; above the second, it needs more than 7 GB.
"""


class Solution(NamedTuple):
    """x [node, k], and |A x - b| / |b| of each column [k] (2-norms)."""

    x: np.ndarray
    residual: np.ndarray


class Solver(ABC):
    """Solver of A x = b for many b, with A prepared once.

    Args:
        matrix: [node, node] sparse, symmetric, positive definite; or, with `singular`, positive
            semidefinite with the constants as its only null vectors.
        tolerance: largest |A x - b| / |b| of any column, 2-norm.
        singular: a pure Neumann problem: every column must sum to zero, and x is one of the
            solutions, which differ by a constant.

    Raises:
        BadInput: the matrix is not square or not finite, or the backend is not installed.
        NotConverged: the matrix cannot be factorised.
    """

    def __init__(self, matrix: sp.csr_array, tolerance: float = TOLERANCE, singular: bool = False):
        if matrix.shape[0] != matrix.shape[1]:
            raise BadInput(f"matrix: shape {matrix.shape} is not square")
        check.finite("matrix", matrix.data)
        matrix = sp.csr_array(matrix, dtype=np.float64)
        # nodes that are neighbours in the mesh become neighbours in memory: products with blocks of
        # columns take a third of the time; the renumbering takes a tenth of a second
        self._order = reverse_cuthill_mckee(sp.csr_matrix(matrix), symmetric_mode=True)
        self._place = np.argsort(self._order)
        self.matrix = matrix[self._order][:, self._order]
        self.matrix.sort_indices()
        self.tolerance = tolerance
        self.singular = singular
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Do once what all right-hand sides share."""

    @abstractmethod
    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        """A x = rhs + shared[:, None] for the renumbered A, unchecked: [node, k]."""

    def solve(self, rhs: Columns, shared: np.ndarray | None = None) -> Solution:
        """Solve for all columns at once, and check each residual.

        Args:
            rhs: [node, k]; sparse columns may be solved faster than dense ones.
            shared: [node], added to every column; None for zero.

        Raises:
            BadInput: wrong length, or NaN.
            NotConverged: a column's relative residual is above the tolerance.
        """
        n = self.matrix.shape[0]
        shared = np.zeros(n) if shared is None else check.shape("shared", shared, (n,))
        if rhs.ndim != 2 or rhs.shape[0] != n:
            raise BadInput(f"rhs: shape {rhs.shape}, expected ({n}, any)")
        check.finite("rhs", rhs if isinstance(rhs, np.ndarray) else np.asarray(rhs.data))
        if rhs.shape[1] == 0:
            return Solution(np.zeros(rhs.shape), np.zeros(0))
        rhs, shared = self._renumbered(rhs), shared[self._order]
        x = np.ascontiguousarray(self._solve(rhs, shared))
        residual = relative_residual(self.matrix, x, rhs, shared)
        worst = residual.max()
        if not worst <= self.tolerance:  # a NaN must fail too
            raise NotConverged(
                f"linear solve ({type(self).__name__.lower()}): relative residual {worst:.1e} "
                f"above {self.tolerance:.1e}; is the matrix singular (a part of the mesh that "
                "touches no fixed node), a cell flat, or the tolerance below round-off?"
            )
        return Solution(x[self._place], residual)

    def _renumbered(self, rhs: Columns) -> Columns:
        if isinstance(rhs, np.ndarray):
            return rhs[self._order]
        rows = self._place[rhs.indices]
        columns = sp.csc_array((rhs.data, rows, rhs.indptr), shape=rhs.shape, copy=True)
        columns.sort_indices()
        return columns

    def _pinned(self) -> sp.csr_array:
        """A positive definite matrix with the same solutions, for solvers that factorise.

        It is A + a e e^T at one node p, with a the largest diagonal entry of A. Columns of A sum to
        zero, so the sum of all equations of A x + a x_p e_p = b reads a x_p = sum(b) = 0. This is
        exact, not a penalty.
        """
        if not self.singular:
            return self.matrix
        diagonal = self.matrix.diagonal()
        pin = int(np.argmax(diagonal))
        bump = sp.coo_array(([diagonal[pin]], ([pin], [pin])), shape=self.matrix.shape)
        return sp.csr_array(self.matrix + bump)


def not_factorised(solver: str, why: object) -> NotConverged:
    """Error that a direct solver raises if it cannot factorise."""
    return NotConverged(
        f"{solver} could not factorise the matrix ({why}): not positive definite, or out of "
        "memory; coarsen the mesh, add memory, or take solver amg"
    )


def relative_residual(
    matrix: sp.csr_array, x: np.ndarray, rhs: Columns, shared: np.ndarray
) -> np.ndarray:
    """Relative residual |A x - b| / |b| per column, b = rhs + shared (|A x| where b = 0): [k]."""
    difference = matrix @ x
    difference -= shared[:, None]
    if isinstance(rhs, np.ndarray):
        difference -= rhs
    else:
        column = np.repeat(np.arange(rhs.shape[1]), np.diff(rhs.indptr))
        difference[rhs.indices, column] -= rhs.data
    norm = np.sqrt((rhs * rhs).sum(axis=0) + 2 * (shared @ rhs) + shared @ shared)
    return column_norms(difference) / np.where(norm > 0, norm, 1.0)


def column_norms(columns: np.ndarray) -> np.ndarray:
    """2-norms [k] of the columns of an array [node, k]."""
    return np.sqrt(np.einsum("nk,nk->k", columns, columns))


def dense(rhs: Columns, shared: np.ndarray) -> np.ndarray:
    """The sum rhs + shared[:, None] in a new array in column order."""
    columns = rhs.astype(np.float64) if isinstance(rhs, np.ndarray) else rhs.toarray(order="C")
    columns += shared[:, None]
    return columns


def make_solver(
    name: str,
    matrix: sp.csr_array,
    n_rhs: int,
    tolerance: float = TOLERANCE,
    singular: bool = False,
) -> Solver:
    """The `Solver` that `choose` selects for a name and `n_rhs` expected right-hand sides.

    Without PETSc (extra [solve]), `auto` is conjugate gradients with SciPy: the same solution to
    the tolerance, but not bitwise.

    Raises:
        BadInput: an unknown name, or as `Solver`.
        NotConverged: as `Solver`.
    """
    module, backend = BACKENDS[choose(name, matrix.shape[0], n_rhs)]
    try:
        found = getattr(import_module(module), backend)
    except MissingExtra as error:
        if name != "auto":
            raise
        logger.info("solver auto: conjugate gradients, as %s", error)
        module, backend = BACKENDS["cg"]
        found = getattr(import_module(module), backend)
    return found(matrix, tolerance, singular)


def choose(name: str, n_nodes: int, n_rhs: int) -> str:
    """The backend that `name` stands for; `auto` takes the cheapest of the portable ones.

    Other installed packages and free memory do not matter: wherever PETSc is installed, a problem
    is solved in the same way (docs/explanation/lead-field-solvers.md has the measurements behind
    the choice).

    Raises:
        BadInput: an unknown name.
    """
    if name != "auto":
        if name not in BACKENDS:
            raise BadInput(f"solver: {name!r} is none of auto, {', '.join(BACKENDS)}")
        return name
    few = n_rhs * NODES_PER_RHS < n_nodes
    if n_nodes > MAX_NODES_DIRECT or (few and n_nodes > MIN_NODES_AMG):
        return "amg"
    return "mumps"
