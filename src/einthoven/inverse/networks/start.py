"""Where a training starts: a regularised solution, and the recovery that follows from it."""

import numpy as np

from einthoven.electrophysiology.aliev_panfilov import AlievPanfilov

SUBSTEPS = 4
"""Of the recovery equation within a step of time."""
HIGHEST = 1.05
"""A regularised solution is clipped to 0 to this before the recovery is computed from it."""


def recovery_of(u: np.ndarray, tau: float, model: AlievPanfilov) -> np.ndarray:
    """V of eq. (2) for a given u, node by node, from v = 0 at the first instant.

    Args:
        u: [node, time], non-negative.
        tau: step of time.
        model: parameters.

    Returns:
        [node, time], by the midpoint rule with u linear within a step.
    """
    v = np.zeros_like(u)
    step = tau / SUBSTEPS
    for k in range(u.shape[1] - 1):
        state, slope = v[:, k], (u[:, k + 1] - u[:, k]) / SUBSTEPS
        for part in range(SUBSTEPS):
            first = u[:, k] + part * slope
            half = state + step / 2 * model.recovery(first, state)
            state = state + step * model.recovery(first + slope / 2, half)
        v[:, k + 1] = state
    return v


def start_of(potentials: np.ndarray, tau: float, model: AlievPanfilov) -> np.ndarray:
    """U and v to which a network is fitted at first: [2, node, time].

    Args:
        potentials: [node, time] of a regularised solution, in units of the model.
        tau: step of time, in units of the model.
        model: parameters.
    """
    u = potentials.clip(0.0, HIGHEST)
    return np.stack([u, recovery_of(u, tau, model)])
