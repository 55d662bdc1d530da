"""Conjugate gradients with a multigrid V-cycle on a hierarchy built by PETSc's GAMG."""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.seeds import generator
from einthoven.numerics.fem.conjugate_gradients import ConjugateGradients
from einthoven.numerics.fem.petsc import PETSc, petsc_matrix

OPTIONS: dict[str, str | float] = {
    "pc_type": "gamg",
    "pc_gamg_threshold": 0.02,
    "pc_gamg_aggressive_coarsening": 1,
    "mg_levels_ksp_type": "richardson",
    "mg_levels_pc_type": "jacobi",
}
"""Smoothed aggregation; PETSc's smoothers are the cheapest ones, because they are not used."""

SMOOTHED_BAND = 0.1
"""Chebyshev smoothing damps eigenvalues above this share of the largest one."""


class Multigrid:
    """M ~ A^-1 for blocks of columns: V(1, 1) with Chebyshev-Jacobi smoothing of degree 2.

    Matrices are scaled to a unit diagonal, which makes Jacobi's method Richardson's. They are kept
    in float32: a preconditioner need not be exact, and its cost is memory traffic.

    Args:
        matrix: [node, node] symmetric positive (semi)definite.
        singular: whether the constants are its null vectors.
    """

    def __init__(self, matrix: sp.csr_array, singular: bool):
        matrices, interpolations = _hierarchy(matrix, singular)
        roots = [np.sqrt(level.diagonal()) for level in matrices]
        self.root = roots[0].astype(np.float32)[:, None]
        self._levels = [_Level(level, root) for level, root in zip(matrices[:-1], roots)]
        self._up = [
            _float32(sp.diags_array(fine) @ p @ sp.diags_array(1 / coarse))
            for fine, p, coarse in zip(roots, interpolations, roots[1:])
        ]
        self._down = [sp.csr_array(p.T) for p in self._up]
        scaled = matrices[-1].toarray() / np.outer(roots[-1], roots[-1])
        self._coarsest = np.linalg.pinv(scaled, rtol=1e-8, hermitian=True).astype(np.float32)

    def cycle(self, r: np.ndarray) -> np.ndarray:
        """M r: [node, k] float32."""
        return self._cycle(0, r.astype(np.float32) / self.root) / self.root

    def _cycle(self, depth: int, b: np.ndarray) -> np.ndarray:
        if depth == len(self._levels):
            return self._coarsest @ b
        level = self._levels[depth]
        x = level.smoothed(b)
        coarse = self._cycle(depth + 1, self._down[depth] @ (b - level.matrix @ x))
        x += self._up[depth] @ coarse
        return x + level.smoothed(b - level.matrix @ x)


class _Level:
    """A matrix with unit diagonal and its smoother x = a b - c A b, started from zero."""

    def __init__(self, matrix: sp.csr_array, root: np.ndarray):
        inverse = sp.diags_array(1 / root)
        self.matrix = _float32(inverse @ matrix @ inverse)
        high = 1.05 * _largest_eigenvalue(self.matrix)
        low = SMOOTHED_BAND * high
        # 1 - t (a - c t) is the Chebyshev polynomial of degree 2 of [low, high], one at t = 0
        middle, half = (high + low) / 2, (high - low) / 2
        scale = 2 * middle**2 / half**2 - 1
        self._a = np.float32(4 * middle / half**2 / scale)
        self._c = np.float32(2 / half**2 / scale)

    def smoothed(self, b: np.ndarray) -> np.ndarray:
        return self._a * b - self._c * (self.matrix @ b)


def _hierarchy(
    matrix: sp.csr_array, singular: bool
) -> tuple[list[sp.csr_array], list[sp.csr_array]]:
    """Matrices from fine to coarse, and the interpolations between them."""
    operator = petsc_matrix(matrix)
    operator.setOption(PETSc.Mat.Option.SPD, not singular)  # type: ignore[arg-type]
    operator.setOption(PETSc.Mat.Option.SYMMETRIC, True)  # type: ignore[arg-type]
    constants = PETSc.NullSpace().create(constant=True, comm=PETSc.COMM_SELF)
    operator.setNearNullSpace(constants)
    if singular:
        operator.setNullSpace(constants)
    prefix = "einthoven_"
    options = PETSc.Options(prefix)
    for key, value in OPTIONS.items():
        options.setValue(key, value)
    pc = PETSc.PC().create(PETSc.COMM_SELF)
    pc.setOptionsPrefix(prefix)
    pc.setOperators(operator)
    pc.setFromOptions()
    pc.setUp()
    finest = pc.getMGLevels() - 1
    matrices = [_scipy(pc.getMGSmoother(k).getOperators()[0]) for k in range(finest, -1, -1)]
    interpolations = [_scipy(pc.getMGInterpolation(k)) for k in range(finest, 0, -1)]
    pc.destroy()
    operator.destroy()
    return matrices, interpolations


def _scipy(matrix: PETSc.Mat) -> sp.csr_array:
    indptr, indices, data = matrix.getValuesCSR()
    return sp.csr_array((data, indices, indptr), shape=matrix.getSize())


def _float32(matrix: sp.csr_array) -> sp.csr_array:
    return sp.csr_array(matrix, dtype=np.float32)


def _largest_eigenvalue(matrix: sp.csr_array, n_steps: int = 20) -> float:
    """Largest eigenvalue by power iteration, a few per cent low; [1, 4] for unit diagonals."""
    v = generator(0, "multigrid").normal(size=(matrix.shape[0], 1)).astype(np.float32)
    norm = 1.0
    for _ in range(n_steps):
        v = matrix @ (v / norm)
        norm = float(np.linalg.norm(v))
    return norm


class Amg(ConjugateGradients):
    """CG in float64, preconditioned by one V-cycle in float32; memory is linear in mesh size."""

    max_iterations = 300
    preconditioner = "multigrid"

    def _prepare(self) -> None:
        self._multigrid = Multigrid(self.matrix, self.singular)

    def _precondition(self, r: np.ndarray) -> np.ndarray:
        return self._project(self._multigrid.cycle(r).astype(np.float64))
