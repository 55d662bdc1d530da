"""Damped Gauss-Newton steps, and the rule by which the damping follows the cost.

A step d solves (H + mu S) d = -g, with g the gradient of the cost and H its Gauss-Newton or Fisher
matrix. S is the identity (Levenberg 1944), or the diagonal of H, which makes the step independent
of the units of the parameters (Marquardt 1963). The damping mu rises until a step lowers the cost,
and falls after it.

References:
    Levenberg, Quart Appl Math 2:164-168 (1944), doi:10.1090/qam/10666.
    Marquardt, J SIAM 11:431-441 (1963), doi:10.1137/0111030.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass
class Damping:
    """The damping mu, how it changes, and the damped step.

    Args:
        value: mu.
        decrease: factor on mu after an accepted step, below 1.
        increase: factor on mu after a refused step, above 1.
        max_trials: steps tried before the search ends.
        least: mu falls no lower.
        floor: share of the largest diagonal entry of H that is added to its diagonal besides mu.
    """

    value: float
    decrease: float
    increase: float
    max_trials: int
    least: float = 0.0
    floor: float = 0.0

    def step(self, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
        """Marquardt's step: the solution [parameter] of (H + mu diag H) d = -g.

        Args:
            gradient: g [parameter].
            hessian: H [parameter, parameter], positive semidefinite; a parameter with a zero on
                its diagonal does not move.
        """
        scale = np.diag(hessian)
        damped = hessian + np.diag(self.value * scale + self.floor * scale.max())
        free, step = scale > 0, np.zeros(len(gradient))
        step[free] = -np.linalg.solve(damped[np.ix_(free, free)], gradient[free])
        return step

    def first_lower[Point](
        self, cost: float, trial: Callable[[], tuple[Point, float]]
    ) -> tuple[Point, float] | None:
        """The first trial that lowers the cost, or None; every refused one raises the damping.

        A trial is the point after a step with the present damping, and its cost; infinite or NaN
        where it has none.
        """
        for _ in range(self.max_trials):
            point, new = trial()
            if new < cost:
                return point, new
            self.value *= self.increase
        return None

    def lower(self) -> None:
        """Lower the damping after an accepted step."""
        self.value = max(self.decrease * self.value, self.least)


class CostFunction[Point](Protocol):
    """A cost of points, and how it changes with the parameters of a step."""

    def cost(self, point: Point) -> float:
        """The cost; infinite where a point is not allowed."""

    def quadratic(self, point: Point) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [parameter] and Gauss-Newton matrix [parameter, parameter]."""

    def moved(self, point: Point, step: np.ndarray) -> Point:
        """The point after a step [parameter], which may be shortened."""


def minimise[Point](
    function: CostFunction[Point],
    start: Point,
    damping: Damping,
    max_steps: int,
    tolerance: tuple[float, float],
) -> tuple[Point, int]:
    """Minimise a cost by damped Gauss-Newton steps.

    Args:
        function: the cost.
        start: where the search begins.
        damping: changed in place.
        max_steps: iterations at most.
        tolerance: relative and absolute; the search ends when a step lowers the cost by less.

    Returns:
        The last point, and the number of iterations. The search ends too where no damped step
        lowers the cost.
    """
    point, cost, n_steps = start, function.cost(start), 0
    for n_steps in range(1, max_steps + 1):  # noqa: B007  (returned)
        gradient, hessian = function.quadratic(point)

        def trial() -> tuple[Point, float]:
            new = function.moved(point, damping.step(gradient, hessian))  # noqa: B023
            return new, function.cost(new)

        if (found := damping.first_lower(cost, trial)) is None:
            break
        damping.lower()
        gained, (point, cost) = cost - found[1], found
        if gained < tolerance[0] * cost + tolerance[1]:
            break
    return point, n_steps
