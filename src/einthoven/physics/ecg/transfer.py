"""Potentials of thousands of activations of one heart, for several lead fields side by side.

V_m = U(t - tau) + sum over k of w_k D_k(t - tau), as in `mixture`. Both parts are those of
`Membrane.potential`, with approximations that an ECG does not show
(`tests/contract/test_imaging_simulator.py` states the differences; they are largest, 0.5 % of the
norm, where plateaus differ, because the notch begins with the upstroke). The front is swept in bins
of 0.5 ms, between which the integral of the source is a piecewise cubic (Catmull and Rom) convolved
with U at 0.1 ms. The differences between members of the families, which have no upstroke, are swept
in bins of 2 ms, for all members of a plateau at once.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numba
import numpy as np

from einthoven.base.core import check
from einthoven.data.patient.heart import Heart
from einthoven.physics.ecg.moments import swept_means
from einthoven.physics.ecg.sweep import swept_share
from einthoven.physics.electrophysiology.cells.condition import Condition
from einthoven.physics.electrophysiology.cells.family import (
    action_potential,
    family,
)
from einthoven.physics.electrophysiology.cells.plateaus import low_plateaus
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, potential, regular_times

FINE = 5
"""Steps of the template per bin."""
BIN_MS = FINE * ECG_STEP_MS
SLOW_MS = 2
"""Step between samples of the part without upstroke."""


class Cells(NamedTuple):
    """Conduction and action potentials of the cells in one activation."""

    sigma_il: float
    """Conductivity along the fibres, mS/mm."""
    sigma_it: float
    """Conductivity across the fibres, mS/mm."""
    durations: np.ndarray
    """[node] APD90 at the baseline, ms; a QRS alone (`ElectrodeTransfer.front`) has none."""
    condition: Condition
    low: np.ndarray | None = None
    """[node] share of the low plateau (`cells.plateaus`), 0 to 1; None: none."""


@dataclass(frozen=True, eq=False)
class ElectrodeTransfer:
    """One heart with its electrodes."""

    heart: Heart
    n_times: int
    """Number of times 0, 1, ... ms of the record."""
    grad: np.ndarray
    """[cell, 3, electrode] kOhm mm^2: lead-field gradients times the volumes."""
    f0: np.ndarray
    """[cell, 3]."""

    @classmethod
    def of(cls, heart: Heart, f0: np.ndarray, grad: np.ndarray, n_times: int) -> Self:
        """Transfer from gradients [electrode, cell, 3] kOhm/mm and unit fibres [cell, 3].

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        grad = check.finite("grad", check.shape("grad", grad, (None, len(heart.cells), 3)))
        weighted = np.ascontiguousarray((grad * heart.volumes[:, None]).transpose(1, 2, 0), float)
        return cls(heart, n_times, weighted, np.asarray(f0, float))

    def potential(self, tau: np.ndarray, cells: Cells) -> np.ndarray:
        """Electrode potentials [electrode, time] mV; tau [node] ms, the smallest zero."""
        return self.front(tau, cells) + self.differences(tau, cells)

    def front(self, tau: np.ndarray, cells: Cells) -> np.ndarray:
        """Potentials with the template's duration everywhere: enough for a QRS."""
        kernel = _kernel(cells.condition, self.n_times)
        n_bins = min(len(kernel), int(tau.max() / BIN_MS) + 2)
        source = np.zeros((n_bins, self.grad.shape[2]))
        _sweep(self._mesh(tau, cells), source)
        return source.T @ kernel[:n_bins]

    def differences(self, tau: np.ndarray, cells: Cells) -> np.ndarray:
        """Potentials beyond those of the template, of other durations and plateaus."""
        if cells.low is None:
            return self._of_plateau(tau, cells, np.ones(len(tau)), is_low=False)
        usual = self._of_plateau(tau, cells, 1.0 - cells.low, is_low=False)
        return usual + self._of_plateau(tau, cells, cells.low, is_low=True)

    def _of_plateau(
        self, tau: np.ndarray, cells: Cells, share: np.ndarray, *, is_low: bool
    ) -> np.ndarray:
        """The part of one of the two families, which has a share [node] of each cell."""
        kernel, level = _slow_kernel(cells.condition, self.n_times, is_low)
        # the members of both families have other durations
        members = low_plateaus() if is_low else family()
        n_bins = min(len(kernel), int(tau.max() / SLOW_MS) + 3)
        front, behind = np.zeros((2, n_bins, kernel.shape[1], self.grad.shape[2]))
        of_cells = tuple(x[self.heart.cells] for x in (*members.between(cells.durations), share))
        _sweep_members(self._mesh(tau, cells), of_cells, front, behind)
        behind = np.cumsum(behind, axis=0)
        source = (front - SLOW_MS * behind).reshape(-1, self.grad.shape[2])
        phi = source.T @ kernel[:n_bins].reshape(-1, kernel.shape[2])
        # after the last bin everything is activated: the rest of D sees a constant
        phi -= behind[-1].T @ level[:, len(kernel) - n_bins :][:, : kernel.shape[2]]
        return phi @ _onto(self.n_times)

    def _mesh(self, tau: np.ndarray, cells: Cells) -> "_Mesh":
        sigmas = (cells.sigma_it, cells.sigma_il - cells.sigma_it)
        heart = self.heart
        return _Mesh(tau[heart.cells], heart.hat_gradients, self.f0, self.grad, sigmas)


