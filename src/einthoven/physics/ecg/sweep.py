"""Sweep of a wavefront through tetrahedra: exact shares of volume per time bin."""

import numba
import numpy as np
import scipy.sparse as sp


@numba.njit(cache=True)
def swept_share(times: np.ndarray, s: float) -> float:
    """Share of a tetrahedron where a linear function tau is at most s.

    It is the distribution function of tau, whose density is the quadratic B-spline with knots at
    the four nodal values (Curry and Schoenberg, J. Anal. Math. 17, 1966). It is written with the
    fractions at which the front cuts the edges, so that equal nodal values are harmless.

    Args:
        times: [4] nodal values, sorted.
        s: level.

    Returns:
        0 to 1; right-continuous.
    """
    t0, t1, t2, t3 = times
    if s < t0:
        return 0.0
    if s >= t3:
        return 1.0
    if s < t1:  # a small tetrahedron at node 0
        return (s - t0) / (t1 - t0) * ((s - t0) / (t2 - t0)) * ((s - t0) / (t3 - t0))
    c03, c13 = (s - t0) / (t3 - t0), (s - t1) / (t3 - t1)
    if s < t2:  # a wedge of three tetrahedra
        c02, c12 = (s - t0) / (t2 - t0), (s - t1) / (t2 - t1)
        return c12 * c13 + c03 * (c12 * (1 - c13) + c02 * (1 - c12))
    return 1 - (1 - c03) * (1 - c13) * (1 - (s - t2) / (t3 - t2))  # all but one at node 3


@numba.guvectorize(["(float64[:], float64, float64[:])"], "(n),()->()", cache=True)
def swept_fraction(times: np.ndarray, s: np.ndarray, share: np.ndarray) -> None:
    """Apply `swept_share` as a ufunc, `swept_fraction(times, s)`: [..., 4] and [...] give [...]."""
    share[0] = swept_share(times, s)


def sweep_matrix(times: np.ndarray, origin: float, step: float, n_bins: int) -> sp.csr_array:
    """Share of each cell that is activated in each time bin.

    Args:
        times: [cell, 4] activation times of the cells' nodes, ms.
        origin: start of bin 0, ms; not after the first activation.
        step: width of a bin, ms.
        n_bins: enough to reach the last activation.

    Returns:
        [bin, cell]; columns sum to one.
    """
    times = np.sort(times, axis=1)
    # clipped, because round-off may put the first activation slightly before the origin
    first, last = np.clip(np.floor((times[:, [0, 3]].T - origin) / step), 0, n_bins - 1).astype(int)
    count = last - first + 1  # bins that the cell touches
    starts = np.concatenate([[0], np.cumsum(count)])
    cell = np.repeat(np.arange(len(times)), count)
    bins = np.arange(starts[-1]) - starts[cell] + first[cell]
    end = swept_fraction(times[cell], origin + step * (bins + 1))
    end[starts[1:] - 1] = 1.0  # the last bin of a cell ends after its last node
    share = np.diff(end, prepend=0.0)
    share[starts[:-1]] = end[starts[:-1]]
    return sp.csc_array((share, bins, starts), shape=(n_bins, len(times))).tocsr()
