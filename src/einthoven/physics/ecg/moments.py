"""Exact integrals of linear functions over the part of a tetrahedron that a wave has swept."""

import numba
import numpy as np
import scipy.sparse as sp


@numba.njit(cache=True)
def swept_means(t: np.ndarray, s: float) -> tuple[float, float, float, float, float]:
    """Means over a tetrahedron of its barycentric coordinates and of s - tau, where tau <= s.

    They are zero elsewhere. The part where the linear function tau is at most s is a small
    tetrahedron at node 0, or a wedge of three tetrahedra, or all but a small tetrahedron at node 3,
    as in `sweep.swept_share`. Over each of them the mean of a linear function is that of its
    corners. All are piecewise polynomials of s. The last is also the integral up to s of the swept
    share.

    Args:
        t: [4] nodal values of tau, sorted; they may be equal.
        s: level, in the unit of t.

    Returns:
        The first four without unit, in the order of t; the last in the unit of t.
    """
    if s < t[0]:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    mean_t = (t[0] + t[1] + t[2] + t[3]) / 4.0
    if s >= t[3]:
        return 0.25, 0.25, 0.25, 0.25, s - mean_t
    c03 = (s - t[0]) / (t[3] - t[0])  # fractions of the edges that are behind the front
    if s < t[1]:
        c01, c02 = (s - t[0]) / (t[1] - t[0]), (s - t[0]) / (t[2] - t[0])
        corner = c01 * c02 * c03 / 4.0
        rest = 4.0 - c01 - c02 - c03
        return corner * rest, corner * c01, corner * c02, corner * c03, corner * (s - t[0])
    c13 = (s - t[1]) / (t[3] - t[1])
    if s < t[2]:
        c02, c12 = (s - t[0]) / (t[2] - t[0]), (s - t[1]) / (t[2] - t[1])
        # corners 0 1 12 13, then 0 12 13 03, then 0 03 12 02
        one, two = c12 * c13 / 4.0, c03 * c12 * (1 - c13) / 4.0
        three = c03 * c02 * (1 - c12) / 4.0
        every = one + two + three
        at_0 = every + two * (1 - c03) + three * (2 - c03 - c02)
        at_1 = one + every * (1 - c12) + (one + two) * (1 - c13)
        at_2 = every * c12 + three * c02
        at_3 = (one + two) * c13 + (two + three) * c03
        waited = one * (2.0 * s - t[0] - t[1]) + (two + three) * (s - t[0])
        return at_0, at_1, at_2, at_3, waited
    d23 = (t[3] - s) / (t[3] - t[2])
    ahead = (1 - c03) * (1 - c13) * d23 / 4.0
    at_3 = 0.25 - ahead * (1.0 + c03 + c13 + 1.0 - d23)
    return (
        0.25 - ahead * (1 - c03),
        0.25 - ahead * (1 - c13),
        0.25 - ahead * d23,
        at_3,
        s - mean_t + ahead * (t[3] - s),
    )


@numba.njit(cache=True)
def swept_integrals(t: np.ndarray, w: np.ndarray, s: float) -> tuple[float, float]:
    """Means over a tetrahedron of w and of s - tau, each where tau <= s and zero elsewhere.

    Args:
        t: [4] nodal values of tau, sorted; they may be equal.
        w: [4] nodal values of w, in the order of t.
        s: level, in the unit of t.

    Returns:
        In the unit of w; in the unit of t (`swept_means`).
    """
    at_0, at_1, at_2, at_3, waited = swept_means(t, s)
    return at_0 * w[0] + at_1 * w[1] + at_2 * w[2] + at_3 * w[3], waited


@numba.njit(cache=True)
def _sweep(
    times: np.ndarray, values: np.ndarray, grid: tuple[float, float], starts: np.ndarray,
    first: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Data of `moment_matrices` by cell and bin; grid: origin and step."""
    (origin, step), n = grid, starts[-1]
    swept, active = np.empty(n), np.empty(n)
    for cell in range(len(times)):
        swept_before = active_before = share_before = 0.0
        for entry in range(starts[cell], starts[cell + 1]):
            end = origin + step * (first[cell] + entry - starts[cell] + 1)
            if entry >= starts[cell + 1] - 2:  # the last bin ends after the last node
                end = max(end, times[cell, 3])
            part, waited = swept_integrals(times[cell], values[cell], end)
            share = (waited - active_before) / step
            if entry == starts[cell + 1] - 1:
                share = 1.0
            swept[entry], active[entry] = part - swept_before, share - share_before
            swept_before, active_before, share_before = part, waited, share
    return swept, active


def moment_matrices(
    times: np.ndarray, values: np.ndarray, origin: float, step: float, n_bins: int
) -> tuple[sp.csc_array, sp.csc_array]:
    """Matrices that describe how a weighted cell is swept, bin by bin.

    Args:
        times: [cell, 4] activation times of the cells' nodes, ms.
        values: [cell, 4] nodal values of the weight w.
        origin: start of bin 0, ms; not after the first activation.
        step: width of a bin, ms.
        n_bins: enough to reach one bin beyond the last activation.

    Returns:
        [bin, cell] mean of w over the part of the cell activated in the bin; columns sum to the
        mean of w. [bin, cell] increase, from the bin before, of the mean over the bin of the
        activated share; columns sum to one.
    """
    order = np.argsort(times, axis=1, kind="stable")
    times = np.take_along_axis(times, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    # clipped, because round-off may put the first activation slightly before the origin
    first, last = np.clip(np.floor((times[:, [0, 3]].T - origin) / step), 0, n_bins - 2).astype(int)
    count = last - first + 2  # bins that the cell touches, and one in which all of it is active
    starts = np.concatenate([[0], np.cumsum(count)])
    bins = np.arange(starts[-1]) + np.repeat(first - starts[:-1], count)
    swept, active = _sweep(times, values, (origin, step), starts, first)
    shape = (n_bins, len(times))
    return (
        sp.csc_array((swept, bins, starts), shape=shape),
        sp.csc_array((active, bins, starts), shape=shape),
    )
