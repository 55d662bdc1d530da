"""Conjugate gradients for many right-hand sides at once, with SciPy alone."""

import numpy as np

from einthoven.base.core.errors import NotConverged
from einthoven.numerics.fem.solvers import Columns, Solver, column_norms, dense

COLUMNS_AT_ONCE = 16
"""Columns per pass over the matrix; more would fall out of the cache."""


class ConjugateGradients(Solver):
    """CG in float64 with the diagonal as preconditioner (Jacobi): the backend without PETSc.

    A singular matrix is left unchanged, and constants are projected out of right-hand sides and
    corrections, because fixing a node would cost iterations. The number of iterations grows with
    the number of edges across the mesh, so this backend suits hearts rather than whole bodies.
    """

    max_iterations = 3000
    preconditioner = "its diagonal"

    def _prepare(self) -> None:
        diagonal = self.matrix.diagonal()
        if not (diagonal > 0).all():
            raise NotConverged(
                f"CG: the matrix is not positive definite (its diagonal has {diagonal.min():.1e}); "
                "flat cells, or a singular matrix"
            )
        self._inverse = 1.0 / diagonal[:, None]

    def _solve(self, rhs: Columns, shared: np.ndarray) -> np.ndarray:
        starts = range(0, rhs.shape[1], COLUMNS_AT_ONCE)
        parts = [dense(rhs[:, k : k + COLUMNS_AT_ONCE], shared) for k in starts]
        return np.concatenate([self._conjugate_gradients(part) for part in parts], axis=1)

    def _conjugate_gradients(self, r: np.ndarray) -> np.ndarray:
        """Solve with step lengths per column; columns share the passes over the matrix."""
        x = np.zeros_like(r)
        self._project(r)
        goal = 0.9 * self.tolerance * column_norms(r)
        p = z = self._precondition(r)
        rz = _dot(r, z)
        for _ in range(self.max_iterations):
            if (column_norms(r) <= goal).all():
                return x
            q = self.matrix @ p
            step = _ratio(rz, _dot(p, q))
            x += step * p
            r -= step * q
            z = self._precondition(r)
            rz, before = _dot(r, z), rz
            p = z + _ratio(rz, before) * p
        worst = float((column_norms(r) / goal).max())
        raise NotConverged(
            f"CG with {self.preconditioner}: {self.max_iterations} iterations leave {worst:.1e} "
            "times the residual allowed; flat cells or a singular matrix? Take solver mumps, or "
            "improve the mesh"
        )

    def _precondition(self, r: np.ndarray) -> np.ndarray:
        return self._project(self._inverse * r)

    def _project(self, columns: np.ndarray) -> np.ndarray:
        if self.singular:
            columns -= columns.mean(axis=0)
        return columns


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nk,nk->k", a, b)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The quotient a / b, zero where a column is solved exactly."""
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)
