"""Numerical differentiation in time, eqs. (17) and (18) of Zhu 2025.

The Laplacian of eq. (15) is `SourceSurface.neighbour_laplacian`.

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1.
"""

import numpy as np
import scipy.sparse as sp

from einthoven.base.core.errors import BadInput

WINDOW = 5
"""Number of points of every formula."""
TWELVE_TAU = np.array(
    [
        [-25, 48, -36, 16, -3],
        [-3, -10, 18, -6, 1],
        [1, -8, 0, 8, -1],
        [-1, 6, -18, 10, 3],
        [3, -16, 36, -48, 25],
    ]
)
"""12 tau d/dt at each of five equidistant points: eq. (18), (18), (17), (18), (18)."""


def windows(n_times: int) -> tuple[np.ndarray, np.ndarray]:
    """Five instants of each instant's formula, and its place among them.

    Returns:
        First instant of the window, and place 0 to 4 within it: [time], [time]; the place is 2
        but for the first two and the last two instants.

    Raises:
        BadInput: fewer than five instants.
    """
    if n_times < WINDOW:
        raise BadInput(
            f"{n_times} instants; the fourth-order time derivative needs {WINDOW}, take a longer "
            "recording"
        )
    index = np.arange(n_times)
    first = np.clip(index - WINDOW // 2, 0, n_times - WINDOW)
    return first, index - first


def time_derivative(n_times: int, tau: float) -> sp.csr_array:
    """Matrix D with (D u)_k = du/dt at t_k of order 4: [time, time], 1 / unit of tau.

    Raises:
        BadInput: fewer than five instants.
    """
    first, place = windows(n_times)
    columns = first[:, None] + np.arange(WINDOW)
    rows = np.repeat(np.arange(n_times), WINDOW)
    values = (TWELVE_TAU[place] / (12 * tau)).ravel()
    matrix = sp.csr_array((values, (rows, columns.ravel())), shape=(n_times, n_times))
    matrix.eliminate_zeros()
    return matrix
