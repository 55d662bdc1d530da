"""MKL Pardiso through pypardiso: the fastest direct solver on x86-64, an optional extra."""

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
