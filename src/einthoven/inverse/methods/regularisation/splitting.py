"""ADMM for min 1/2 |y - A u|^2 + lambda sum of |L u| over groups of rows, all instants at once.

References:
    Boyd, Parikh, Chu, Peleato, Eckstein, Found Trends Mach Learn 3:1 (2011),
    doi:10.1561/2200000016, sec. 3.3, 3.4 and 6.4.
"""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import NotConverged
from einthoven.inverse.methods.regularisation.penalties import Penalty
from einthoven.inverse.methods.regularisation.standard_form import StandardForm

OVER_RELAXATION = 1.6
BALANCE_EVERY = 10
"""Iterations between two adjustments of the step to primal and dual residual."""


@dataclass(frozen=True)
class GroupL1:
    """Sum over groups g of sizes[g] |(L u)_g|, with groups of equal length."""

    penalty: Penalty
    """Penalty with L."""
    sizes: np.ndarray
    """[group] weights, positive."""

    def lengths(self, values: np.ndarray) -> np.ndarray:
        """Norms |(L u)_g| of L u [row, time]: [group, time]."""
        grouped = values.reshape(len(self.sizes), -1, values.shape[1])
        return np.sqrt(np.einsum("gct,gct->gt", grouped, grouped))

    def value(self, values: np.ndarray) -> float:
        """Penalty of L u [row, time], summed over all instants."""
        return float((self.sizes @ self.lengths(values)).sum())

    def shrunk(self, values: np.ndarray, step: float) -> np.ndarray:
        """Proximal map: groups shortened by step * sizes, or set to zero: [row, time]."""
        length = self.lengths(values)
        with np.errstate(divide="ignore"):
            factor = np.maximum(0.0, 1.0 - step * self.sizes[:, None] / length)
        grouped = values.reshape(len(self.sizes), -1, values.shape[1])
        return (grouped * factor[:, None]).reshape(values.shape)


@dataclass(frozen=True)
class Splitting:
    """ADMM iteration: u by Tikhonov's formula, z = L u by shrinkage, scaled multiplier w."""

    transfer: np.ndarray
    """[electrode, node]."""
    form: StandardForm
    """Standard form of the transfer and the penalty's L."""
    group_l1: GroupL1
    tolerance: float
    """Relative tolerance of both residuals."""
    max_iterations: int

    def quadratic(self, body: np.ndarray, target: np.ndarray, rho: float) -> np.ndarray:
        """Minimum of |y - A u|^2 + rho |L u - target|^2: [node, time].

        Around the least-squares solution u0 of L u0 = target this is Tikhonov's problem.
        """
        around = self.group_l1.penalty.unwhiten(target)
        s_sq = self.form.singular_values[:, None] ** 2
        return around + self.form.solution(body - self.transfer @ around, s_sq / (s_sq + rho))

    def solve(
        self, body: np.ndarray, start: np.ndarray, weight: float, rho: float
    ) -> tuple[np.ndarray, int]:
        """Potentials [node, time] mV and the number of iterations.

        body [electrode, time] mV; start [node, time] mV, not constant; the weight is lambda. rho,
        that of the first iterations, is adapted to the residuals.

        Raises:
            NotConverged: the residuals stay above the tolerance.
        """
        operator = self.group_l1.penalty.operator
        z = operator @ start
        size, w = np.linalg.norm(z), np.zeros_like(z)
        for iteration in range(1, self.max_iterations + 1):
            u = self.quadratic(body, z - w, rho)
            mapped, before = operator @ u, z
            relaxed = OVER_RELAXATION * mapped + (1 - OVER_RELAXATION) * before
            z = self.group_l1.shrunk(relaxed + w, weight / rho)
            w = w + relaxed - z
            # L u may vanish altogether, so it is measured against that of the start.
            primal = np.linalg.norm(mapped - z) / size
            dual = np.linalg.norm(z - before) / max(np.linalg.norm(w), 1e-300)
            if max(primal, dual) < self.tolerance:
                return u, iteration
            if iteration % BALANCE_EVERY == 0 and not 0.2 < primal / max(dual, 1e-300) < 5:
                factor = 2.0 if primal > dual else 0.5
                rho, w = rho * factor, w / factor
        raise NotConverged(
            f"splitting: after {self.max_iterations} iterations the residuals are {primal:.1e} and "
            f"{dual:.1e}, above {self.tolerance:.0e}; allow more iterations, or a larger weight"
        )