class _Mesh(NamedTuple):
    """Data for the compiled sweeps."""

    times: np.ndarray
    """[cell, 4] ms."""
    hats: np.ndarray
    """[cell, 4, 3] 1/mm."""
    f0: np.ndarray
    """[cell, 3]."""
    grad: np.ndarray
    """[cell, 3, electrode] kOhm mm^2."""
    sigmas: tuple[float, float]
    """Conductivity across the fibres, and the excess along them, mS/mm."""


@lru_cache
def _kernel(condition: Condition, n_times: int) -> np.ndarray:
    """Response at each time to a unit of source in a bin: [bin, time] mV."""
    time, v_m = action_potential(condition, ECG_STEP_MS)
    slopes, per_ms = np.diff(v_m) / ECG_STEP_MS, round(1 / ECG_STEP_MS)
    # for a unit in bin 0: its integral is 0 at knots up to 0, and 1 from 1 on
    x = np.arange(FINE) / FINE
    integral = np.concatenate([_step(x, -1), _step(x, 0), _step(x, 1), np.ones(1)])
    shares = np.diff(integral)
    response = np.convolve(shares, slopes)
    # fine bin f - FINE of the source meets, at time j, the interval j per_ms - f - 1 - first
    first = round(time[0] / ECG_STEP_MS)
    n_bins = int(np.ceil(n_times / BIN_MS)) + 4
    k = per_ms * np.arange(n_times) - FINE * np.arange(n_bins)[:, None] + FINE - 1 - first
    inside = (k >= 0) & (k < len(response))
    return np.where(inside, response[np.clip(k, 0, len(response) - 1)], 0.0)


def _step(x: np.ndarray, interval: int) -> np.ndarray:
    """A step from knot 0 to knot 1, at shares x of the interval that starts at a knot."""
    ends = np.arange(interval - 1, interval + 3) >= 1
    return _catmull_rom(x) @ ends.astype(float)


def _catmull_rom(x: np.ndarray) -> np.ndarray:
    """Weights [..., 4] of the two knots before and the two after a point, x in 0 to 1 between."""
    return np.stack(
        [
            x * (-1 + x * (2 - x)) / 2,
            1 + x * x * (3 * x - 5) / 2,
            x * (1 + x * (4 - 3 * x)) / 2,
            x * x * (x - 1) / 2,
        ],
        axis=-1,
    )


