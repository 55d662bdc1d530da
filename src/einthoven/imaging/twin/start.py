"""Where a digital twin starts: a map at recording points, spread over the heart."""

import numpy as np
from scipy.interpolate import RBFInterpolator

from einthoven.base.core import check

SMOOTHING = 1.0
"""Of the interpolation; medians of a posterior are not exact, so neither need it be."""


def over_heart(points: np.ndarray, times: np.ndarray, heart_points: np.ndarray) -> np.ndarray:
    """Activation times at all heart nodes by radial basis functions, linear in the distance.

    Args:
        points: [point, 3] mm, the recording points.
        times: [point] ms.
        heart_points: [node, 3] mm, in the same frame.

    Returns:
        [node] ms.

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    points = check.finite("points", check.shape("points", points, (None, 3)))
    times = check.finite("times", check.shape("times", times, (len(points),)))
    spread = RBFInterpolator(points, times, kernel="linear", smoothing=SMOOTHING)
    found: np.ndarray = spread(check.shape("heart_points", heart_points, (None, 3)))
    return found
