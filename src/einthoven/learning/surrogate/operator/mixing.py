"""Gradients of an ensemble from the outputs of its networks: the last step, for all leads at once.

g_m(x) = A_m(x) p(x) + t_m(x), t_m the sum over modes; mean and SD over the networks m. The products
per point and electrode are tiny, so components come first here: neighbouring points are adjacent in
memory and the compiler can vectorise.
"""

import numba
import numpy as np

from einthoven.base.core.threads import in_blocks

ELECTRODES_AT_ONCE = 8
LARGEST_DEG = 90.0


def mixed(
    refraction: np.ndarray,
    modes: np.ndarray,
    incident: np.ndarray,
    mean: np.ndarray,
    angle: np.ndarray,
    threads: int = 1,
) -> None:
    """Fill in the mean over networks, and the deviation of their directions from that of the mean.

    Args:
        refraction: A [member, 3, 3, point].
        modes: t [member, electrode, 3, point] 1/mm^2.
        incident: p [electrode, 3, point] 1/mm^2.
        mean: [electrode, point, 3] 1/mm^2 to fill in.
        angle: [electrode, point] degrees, as `surrogate.members.angular_deviation_deg`, to fill in;
            90 for one network, which has no SD.
        threads: number of threads; the result does not depend on it.
    """

    def fill(some: slice) -> None:
        _fill(refraction, modes[:, some], incident[some], mean[some], angle[some])

    in_blocks(fill, len(incident), ELECTRODES_AT_ONCE, threads)


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def _fill(
    refraction: np.ndarray,
    modes: np.ndarray,
    incident: np.ndarray,
    mean: np.ndarray,
    angle: np.ndarray,
) -> None:
    n_members, n = len(refraction), incident.shape[2]
    each, sums = np.empty((n_members, 3, n), np.float32), np.empty((3, n), np.float32)
    share, spread = np.float32(1 / n_members), np.float32(0.5 / max(n_members - 1, 1))
    for e in range(len(incident)):
        x, y, z = incident[e]
        sums[:] = 0.0
        for m in range(n_members):
            for i in range(3):
                (a, b, c), t, g, total = refraction[m, i], modes[m, e, i], each[m, i], sums[i]
                for k in range(n):
                    g[k] = a[k] * x[k] + b[k] * y[k] + c[k] * z[k] + t[k]
                    total[k] += g[k]
        for i in range(3):
            for k in range(n):
                sums[i, k] *= share
                mean[e, k, i] = sums[i, k]
        _deviation_deg(each, sums, spread, angle[e])


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _deviation_deg(
    each: np.ndarray, mean: np.ndarray, spread: np.float32, angle: np.ndarray
) -> None:
    """Deviation per axis across the mean [3, point] of each [member, 3, point]: a small angle."""
    x, y, z = mean
    angle[:] = 0.0
    for m in range(len(each)):
        a, b, c = each[m]
        for k in range(len(x)):  # squares of |mean x each|
            u, v = y[k] * c[k] - z[k] * b[k], z[k] * a[k] - x[k] * c[k]
            w = x[k] * b[k] - y[k] * a[k]
            angle[k] += u * u + v * v + w * w
    for k in range(len(x)):
        square = x[k] * x[k] + y[k] * y[k] + z[k] * z[k]
        degrees = np.float32(180 / np.pi) * np.sqrt(spread * angle[k]) / square
        angle[k] = degrees if degrees < LARGEST_DEG else LARGEST_DEG  # nan where the mean is zero
