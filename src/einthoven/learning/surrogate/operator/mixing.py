"""Gradients of a block of points from the outputs of an ensemble's networks, for all electrodes.

g_m(x) = A_m(x) p(x) + t_m(x), t_m the sum over modes; mean and SD over the networks m. The products
per point and electrode are tiny. Components come first, rows are contiguous and each loop writes to
one array only, so that the compiler can vectorise it: four times as fast as otherwise.
"""

import numba
import numpy as np

LARGEST_DEG = 90.0


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def mix(
    refraction: np.ndarray,
    modes: np.ndarray,
    incident: np.ndarray,
    mean: np.ndarray,
    angle: np.ndarray,
    start: int,
) -> None:
    """Fill in the mean over networks, and the deviation of their directions from that of the mean.

    All arrays are float32 and contiguous; those over all points are filled in from `start` on.

    Args:
        refraction: A [member, 3, 3, point of the block].
        modes: t [member, 3, electrode, point of the block] 1/mm^2.
        incident: p [electrode, point, 3] 1/mm^2.
        mean: [electrode, point, 3] 1/mm^2 to fill in.
        angle: [electrode, point] degrees, as `surrogate.members.angular_deviation_deg`, to fill in;
            90 for one network, which has no SD.
        start: first point of the block.
    """
    n_members, n = len(refraction), refraction.shape[3]
    field, sums = np.empty((3, n), np.float32), np.empty((3, n), np.float32)
    each, share = np.empty((n_members, 3, n), np.float32), np.float32(1 / n_members)
    for e in range(len(incident)):
        for k in range(n):
            field[0, k], field[1, k] = incident[e, start + k, 0], incident[e, start + k, 1]
            field[2, k] = incident[e, start + k, 2]
        x, y, z = field[0], field[1], field[2]
        for i in range(3):
            total = sums[i]
            total[:] = 0.0
            for m in range(n_members):
                a, b, c = refraction[m, i, 0], refraction[m, i, 1], refraction[m, i, 2]
                t, g = modes[m, i, e], each[m, i]
                for k in range(n):
                    g[k] = a[k] * x[k] + b[k] * y[k] + c[k] * z[k] + t[k]
                for k in range(n):
                    total[k] += g[k]
            for k in range(n):
                total[k] *= share
        of_e = mean[e]
        for k in range(n):
            of_e[start + k, 0], of_e[start + k, 1] = sums[0, k], sums[1, k]
            of_e[start + k, 2] = sums[2, k]
        _deviation_deg(each, sums, angle[e, start : start + n])


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _deviation_deg(each: np.ndarray, mean: np.ndarray, angle: np.ndarray) -> None:
    """Deviation per axis across the mean [3, point] of each [member, 3, point]: a small angle."""
    spread = np.float32(0.5 / max(len(each) - 1, 1))
    x, y, z = mean[0], mean[1], mean[2]
    angle[:] = 0.0
    for m in range(len(each)):
        a, b, c = each[m, 0], each[m, 1], each[m, 2]
        for k in range(len(x)):  # squares of |mean x each|
            u, v = y[k] * c[k] - z[k] * b[k], z[k] * a[k] - x[k] * c[k]
            w = x[k] * b[k] - y[k] * a[k]
            angle[k] += u * u + v * v + w * w
    for k in range(len(x)):
        square = x[k] * x[k] + y[k] * y[k] + z[k] * z[k]
        degrees = np.float32(180 / np.pi) * np.sqrt(spread * angle[k]) / square
        angle[k] = degrees if degrees < LARGEST_DEG else LARGEST_DEG  # nan where the mean is zero
