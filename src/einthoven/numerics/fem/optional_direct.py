"""Direct solvers of optional extras.

MKL Pardiso through pypardiso is the fastest on x86-64; CHOLMOD comes through scikit-sparse.
"""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import BadInput
from einthoven.numerics.fem.solvers import Columns, Solver, dense, not_factorised

SYMMETRIC_POSITIVE_DEFINITE = 2

SETTINGS = {1: 1, 2: 2}
"""iparm: use the values set here, and METIS ordering. MKL's defaults make solves three times as
slow, because of iterative refinement that the residuals do not need."""


class Pardiso(Solver):
    """L L^T factorisation by MKL, computed once, on MKL_NUM_THREADS or OMP_NUM_THREADS threads."""

    def _prepare(self) -> None:
        try:
            from pypardiso import PyPardisoSolver
            from pypardiso.pardiso_wrapper import PyPardisoError
        except ImportError as error:  # also raised where MKL itself is missing
            raise BadInput(
                f"solver pardiso: {error}; pip install pypardiso (x86-64 only), or take solver auto"
            ) from error
        self._upper = sp.triu(self._pinned(), format="csr")
        self._pardiso = PyPardisoSolver(mtype=SYMMETRIC_POSITIVE_DEFINITE)
        for index, value in SETTINGS.items():
            self._pardiso.set_iparm(index, value)
        try:
            self._pardiso.factorize(self._upper)
        except PyPardisoError as error:
            raise not_factorised("Pardiso", error) from error

    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        return self._pardiso.solve(self._upper, dense(rhs, shared))

    def __del__(self):
        if hasattr(self, "_pardiso"):  # MKL's memory is not released by Python
            self._pardiso.free_memory(everything=True)


class Cholmod(Solver):
    """Supernodal L L^T factorisation, computed once."""

    def _prepare(self) -> None:
        try:
            from sksparse.cholmod import CholmodError, cholesky
        except ImportError as error:
            # two builds of OpenBLAS in one process clash ("undefined symbol"): Debian's CHOLMOD
            # cannot be loaded after the PETSc of the pip wheel
            raise BadInput(
                f"solver cholmod: {error}; apt install libsuitesparse-dev, then pip install "
                "'scikit-sparse<0.5', and use no PETSc solver in the same process; or take auto"
            ) from error
        matrix = sp.csc_matrix(self._pinned())
        try:
            self._factor = cholesky(matrix, mode="supernodal", ordering_method="metis")
        except CholmodError as error:
            raise not_factorised("CHOLMOD", error) from error

    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        return self._factor(dense(rhs, shared))
