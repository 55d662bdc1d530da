"""What a wavefront has swept of a linear function: exact integrals over parts of tetrahedra."""

import numpy as np
import scipy.sparse as sp


def swept_integrals(
    times: np.ndarray, values: np.ndarray, s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means over a tetrahedron of w and of s - tau, each where tau <= s and zero elsewhere.

    The part where the linear function tau is at most s is a small tetrahedron at node 0, or a
    wedge of three tetrahedra, or all but a small tetrahedron at node 3, as in
    `sweep.swept_fraction`; over each of them the mean of a linear function is that of its corners.
    Both results are piecewise polynomials of s; written with the fractions at which the front cuts
    the edges, equal nodal times do no harm. The second mean is also the integral up to s of the
    swept share.

    Args:
        times: [..., 4] nodal values of tau, sorted.
        values: [..., 4] nodal values of w, in the order of `times`.
        s: [...].

    Returns:
        [...] in the unit of w, [...] in that of tau.
    """
    t0, t1, t2, t3 = np.moveaxis(times, -1, 0)
    w0, w1, w2, w3 = np.moveaxis(values, -1, 0)

    def cut(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Fraction of the edge from `low` to `high` that is behind the front."""
        return np.clip((s - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)

    c02, c03, c12, c13 = cut(t0, t2), cut(t0, t3), cut(t1, t2), cut(t1, t3)
    at_02, at_03 = w0 + c02 * (w2 - w0), w0 + c03 * (w3 - w0)
    c01 = cut(t0, t1)
    corner = c01 * c02 * c03
    corner_w = corner * (2.0 * w0 + c01 * (w1 - w0) + at_02 + at_03) / 4.0

    at_12, at_13 = w1 + c12 * (w2 - w1), w1 + c13 * (w3 - w1)
    first, second, third = c12 * c13, c03 * c12 * (1 - c13), c03 * c02 * (1 - c12)
    wedge_w = first * (w0 + w1 + at_12 + at_13) + second * (w0 + at_12 + at_13 + at_03)
    wedge_w = (wedge_w + third * (w0 + at_12 + at_03 + at_02)) / 4.0
    wedge_tau = (first * (2.0 * s - t0 - t1) + (second + third) * (s - t0)) / 4.0

    d23 = 1 - cut(t2, t3)
    ahead = (1 - c03) * (1 - c13) * d23  # the corner at node 3
    ahead_w = ahead * (w3 + at_03 + at_13 + w3 + d23 * (w2 - w3)) / 4.0
    rest_w = values.mean(axis=-1) - ahead_w
    rest_tau = s - times.mean(axis=-1) + ahead * (t3 - s) / 4.0

    early, late = s < t1, s >= t2
    swept_w = np.where(early, corner_w, np.where(late, rest_w, wedge_w))
    swept_tau = np.where(early, corner * (s - t0) / 4.0, np.where(late, rest_tau, wedge_tau))
    before, after = s < t0, s >= t3
    return (
        np.where(before, 0.0, np.where(after, values.mean(axis=-1), swept_w)),
        np.where(before, 0.0, np.where(after, s - times.mean(axis=-1), swept_tau)),
    )


def moment_matrices(
    times: np.ndarray, values: np.ndarray, origin: float, step: float, n_bins: int
) -> tuple[sp.csc_array, sp.csc_array]:
    """How a weighted cell is swept, bin by bin.

    Args:
        times: [cell, 4] activation times of the cells' nodes, ms.
        values: [cell, 4] nodal values of the weight w.
        origin: start of bin 0, ms; not after the first activation.
        step: width of a bin, ms.
        n_bins: enough to reach one bin beyond the last activation.

    Returns:
        [bin, cell] mean of w over the cell, of what is activated in the bin; columns sum to the
        mean of w. [bin, cell] increase, from the bin before, of the mean over the bin of the share
        that is activated; columns sum to one.
    """
    order = np.argsort(times, axis=1, kind="stable")
    times = np.take_along_axis(times, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    # clipped, as round-off may put the first activation a hair before the origin
    first, last = np.clip(np.floor((times[:, [0, 3]].T - origin) / step), 0, n_bins - 2).astype(int)
    count = last - first + 2  # bins that the cell touches, and one in which all of it is active
    starts = np.concatenate([[0], np.cumsum(count)])
    cell = np.repeat(np.arange(len(times)), count)
    bins = np.arange(starts[-1]) - starts[cell] + first[cell]
    swept, active = swept_integrals(times[cell], values[cell], origin + step * (bins + 1))
    swept[starts[1:] - 2] = swept[starts[1:] - 1] = values.mean(axis=1)
    share = _increase(active, starts[:-1]) / step
    share[starts[1:] - 1] = 1.0
    shape = (n_bins, len(times))
    return (
        sp.csc_array((_increase(swept, starts[:-1]), bins, starts), shape=shape),
        sp.csc_array((_increase(share, starts[:-1]), bins, starts), shape=shape),
    )


def _increase(running: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Differences from entry to entry within each run of entries, which comes from zero."""
    steps = np.diff(running, prepend=0.0)
    steps[starts] = running[starts]
    return steps