@lru_cache
def _slow_kernel(
    condition: Condition, n_times: int, is_low: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """D' of all members by bin, and D, of the usual or of the low plateau.

    Returns:
        [bin, member, sample] mV/ms; [member, sample] mV above rest at SLOW_MS times 1 - n_bins,
        ..., n_samples - n_bins, where the bins after the last one start.
    """
    members, time = family(condition), regular_times(SLOW_MS)
    one = potential(time, members.v_m[members.template])
    chosen = low_plateaus(condition) if is_low else members
    level = np.array([potential(time, v_m) - one for v_m in chosen.v_m])
    level -= level[:, :1]
    n_samples = len(_onto(n_times))
    n_bins = n_samples + 2
    # sample n is at (n - 1) SLOW_MS, where bin b meets the interval n - 2 - b - first of D
    lag, first = np.arange(n_samples) - 1, round(time[0] / SLOW_MS)
    k = lag - 1 - np.arange(n_bins)[:, None] - first
    slopes = np.pad(np.diff(level, axis=1) / SLOW_MS, ((0, 0), (1, 1)))
    kernel = slopes[:, np.clip(k, -1, slopes.shape[1] - 2) + 1].transpose(1, 0, 2)
    tail = np.arange(1 - n_bins, n_samples) - 2 - first
    return np.ascontiguousarray(kernel), level[:, np.clip(tail, 0, level.shape[1] - 1)]


@lru_cache
def _onto(n_times: int) -> np.ndarray:
    """Interpolation [sample, time] from samples every `SLOW_MS`, one before the first time."""
    time = np.arange(n_times)
    first, weights = time // SLOW_MS, _catmull_rom(time % SLOW_MS / SLOW_MS)
    onto = np.zeros((first[-1] + 4, n_times))
    for i in range(4):
        onto[first + i, time] = weights[:, i]
    return onto


@numba.njit(cache=True, fastmath=True)
def _seen(mesh: _Mesh, c: int, nodal: np.ndarray, seen: np.ndarray) -> None:
    """|c| G_i grad w . grad Z of nodal values [4] in a cell: [electrode]."""
    f0, grad, (across, more) = mesh.f0[c], mesh.grad[c], mesh.sigmas
    x = y = z = 0.0
    for i in range(4):
        x += mesh.hats[c, i, 0] * nodal[i]
        y += mesh.hats[c, i, 1] * nodal[i]
        z += mesh.hats[c, i, 2] * nodal[i]
    along = more * (f0[0] * x + f0[1] * y + f0[2] * z)
    x, y, z = across * x + along * f0[0], across * y + along * f0[1], across * z + along * f0[2]
    for e in range(len(seen)):
        seen[e] = x * grad[0, e] + y * grad[1, e] + z * grad[2, e]


@numba.njit(cache=True)
def _sort(values: np.ndarray, rising: np.ndarray, order: np.ndarray) -> None:
    """The four values in rising order and their indices; NumPy's sort is slower than the sweep."""
    for i in range(4):
        k = i
        while k > 0 and rising[k - 1] > values[i]:
            rising[k], order[k] = rising[k - 1], order[k - 1]
            k -= 1
        rising[k], order[k] = values[i], i


@numba.njit(cache=True, fastmath=True)
def _sweep(mesh: _Mesh, source: np.ndarray) -> None:
    """Add the front's source in each bin, in place: [bin, electrode]."""
    n_bins, n_electrodes = source.shape
    seen, times, order = np.empty(n_electrodes), np.empty(4), np.empty(4, np.int64)
    for c in range(len(mesh.times)):
        _seen(mesh, c, mesh.times[c], seen)
        _sort(mesh.times[c], times, order)
        first, last = int(times[0] / BIN_MS), int(times[3] / BIN_MS)
        before = 0.0
        for b in range(first, min(last + 1, n_bins)):
            after = 1.0 if b == last else swept_share(times, BIN_MS * (b + 1))
            for e in range(n_electrodes):
                source[b, e] += (after - before) * seen[e]
            before = after


@numba.njit(cache=True, fastmath=True)
def _sweep_members(
    mesh: _Mesh,
    shares: tuple[np.ndarray, np.ndarray, np.ndarray],
    front: np.ndarray,
    behind: np.ndarray,
) -> None:
    """Add the two sources of `mixture`, in place: each [bin, member, electrode]."""
    n_bins, n_members, n_electrodes = front.shape
    members, longer, scale = shares
    ahead, seen = np.empty(n_electrodes), np.empty((n_members, n_electrodes))
    weights, swept_before = np.empty((n_members, 4)), np.empty(n_members)
    times, order = np.empty(4), np.empty(4, np.int64)
    for c in range(len(mesh.times)):
        _seen(mesh, c, mesh.times[c], ahead)
        _sort(mesh.times[c], times, order)
        lowest, highest = members[c].min(), members[c].max() + 2
        for k in range(lowest, highest):
            swept_before[k] = 0.0
            for i in range(4):
                one = members[c, i]
                own = 1.0 - longer[c, i] if one == k else (longer[c, i] if one == k - 1 else 0.0)
                weights[k, i] = scale[c, i] * own
            _seen(mesh, c, weights[k], seen[k])
        first, last = int(times[0] / SLOW_MS), int(times[3] / SLOW_MS)
        waited_before = share_before = 0.0
        for b in range(first, min(last + 2, n_bins)):
            end = SLOW_MS * (b + 1.0)
            at_0, at_1, at_2, at_3, waited = swept_means(times, end)
            share = 1.0 if b == last + 1 else (waited - waited_before) / SLOW_MS
            waited_before = waited
            for k in range(lowest, highest):
                w = weights[k]
                swept = at_0 * w[order[0]] + at_1 * w[order[1]]
                swept += at_2 * w[order[2]] + at_3 * w[order[3]]
                for e in range(n_electrodes):
                    front[b, k, e] += (swept - swept_before[k]) * ahead[e]
                    behind[b, k, e] += (share - share_before) * seen[k, e]
                swept_before[k] = swept
            share_before = share
