"""The forward ECG: eq. (3) of Dokuchaev 2026, phi(e, t) = - int G_i grad V_m . grad Z dx.

All gradients are constant in a cell (P1 activation time and V_m), and the integrals are exact for
them, also if a wavefront is thinner than an element.
"""

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import cell_gradient
from einthoven.data.patient.heart import Heart
from einthoven.physics.ecg.sweep import sweep_matrix

CELLS_PER_BLOCK = 4096


def transfer_matrix(heart: Heart, sigma_i: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """The matrix A with phi = A V_m for nodal V_m: A[e, n] = - int G_i grad(hat_n) . grad Z_e.

    The elements must resolve the wavefront; for V_m = U(t - tau) use `forward_potential`.

    Args:
        heart: its nodes and cells.
        sigma_i: [cell, 3, 3] intracellular conductivity, mS/mm.
        grad: [electrode, cell, 3] lead-field gradients, kOhm/mm.

    Returns:
        [electrode, node], 1; rows sum to zero (a constant V_m has no potential).

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    check_sources(heart, sigma_i, grad)
    source = np.einsum("ecd,cdk,c->eck", grad, sigma_i, heart.volumes, optimize=True)
    matrix = np.zeros((len(grad), len(heart.points)))
    for vertex in range(4):
        share = np.einsum("eck,ck->ec", source, heart.hat_gradients[:, vertex])
        for row, values in zip(matrix, share):
            row -= np.bincount(heart.cells[:, vertex], values, minlength=len(heart.points))
    return matrix


def forward_potential(
    heart: Heart,
    sigma_i: np.ndarray,
    activation_time: np.ndarray,
    grad: np.ndarray,
    time: np.ndarray,
    template: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Electrode potentials of V_m(x, t) = U(t - tau(x)), eq. (3), exactly for P1 tau.

    As grad V_m = - U'(t - tau) grad tau, the potential is a convolution in time,
    phi(e, t) = int U'(t - s) q_e(s) ds, of U' with the source that the wavefront meets at time s,
    q_e = sum over cells of |cell| (G_i grad tau . grad Z_e) p_cell(s); p_cell is the density of
    the values of tau in the cell. U is linear between the points of the template, so U' is
    constant on the bins into which q_e is integrated: no quadrature error. A template step of
    0.1 ms is enough: the ten Tusscher upstroke sampled so gives potentials within 3e-4 of those
    at 0.02 ms, and a tenth of the work.

    Args:
        heart: its nodes and cells.
        sigma_i: [cell, 3, 3] mS/mm.
        activation_time: [node] tau, ms.
        grad: [electrode, cell, 3] kOhm/mm.
        time: [time] ms, uniform.
        template: time [sample] ms, uniform, and U [sample] mV; U is constant before and after.

    Returns:
        [electrode, time] mV.

    Raises:
        BadInput: shapes that do not fit, NaN, or time axes that are not uniform.
    """
    check_sources(heart, sigma_i, grad)
    step, stride, slopes, first = common_grid(time, template)
    tau, flow = flow_of(heart, sigma_i, activation_time)
    flow *= heart.volumes[:, None]
    strength = np.einsum("ecd,cd->ce", grad, flow)  # [cell, electrode]
    times = tau[heart.cells]

    # bin b of the source spans [origin + b step, origin + (b + 1) step]; at time[j] the template's
    # interval k, after a shift and a reflection, is bin j stride - k + offset
    start = float(time[0]) - first
    origin_bin = int(np.floor((times.min() - start) / step))
    n_bins = int(np.ceil((times.max() - start) / step)) - origin_bin + 1
    source = np.zeros((n_bins, len(grad)))
    for block in range(0, len(times), CELLS_PER_BLOCK):  # limits the memory
        some = slice(block, block + CELLS_PER_BLOCK)
        swept = sweep_matrix(times[some], start + origin_bin * step, step, n_bins)
        source += swept @ strength[some]
    k = stride * np.arange(len(time))[None, :] - 1 - origin_bin - np.arange(n_bins)[:, None]
    inside = (k >= 0) & (k < len(slopes))
    kernel = np.where(inside, slopes[np.clip(k, 0, len(slopes) - 1)], 0.0)  # [bin, time]
    return source.T @ kernel


def source_energy(
    heart: Heart,
    sigma_i: np.ndarray,
    activation_time: np.ndarray,
    template: tuple[np.ndarray, np.ndarray],
) -> float:
    """C_Vm = int |G_i grad V_m|^2 dx dt of V_m = U(t - tau), the constant of the error bound.

    Dokuchaev 2026, section 2.6: the squared ECG error is at most C_Vm times the squared error
    of grad Z. With tau linear in each cell it is a product of two sums. Arguments are those of
    `forward_potential`.

    Returns:
        mS^2 mV^2 ms / mm.
    """
    _, flow = flow_of(heart, sigma_i, activation_time)
    in_space = np.sum(heart.volumes * np.square(flow).sum(axis=1))  # `@` sums by its threads
    in_time = (np.square(np.diff(template[1])) / np.diff(template[0])).sum()
    return float(in_space * in_time)


def flow_of(
    heart: Heart, sigma_i: np.ndarray, activation_time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The checked tau [node] ms, and G_i grad tau [cell, 3] mS ms / mm^2."""
    tau = check.finite("activation_time", activation_time).astype(np.float64)
    check.shape("activation_time", tau, (len(heart.points),))
    slope = cell_gradient(heart.hat_gradients, heart.cells, tau)
    return tau, np.einsum("cdk,ck->cd", sigma_i, slope)


def common_grid(
    time: np.ndarray, template: tuple[np.ndarray, np.ndarray]
) -> tuple[float, int, np.ndarray, float]:
    """A step that divides the output's, and U' on it.

    Returns:
        step ms, output steps per step, slopes [interval] mV/ms, start of the first interval ms.
    """
    dt = _uniform_step("time", time)
    u_time, u = template
    u_dt = _uniform_step("template time", u_time)
    check.finite("template v_m", check.shape("template v_m", u, (len(u_time),)))
    # if the template's step does not divide the output's, U is resampled slightly finer
    stride = max(1, int(np.ceil(dt / u_dt - 1e-6)))
    step = dt / stride
    n = int(np.ceil((u_time[-1] - u_time[0]) / step - 1e-6))
    knots = u_time[0] + step * np.arange(n + 1)
    slopes = np.diff(np.interp(knots, u_time, u)) / step
    return step, stride, slopes, float(u_time[0])


def _uniform_step(name: str, axis: np.ndarray) -> float:
    axis = check.finite(name, check.shape(name, axis, (None,)))
    steps = np.diff(axis)
    if len(steps) == 0 or steps[0] <= 0 or np.ptp(steps) > 1e-6 * steps[0] + 1e-9:
        raise BadInput(f"{name}: must increase in equal steps (ms), at least two values")
    return float((axis[-1] - axis[0]) / len(steps))


def check_sources(heart: Heart, sigma_i: np.ndarray, grad: np.ndarray) -> None:
    """Check conductivities [cell, 3, 3] and gradients [electrode, cell, 3] of this heart."""
    n_cells = len(heart.cells)
    check.finite("sigma_i", check.shape("sigma_i", sigma_i, (n_cells, 3, 3)))
    check.finite("grad", check.shape("grad", grad, (None, n_cells, 3)))
