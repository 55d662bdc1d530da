"""Eq. (3) of Dokuchaev 2026 for a heart of different cells: the second sweep, of repolarisation.

With w_k the share of family member k in a cell (P1, summing to one) and D_k = U_k - U,

    V_m(x, t) = sum_k w_k(x) U_k(t - tau(x)) = U(t - tau) + sum_k w_k D_k(t - tau).

The first term has the upstroke. It is `forward.forward_potential`, bitwise the result for a heart
of equal cells. The second is slow, because members share the upstroke, so its time step is ten
times longer. With grad V_m = sum_k [D_k grad w_k - w_k D_k' grad tau] it adds

    phi(e, t) = sum_k sum_c int D_k'(t - s) [a_ec dF_kc(s) - b_ekc P_c(s) ds],
    a_ec = |c| G_i grad tau . grad Z_e,   b_ekc = |c| G_i grad w_k . grad Z_e,

where P_c(s) is the share of cell c with tau <= s and F_kc(s) the mean of w_k over c restricted to
that part (`moments.swept_integrals`). The first part is the front. The second is the tissue behind
it, where durations differ and the potential continues after complete activation. D_k is linear
between its samples, so D_k' is constant on bins, into which dF and P ds are integrated in closed
form: for P1 tau and w there is no quadrature error. D_k(-inf), a difference of resting potentials,
is omitted: it is constant in time and not visible with AC coupling.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.data.patient.heart import Heart
from einthoven.physics.ecg.forward import CELLS_PER_BLOCK, check_sources, common_grid, flow_of
from einthoven.physics.ecg.moments import moment_matrices
from einthoven.physics.electrophysiology.cells.family import PotentialMixture


def mixture_potential(
    heart: Heart,
    sigma_i: np.ndarray,
    activation_time: np.ndarray,
    grad: np.ndarray,
    time: np.ndarray,
    mixture: PotentialMixture,
) -> np.ndarray:
    """Electrode potentials of V_m = sum over k of w_k(x) D_k(t - tau(x)), exactly for P1 tau and w.

    Args:
        heart, sigma_i, activation_time, grad, time: as of `forward_potential`.
        mixture: w and D; a cell whose nodes all have w_k = 0 costs nothing for k.

    Returns:
        [electrode, time] mV, zero before the first activation.

    Raises:
        BadInput: shapes that do not fit, NaN, or time axes that are not uniform.
    """
    check_sources(heart, sigma_i, grad)
    wave = _Wave.of(heart, sigma_i, activation_time, grad)
    weights = check.shape("weights", mixture.weights, (len(heart.points), len(mixture.v_m)))
    potential = np.zeros((len(grad), len(time)))
    for weight, v_m in zip(check.finite("weights", weights).T, mixture.v_m):
        step, stride, slopes, first = common_grid(time, (mixture.time, v_m))
        start = float(time[0]) - first
        origin_bin = int(np.floor((wave.tau.min() - start) / step))
        n_bins = int(np.ceil((wave.tau.max() - start) / step)) - origin_bin + 2
        front, behind = wave.sources(weight, start + origin_bin * step, step, n_bins)
        # at time[j], bin b meets the interval j stride - b - 1 - origin_bin of D (as in forward)
        k = stride * np.arange(len(time)) - 1 - origin_bin - np.arange(n_bins)[:, None]
        slope = np.concatenate([[0.0], slopes, [0.0]])[np.clip(k, -1, len(slopes)) + 1]
        potential += (front - step * behind).T @ slope
        # after the last bin everything is activated: the rest of D sees a constant
        level = np.concatenate([[0.0], np.cumsum(step * slopes)])
        potential -= np.outer(behind[-1], level[np.clip(k[-1], 0, len(slopes))])
    return potential


@dataclass(frozen=True, eq=False)
class _Wave:
    """An activation of a heart and its electrodes, in the form that `mixture_potential` needs."""

    heart: Heart
    sigma_i: np.ndarray
    tau: np.ndarray
    grad: np.ndarray
    """[cell, 3, electrode] kOhm/mm: electrodes side by side in memory."""
    front: np.ndarray
    """[cell, electrode] a, the same for all members."""

    @classmethod
    def of(
        cls, heart: Heart, sigma_i: np.ndarray, activation_time: np.ndarray, grad: np.ndarray
    ) -> Self:
        tau, flow = flow_of(heart, sigma_i, activation_time)
        grad = np.ascontiguousarray(grad.transpose(1, 2, 0))
        front = np.einsum("cde,cd->ce", grad, heart.volumes[:, None] * flow)
        return cls(heart, sigma_i, tau, grad, front)

    def sources(
        self, weight: np.ndarray, origin: float, step: float, n_bins: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums over cells of a dF and of b P, the mean of P over the bin: each [bin, electrode]."""
        front, behind = np.zeros((2, n_bins, self.front.shape[1]))
        used = np.flatnonzero(weight[self.heart.cells].any(axis=1))
        for block in range(0, len(used), CELLS_PER_BLOCK):  # limits the memory
            some = used[block : block + CELLS_PER_BLOCK]
            nodes, volumes = self.heart.cells[some], self.heart.volumes[some, None]
            swept, active = moment_matrices(self.tau[nodes], weight[nodes], origin, step, n_bins)
            spread = _flow(self.heart.hat_gradients[some], self.sigma_i[some], weight[nodes])
            front += swept @ self.front[some]
            behind += active @ np.einsum("cde,cd->ce", self.grad[some], volumes * spread)
        return front, np.cumsum(behind, axis=0)


