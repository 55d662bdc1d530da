"""Shortening of a descent step until it lowers the cost enough.

References:
    Armijo, Pac J Math 16:1-3 (1966), doi:10.2140/pjm.1966.16.1.
"""

from collections.abc import Callable

SUFFICIENT = 1e-4
"""Share of the predicted decrease that a step must bring."""


def backtrack[Point](
    cost: float,
    trial: Callable[[float], tuple[Point, float]],
    max_trials: int,
    longest: float = 1.0,
    slope: float = 0.0,
) -> tuple[Point, float] | None:
    """The first of the lengths L, L/2, L/4 ... of a step that lowers the cost enough, or None.

    Args:
        cost: before the step.
        trial: length -> the point after the step and its cost.
        max_trials: number of lengths that are tried.
        longest: L.
        slope: decrease of the cost per length at length 0; 0: not raising the cost is enough.
    """
    for k in range(max_trials):
        length = longest * 0.5**k
        point, new = trial(length)
        if new <= cost - SUFFICIENT * length * slope:
            return point, new
    return None
