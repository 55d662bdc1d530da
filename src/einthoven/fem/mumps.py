"""MUMPS through PETSc: the portable direct solver, in every FEniCSx installation."""

import numpy as np
import scipy.sparse as sp

from einthoven.core.errors import NotConverged
from einthoven.fem.petsc import PETSc, petsc_matrix
from einthoven.fem.solvers import Columns, Solver

ORDERING, METIS = 7, 5
"""ICNTL(7): nested dissection has less fill than MUMPS' default on tetrahedra."""

BLOCK, COLUMNS_AT_ONCE = 27, 64
"""ICNTL(27): right-hand sides that one pass over the factor serves."""


class Mumps(Solver):
    """L L^T, made once. Sparse right-hand sides visit only the part of L that they reach."""

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
            raise NotConverged(
                f"MUMPS could not factorise the {matrix.size[0]} x {matrix.size[0]} matrix "
                f"(INFOG(1) = {info}): not positive definite, or out of memory; coarsen the mesh, "
                "add memory, or take solver amg"
            )

    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        if isinstance(rhs, np.ndarray):
            return self._solve_dense(rhs + shared[:, None])
        x = self._empty(rhs.shape)
        transposed = petsc_matrix(sp.csr_array(rhs.T))
        columns = PETSc.Mat().createTranspose(transposed)  # the form that PETSc knows as sparse
        self._factor.matSolve(columns, x)
        solution = np.array(x.getDenseArray(), order="C")
        for matrix in (columns, transposed, x):
            matrix.destroy()
        if shared.any():
            solution += self._solve_shared(shared)
        return solution

    def _solve_shared(self, shared: np.ndarray) -> np.ndarray:
        """A^-1 shared [node, 1], kept for the next block of columns, which often shares it too."""
        if self._last is None or not np.array_equal(self._last[0], shared):
            self._last = shared.copy(), self._solve_dense(shared[:, None])
        return self._last[1]

    def _solve_dense(self, columns: np.ndarray) -> np.ndarray:
        b, x = (self._empty(columns.shape) for _ in range(2))
        b.getDenseArray()[:] = columns
        self._factor.matSolve(b, x)
        solution = np.array(x.getDenseArray(), order="C")
        b.destroy()
        x.destroy()
        return solution

    @staticmethod
    def _empty(shape: tuple[int, int]) -> PETSc.Mat:
        matrix = PETSc.Mat().createDense(shape, comm=PETSc.COMM_SELF)
        matrix.setUp()
        matrix.assemble()
        return matrix
