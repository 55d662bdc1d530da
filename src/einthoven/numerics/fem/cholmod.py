"""CHOLMOD through scikit-sparse: a fast direct solver, an optional extra."""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import BadInput
from einthoven.numerics.fem.solvers import Columns, Solver, dense, not_factorised


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
