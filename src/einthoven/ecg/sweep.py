"""How a wavefront sweeps through tetrahedra: exact shares of volume per time bin."""

import numpy as np
import scipy.sparse as sp


def swept_fraction(times: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Share of a tetrahedron where a linear function tau is at most s.

    The distribution function of tau, whose density is the quadratic B-spline with knots at the
    four nodal values (Curry and Schoenberg, J. Anal. Math. 17, 1966). Written with the
    fractions at which the front cuts the edges, so that equal nodal values do no harm.

    Args:
        times: [..., 4] nodal values, sorted.
        s: [...].

    Returns:
        [...] in 0 to 1; right-continuous.
    """
    t0, t1, t2, t3 = np.moveaxis(times, -1, 0)

    def cut(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Fraction of the edge from `low` to `high` that is behind the front."""
        return np.clip((s - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)

    c02, c03, c12, c13 = cut(t0, t2), cut(t0, t3), cut(t1, t2), cut(t1, t3)
    corner = cut(t0, t1) * c02 * c03  # s < t1: a small tetrahedron at node 0
    wedge = c12 * c13 + c03 * (c12 * (1 - c13) + c02 * (1 - c12))  # three tetrahedra
    rest = 1 - (1 - c03) * (1 - c13) * (1 - cut(t2, t3))  # s > t2: all but the corner at node 3
    inside = np.where(s < t1, corner, np.where(s < t2, wedge, rest))
    return np.where(s < t0, 0.0, np.where(s >= t3, 1.0, inside))


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
    # clipped, as round-off may put the first activation a hair before the origin
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
