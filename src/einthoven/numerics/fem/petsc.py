"""PETSc from whichever package provides it: `from einthoven.numerics.fem.petsc import PETSc`."""

from contextlib import suppress

# The wheel `dolfinx-solver-real` provides PETSc and MPI and must be imported before petsc4py;
# conda's `fenics-dolfinx` has no such module and needs none.
with suppress(ModuleNotFoundError):
    import dolfinx_solver  # noqa: F401

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import extra

with extra("solve", "solving with PETSc"):
    from petsc4py import PETSc

__all__ = ["PETSc", "petsc_matrix"]


def petsc_matrix(matrix: sp.csr_array) -> PETSc.Mat:
    """A sequential AIJ copy of a CSR matrix with sorted indices."""
    indptr, indices = (np.asarray(a, PETSc.IntType) for a in (matrix.indptr, matrix.indices))
    csr = (indptr, indices, matrix.data)
    return PETSc.Mat().createAIJ(matrix.shape, csr=csr, comm=PETSc.COMM_SELF)  # type: ignore[arg-type]
