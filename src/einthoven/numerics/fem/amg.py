"""Conjugate gradients with algebraic multigrid, for many right-hand sides at once."""

import numpy as np

from einthoven.numerics.fem.conjugate_gradients import ConjugateGradients
from einthoven.numerics.fem.multigrid import Multigrid


class Amg(ConjugateGradients):
    """CG in float64, preconditioned by one V-cycle in float32; memory is linear in mesh size."""

    max_iterations = 300
    preconditioner = "multigrid"

    def _prepare(self) -> None:
        self._multigrid = Multigrid(self.matrix, self.singular)

    def _precondition(self, r: np.ndarray) -> np.ndarray:
        return self._project(self._multigrid.cycle(r).astype(np.float64))