def _flow(hats: np.ndarray, sigma_i: np.ndarray, nodal: np.ndarray) -> np.ndarray:
    """G_i grad w of nodal values [cell, 4] or [cell, 4, k]: [cell, 3] or [cell, 3, k]."""
    slope = np.einsum("cid,ci...->cd...", hats, nodal, optimize=True)
    return np.einsum("cdf,cf...->cd...", sigma_i, slope, optimize=True)


def mixture_energy(
    heart: Heart,
    sigma_i: np.ndarray,
    activation_time: np.ndarray,
    template: tuple[np.ndarray, np.ndarray],
    mixture: PotentialMixture,
) -> float:
    """C_Vm = int |G_i grad V_m|^2 dx dt of V_m = U(t - tau) + the mixture; see `source_energy`.

    With w_0 = 1 and D_0 = U, all relative to rest, it is a sum over pairs of members of products in
    space, exact for P1 functions, and in time, exact on the template's grid up to the squares of
    its step in int D_k D_l dt. Arguments are those of `forward_potential`, and w and D.

    Returns:
        mS^2 mV^2 ms / mm.
    """
    time, u = template
    _, flow = flow_of(heart, sigma_i, activation_time)
    members = np.vstack([u, *(np.interp(time, mixture.time, v_m) for v_m in mixture.v_m)])
    dt, rate = np.diff(time), np.diff(members, axis=1) / np.diff(time)
    middle = (members[:, 1:] + members[:, :-1]) / 2.0 - members[:, :1]
    d_d, d_rate, rate_rate = (a * dt @ b.T for a, b in ((middle, middle), (middle, rate),
                                                        (rate, rate)))  # fmt: skip
    nodal = np.concatenate([np.ones((len(heart.points), 1)), mixture.weights], axis=1)[heart.cells]
    mean = nodal.mean(axis=1)
    spread = _flow(heart.hat_gradients, sigma_i, nodal)  # [cell, 3, k]
    density = _quadratic(spread, d_d).sum(axis=1)
    density -= 2.0 * np.einsum("cd,cdk,ck->c", flow, spread @ d_rate, mean, optimize=True)
    # int w_k w_l = |c| (sum_i w_ki w_li + sum_i w_ki sum_j w_lj) / 20
    squares = _quadratic(nodal, rate_rate).sum(axis=1) + 16.0 * _quadratic(mean, rate_rate)
    density += np.square(flow).sum(axis=1) * squares / 20.0
    return float(np.sum(heart.volumes * density))  # `@` sums by its threads


def _quadratic(x: np.ndarray, form: np.ndarray) -> np.ndarray:
    """A symmetric form of the last axis: [..., k], [k, k] -> [...]."""
    return ((x @ form) * x).sum(axis=-1)
