"""MUMPS through PETSc: the portable direct solver, part of every FEniCSx installation."""

import numpy as np
import scipy.sparse as sp

from einthoven.numerics.fem.petsc import PETSc, petsc_matrix
from einthoven.numerics.fem.solvers import Columns, Solver, not_factorised

ORDERING, METIS = 7, 5
"""ICNTL(7): nested dissection has less fill than MUMPS' default on tetrahedra."""

BLOCK, COLUMNS_AT_ONCE = 27, 64
"""ICNTL(27): number of right-hand sides that one pass over the factor serves."""


class Mumps(Solver):
    """L L^T, computed once. Sparse right-hand sides visit only the part of L they reach."""

    def _prepare(self) -> None:
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        matrix = petsc_matrix(self._pinned())
        matrix.setOption(PETSc.Mat.Option.SPD, True)  # type: ignore[arg-type]
        self._pc = PETSc.PC().create(PETSc.COMM_SELF)  # owns the factor: keep it alive
        self._pc.setOperators(matrix)
        self._pc.setType(PETSc.PC.Type.CHOLESKY)
        self._pc.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        self._pc.setFactorSetUpSolverType()
        self._factor = self._pc.getFactorMatrix()
        self._factor.setMumpsIcntl(ORDERING, METIS)
        self._factor.setMumpsIcntl(BLOCK, COLUMNS_AT_ONCE)
        self._pc.setUp()
        info = self._factor.getMumpsInfog(1)
        if info < 0:
            raise not_factorised("MUMPS", f"{matrix.size[0]} nodes, INFOG(1) = {info}")

    @property
    def n_factor_entries(self) -> int:
        """Number of entries of L, each of which a solve reads twice."""
        entries = self._factor.getMumpsInfog(29)
        return entries if entries >= 0 else -1_000_000 * entries  # negative means millions

    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        if isinstance(rhs, np.ndarray):
            return self._with_factor(_wrapped(np.asfortranarray(rhs + shared[:, None])))
        rows = petsc_matrix(sp.csr_array(rhs.T))
        solution = self._with_factor(PETSc.Mat().createTranspose(rows))  # PETSc's sparse columns
        rows.destroy()
        if shared.any():
            solution += self._solve_shared(shared)
        return solution

    def _solve_shared(self, shared: np.ndarray) -> np.ndarray:
        """A^-1 shared [node, 1], cached because the next block of columns often shares it."""
        if self._last is None or not np.array_equal(self._last[0], shared):
            columns = np.asfortranarray(shared[:, None])
            self._last = shared.copy(), self._with_factor(_wrapped(columns))
        return self._last[1]

    def _with_factor(self, columns: PETSc.Mat) -> np.ndarray:
        solution = np.empty(columns.size, order="F")
        x = _wrapped(solution)
        self._factor.matSolve(columns, x)
        x.destroy()
        columns.destroy()
        return solution


def _wrapped(columns: np.ndarray) -> PETSc.Mat:
    """A PETSc matrix that shares the memory of a Fortran-ordered array."""
    matrix = PETSc.Mat().createDense(columns.shape, array=columns, comm=PETSc.COMM_SELF)  # type: ignore[arg-type]
    matrix.assemble()
    return matrix
