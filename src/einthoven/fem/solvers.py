"""A sparse Cholesky factorisation that is made once and used for many right-hand sides."""

import numpy as np
import scipy.sparse as sp
from petsc4py import PETSc

from einthoven.core import check
from einthoven.core.errors import BadInput, NotConverged

METIS = 5
"""MUMPS' name (ICNTL 7) for METIS nested dissection: less fill than its default on tetrahedra."""


class Factorisation:
    """L L^T factors of a symmetric positive definite matrix, by MUMPS (through PETSc).

    Args:
        matrix: [node, node] sparse, symmetric positive definite.
        tolerance: largest |A x - b| / |b| of any solve, 2-norm.

    Raises:
        BadInput: the matrix is not square, or not finite.
        NotConverged: MUMPS could not factorise (not positive definite, or out of memory).
    """

    def __init__(self, matrix: sp.csr_array, tolerance: float = 1e-9):
        if matrix.shape[0] != matrix.shape[1]:
            raise BadInput(f"matrix: shape {matrix.shape} is not square")
        check.finite("matrix", matrix.data)
        self.matrix = sp.csr_array(matrix, dtype=np.float64)
        self.matrix.sort_indices()
        self.tolerance = tolerance
        self._factor = self._factorise()

    def _factorise(self) -> PETSc.Mat:
        a = self.matrix
        csr = (a.indptr.astype(PETSc.IntType), a.indices.astype(PETSc.IntType), a.data)
        petsc = PETSc.Mat().createAIJ(a.shape, csr=csr, comm=PETSc.COMM_SELF)
        petsc.setOption(PETSc.Mat.Option.SPD, True)  # type: ignore[arg-type]
        self._pc = PETSc.PC().create(PETSc.COMM_SELF)  # owns the factor: keep it alive
        self._pc.setOperators(petsc)
        self._pc.setType(PETSc.PC.Type.CHOLESKY)
        self._pc.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        self._pc.setFactorSetUpSolverType()
        factor = self._pc.getFactorMatrix()
        factor.setMumpsIcntl(7, METIS)
        self._pc.setUp()
        info = factor.getMumpsInfog(1)
        if info < 0:
            raise NotConverged(
                f"MUMPS could not factorise the {a.shape[0]} x {a.shape[0]} matrix (INFOG(1) = "
                f"{info}): not positive definite, or out of memory; coarsen the mesh or add memory"
            )
        return factor

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """Solve A x = b for all columns at once.

        Args:
            rhs: [node, k] or [node].

        Returns:
            x, of the shape of `rhs`.

        Raises:
            BadInput: wrong length, or NaN.
            NotConverged: a column's relative residual is above the tolerance.
        """
        n = self.matrix.shape[0]
        columns = np.asarray(rhs, dtype=np.float64)
        columns = columns[:, None] if columns.ndim == 1 else columns
        check.finite("rhs", check.shape("rhs", columns, (n, None)))
        if columns.shape[1] == 0:
            return np.zeros(np.shape(rhs))
        b, x = (PETSc.Mat().createDense(columns.shape, comm=PETSc.COMM_SELF) for _ in range(2))
        b.setUp()
        x.setUp()
        b.getDenseArray()[:] = columns
        b.assemble()
        self._factor.matSolve(b, x)
        solution = np.array(x.getDenseArray())
        b.destroy()
        x.destroy()
        worst = float(relative_residual(self.matrix, solution, columns).max())
        if not worst <= self.tolerance:  # a NaN must fail too
            raise NotConverged(
                f"linear solve: relative residual {worst:.1e} above {self.tolerance:.1e}; is the "
                "matrix singular (a part of the mesh that touches no fixed node), or a cell flat?"
            )
        return solution.reshape(np.shape(rhs))


def relative_residual(matrix: sp.csr_array, x: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """|A x - b| / |b| of each column (|A x| where b = 0): [k]."""
    norm = np.linalg.norm(rhs, axis=0)
    return np.linalg.norm(matrix @ x - rhs, axis=0) / np.where(norm > 0, norm, 1.0)
