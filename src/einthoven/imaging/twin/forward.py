"""The ECG of a wave and its exact derivatives: eq. (3) of Dokuchaev 2026 with V_m = U(t - tau).

As in `ecg.forward` the potential is the convolution of U' with the source that the wavefront meets,
q(s) = sum over cells of |cell| (G_i grad tau . grad Z) p_cell(s), integrated over bins in closed
form. Its derivative by a nodal time moves the strength, which is linear in tau, and the share of a
cell that a bin sweeps, a piecewise cubic polynomial of the nodal times: both are done exactly, so
that the derivative is that of the discrete potential to round-off.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numba
import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.forward import common_grid
from einthoven.physics.ecg.leads import lead_matrix
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.family import action_potential
from einthoven.physics.leadfield.conductivity import transversely_isotropic

SIGMAS = ("sigma_il", "sigma_it")
"""Conductivities whose logarithms are parameters, in this order; keys of section `leadfield`."""
AS_GIVEN = np.zeros(len(SIGMAS))
UNMOVED = np.zeros(0)
BIN_MS = 0.25
"""Bins of the wavefront's source; 0.1 ms changes potentials by less than 1e-3 of their peak."""
TINY_MS = 1e-9
"""Least difference between the nodal times of a cell; equal ones are set apart."""


class Potential(NamedTuple):
    """A 12-lead ECG by its independent leads, and its derivatives."""

    ecg: np.ndarray
    """[8, time] mV."""
    jacobian: np.ndarray
    """[8, time, parameter + 2] mV per unit: by parameters of the wave, then by log sigmas."""


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """Forward model: ECG of a heart from its activation times."""

    cells: np.ndarray
    """[cell, 4] of the heart."""
    flows: np.ndarray
    """[2, cell, 4, 8] |cell| G_i grad(hat_i) . grad Z of the independent leads, 1: of conduction
    along the fibres alone, and across."""
    time: np.ndarray
    """[time] ms, uniform."""
    template: tuple[np.ndarray, np.ndarray]
    """Time [sample] ms and U [sample] mV."""
    moves: "FieldMoves | None" = None
    """Changes of the lead fields with the body; None: the body is known."""

    @classmethod
    def of(
        cls,
        patient: Patient,
        fields: LeadFieldGradients,
        leadfield: LeadFieldSettings,
        time: np.ndarray,
    ) -> Self:
        """Forward model of a patient with mesh and fibres, on a uniform time axis [time] ms.

        Of the lead fields those of the nine electrodes count, of the settings the intracellular
        conductivities.

        Raises:
            BadInput: an electrode is missing, or shapes that do not fit.
        """
        heart = patient.heart
        check.shape("grad", fields.grad, (len(fields.electrode_names), len(heart.cells), 3))
        leads = lead_matrix(fields.electrode_names.tolist())
        rows = leads[INDEPENDENT_ROWS]
        grad = np.einsum("le,ecd->lcd", rows, fields.grad, optimize=True)
        along, across = leadfield.sigma_il_s_per_m, leadfield.sigma_it_s_per_m
        flows = [_flow(patient, grad, sigmas) for sigmas in ((along, 0.0), (0.0, across))]
        template = action_potential(BASELINE, BIN_MS)
        return cls(heart.cells, np.stack(flows), np.asarray(time, float), template)

    def with_moves(
        self, patient: Patient, leadfield: LeadFieldSettings, grads: np.ndarray
    ) -> "ForwardModel":
        """The same model in a body of which moves are unknown.

        grads: [move, 9, cell, 3] kOhm/mm of `core.names.STANDARD_ELECTRODES`, per unit of a move.
        """
        return replace(self, moves=FieldMoves.of(patient, leadfield, grads))

    @property
    def n_moves(self) -> int:
        """Number of moves of the body."""
        return 0 if self.moves is None else len(self.moves.grads)

    def ecg(
        self,
        activation_time: np.ndarray,
        log_sigmas: np.ndarray = AS_GIVEN,
        moved: np.ndarray = UNMOVED,
    ) -> np.ndarray:
        """ECG [8, time] mV of activation times [node] ms.

        log_sigmas [2] over the settings'; moved [move] units of the moves.
        """
        nothing = np.zeros((len(activation_time), 0))
        return self._swept(activation_time, nothing, self._flow(log_sigmas, moved)).ecg

    def potential(
        self,
        activation_time: np.ndarray,
        tangent: np.ndarray,
        log_sigmas: np.ndarray = AS_GIVEN,
        moved: np.ndarray = UNMOVED,
    ) -> Potential:
        """The ECG and its derivatives.

        Args:
            activation_time: [node] ms.
            tangent: [node, parameter] derivatives of the times.
            log_sigmas: [2] logarithms of `SIGMAS` over those of the settings.
            moved: [move] units of the moves, if there are any.

        Raises:
            BadInput: NaN, or shapes that do not fit.
        """
        check.shape("tangent", check.finite("tangent", tangent), (len(activation_time), None))
        ecg, jacobian = self._swept(activation_time, tangent, self._flow(log_sigmas, moved))
        only_along = self.ecg(activation_time, np.array([log_sigmas[0], -np.inf]), moved)
        by_sigmas = np.stack([only_along, ecg - only_along], axis=-1)
        columns = [jacobian, by_sigmas]
        if self.moves is not None:
            strength = self.moves.strengths(activation_time, log_sigmas)
            nothing = np.zeros((len(activation_time), 0))
            apart = self._swept(activation_time, nothing, np.zeros((0, 4, 0)), strength).ecg
            by_move = apart.reshape(self.n_moves, *ecg.shape)
            columns.append(by_move.transpose(1, 2, 0))
        return Potential(ecg, np.concatenate(columns, axis=-1))

    def _flow(self, log_sigmas: np.ndarray, moved: np.ndarray) -> np.ndarray:
        along, across = np.exp(log_sigmas)
        found: np.ndarray = along * self.flows[0] + across * self.flows[1]
        if self.moves is not None and moved.any():
            found += self.moves.flow(log_sigmas, moved)
        return found

    def _swept(
        self,
        activation_time: np.ndarray,
        tangent: np.ndarray,
        flow: np.ndarray,
        strength: np.ndarray | None = None,
    ) -> Potential:
        tau = check.finite("activation_time", activation_time).astype(np.float64)
        step, stride, slopes, first = common_grid(self.time, self.template)
        start = float(self.time[0]) - first
        origin_bin = int(np.floor((tau.min() - start) / step))
        n_bins = int(np.ceil((tau.max() - start) / step)) - origin_bin + 1
        sweep = Sweep.of(self.cells, tau, (start + origin_bin * step, step, n_bins))
        source, band = sweep.gathered(flow, tangent.shape[1] > 0, strength)
        moved = _along(sweep.low, sweep.begin, band, np.ascontiguousarray(tangent), n_bins)
        k = stride * np.arange(len(self.time)) - 1 - origin_bin - np.arange(n_bins)[:, None]
        inside = (k >= 0) & (k < len(slopes))
        kernel = np.where(inside, slopes[np.clip(k, 0, len(slopes) - 1)], 0.0)  # [bin, time]
        jacobian = kernel.T @ moved.reshape(n_bins, -1)
        jacobian = jacobian.reshape(len(self.time), *moved.shape[1:])
        return Potential(source.T @ kernel, jacobian.transpose(1, 0, 2))


@dataclass(frozen=True, eq=False)
class FieldMoves:
    """Changes of the flows of a heart with its body."""

    patient: Patient
    """Patient with mesh and fibres."""
    sigmas: tuple[float, float]
    """Conductivities along and across of the settings, S/m."""
    grads: np.ndarray
    """[move, 8, cell, 3] kOhm/mm of the independent leads, per unit of a move."""

    @classmethod
    def of(cls, patient: Patient, leadfield: LeadFieldSettings, grads: np.ndarray) -> Self:
        """Moves by their electrodes' gradients [move, 9, cell, 3] kOhm/mm.

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        nine = STANDARD_ELECTRODES
        check.shape("grads", check.finite("grads", grads),
                    (None, len(nine), len(patient.heart.cells), 3))  # fmt: skip
        rows = lead_matrix(list(nine))[INDEPENDENT_ROWS].astype(np.float32)
        leads = np.tensordot(grads.astype(np.float32), rows, ((1,), (1,)))  # [move, cell, 3, lead]
        sigmas = leadfield.sigma_il_s_per_m, leadfield.sigma_it_s_per_m
        return cls(patient, sigmas, np.ascontiguousarray(leads.transpose(0, 3, 1, 2)))

    def flow(self, log_sigmas: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Change of the flow [cell, 4, 8] at the moves [move]."""
        grad = np.tensordot(moved.astype(np.float32), self.grads, 1).astype(float)
        along, across = np.array(self.sigmas) * np.exp(log_sigmas)
        return _flow(self.patient, grad, (float(along), float(across)))

    def strengths(self, activation_time: np.ndarray, log_sigmas: np.ndarray) -> np.ndarray:
        """Strength of the source in each cell per unit of each move: [cell, move * 8]."""
        heart, f0 = self.patient.heart, self.patient.fibers.f0
        along, across = np.array(self.sigmas) * np.exp(log_sigmas)
        tensors = transversely_isotropic(f0, float(along), float(across))
        slope = np.einsum("ci,cid->cd", activation_time[heart.cells], heart.hat_gradients)
        current = np.einsum("cde,ce,c->cd", tensors, slope, heart.volumes).astype(np.float32)
        found = np.einsum("mlcd,cd->cml", self.grads, current, optimize=True)
        return np.ascontiguousarray(found.reshape(len(heart.cells), -1), dtype=float)


def _flow(patient: Patient, grad: np.ndarray, sigmas: tuple[float, float]) -> np.ndarray:
    """Flow [cell, 4, 8] of one tensor, sigmas along and across; grad [8, cell, 3] kOhm/mm."""
    heart, tensors = patient.heart, transversely_isotropic(patient.fibers.f0, *sigmas)
    source = np.einsum("lcd,cdk,c->clk", grad, tensors, heart.volumes, optimize=True)
    flow: np.ndarray = np.einsum("clk,cik->cil", source, heart.hat_gradients, optimize=True)
    return flow


@dataclass(frozen=True, eq=False)
class Sweep:
    """Cells with their nodes in the order of activation, and the bins that they touch."""

    order: np.ndarray
    """[cell, 4] of the nodes in the cell."""
    nodes: np.ndarray
    """[cell, 4] in that order."""
    times: np.ndarray
    """[cell, 4] ms, rising."""
    grid: tuple[float, float, int]
    """Origin ms, step ms and number of bins."""
    first: np.ndarray
    """[cell] first and, below, last bin that a cell touches."""
    last: np.ndarray
    low: np.ndarray
    """[node] first bin of the cells around a node."""
    begin: np.ndarray
    """[node + 1] where the bins of a node begin when all are put in one row."""

    @classmethod
    def of(cls, cells: np.ndarray, tau: np.ndarray, grid: tuple[float, float, int]) -> Self:
        """Sweep of activation times [node] ms over the bins of a grid."""
        origin, step, n_bins = grid
        order = np.argsort(tau[cells], axis=1, kind="stable")
        nodes = np.take_along_axis(cells, order, axis=1)
        times = tau[nodes]
        bins = np.floor((times[:, [0, 3]] - origin) / step).astype(np.int64)
        first, last = np.clip(bins, 0, n_bins - 1).T
        low, high = np.full(len(tau), n_bins), np.zeros(len(tau), np.int64)
        for corner in nodes.T:
            np.minimum.at(low, corner, first)
            np.maximum.at(high, corner, last + 1)
        begin = np.concatenate([[0], np.cumsum(np.maximum(high - low, 0))])
        return cls(order, nodes, times, grid, first.copy(), last.copy(), low, begin)

    def gathered(
        self, flow: np.ndarray, with_band: bool, strength: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The source [bin, lead], and its derivatives by nodal times [bin of a node, lead].

        A strength [cell, lead] takes the place of that of the flow, without derivatives.
        """
        if strength is None:
            flow = np.take_along_axis(flow, self.order[:, :, None], axis=1)
            strength = np.einsum("ci,cil->cl", self.times, flow)
        apart = self.times + TINY_MS * np.arange(4)
        n_leads = strength.shape[1]
        source = np.zeros((self.grid[2], n_leads))
        rows = np.zeros((self.begin[-1] if with_band else 0, n_leads))
        places = self.begin[self.nodes] - self.low[self.nodes]
        ends = self.grid[0] + self.grid[1] * np.arange(1, self.grid[2] + 1)
        _gather(apart, (self.first, self.last), ends, (flow, strength, places), (source, rows))
        return source, rows


@numba.njit(cache=True)
def swept_share(t: np.ndarray, s: float, slope: np.ndarray) -> float:
    """Share of a tetrahedron where a linear function tau is at most s, and its derivatives.

    The nodal values t [4] are sorted, no two equal; the share's derivatives by them go to `slope`.
    """
    slope[:] = 0.0
    if s < t[0]:
        return 0.0
    if s >= t[3]:
        return 1.0
    if s < t[1]:  # product over k of c_0k = (s - t0) / (tk - t0)
        share = 1.0
        for k in range(1, 4):
            share *= (s - t[0]) / (t[k] - t[0])
        for k in range(1, 4):
            slope[k] = -share / (t[k] - t[0])
            slope[0] += share * (1.0 / (t[k] - t[0]))
        cut = (s - t[0]) ** 2 / ((t[1] - t[0]) * (t[2] - t[0]) * (t[3] - t[0]))
        slope[0] -= 3.0 * cut
        return share
    if s < t[2]:
        c03, c13 = (s - t[0]) / (t[3] - t[0]), (s - t[1]) / (t[3] - t[1])
        c02, c12 = (s - t[0]) / (t[2] - t[0]), (s - t[1]) / (t[2] - t[1])
        by02 = c03 * (1.0 - c12)
        by12 = c13 - c03 * c02 + c03 * (1.0 - c13)
        by03, by13 = c12 * (1.0 - c13) + c02 * (1.0 - c12), c12 * (1.0 - c03)
        slope[0] = -by02 * (1.0 - c02) / (t[2] - t[0]) - by03 * (1.0 - c03) / (t[3] - t[0])
        slope[1] = -by12 * (1.0 - c12) / (t[2] - t[1]) - by13 * (1.0 - c13) / (t[3] - t[1])
        slope[2] = -by02 * c02 / (t[2] - t[0]) - by12 * c12 / (t[2] - t[1])
        slope[3] = -by03 * c03 / (t[3] - t[0]) - by13 * c13 / (t[3] - t[1])
        return c12 * c13 + c03 * (c12 * (1.0 - c13) + c02 * (1.0 - c12))
    ahead = 1.0  # product over k of d_k3 = (t3 - s) / (t3 - tk)
    for k in range(3):
        ahead *= (t[3] - s) / (t[3] - t[k])
    for k in range(3):
        slope[k] = -ahead / (t[3] - t[k])
        slope[3] += ahead / (t[3] - t[k])
    cut = (t[3] - s) ** 2 / ((t[3] - t[0]) * (t[3] - t[1]) * (t[3] - t[2]))
    slope[3] -= 3.0 * cut
    return 1.0 - ahead


@numba.njit(cache=True)
def _gather(times, bins, ends, cell_data, out):  # type: ignore[no-untyped-def]
    """Add up the cells' sources by bin, and their derivatives by bin of a node (`Sweep`)."""
    flow, strength, places = cell_data
    source, rows = out
    slope, before = np.zeros(4), np.zeros(4)
    for c in range(len(times)):
        first, last = bins[0][c], bins[1][c]
        share_before = 0.0
        before[:] = 0.0
        for b in range(first, last + 1):
            share = 1.0
            slope[:] = 0.0
            if b < last:  # the last bin ends after the last node
                share = swept_share(times[c], ends[b], slope)
            for lead in range(strength.shape[1]):
                source[b, lead] += (share - share_before) * strength[c, lead]
                if len(rows):
                    for i in range(4):
                        by_flow = (share - share_before) * flow[c, i, lead]
                        by_sweep = (slope[i] - before[i]) * strength[c, lead]
                        rows[places[c, i] + b, lead] += by_flow + by_sweep
            share_before = share
            before[:] = slope


@numba.njit(cache=True)
def _along(low, begin, rows, tangent, n_bins):  # type: ignore[no-untyped-def]
    """Derivatives of the source by parameters: [bin, lead, parameter]."""
    n_leads, n_parameters = rows.shape[1], tangent.shape[1]
    moved = np.zeros((n_bins, n_leads, n_parameters))
    if n_parameters == 0:
        return moved
    for node in range(len(low)):
        for row in range(begin[node], begin[node + 1]):
            for lead in range(n_leads):
                by_node, into = rows[row, lead], moved[low[node] + row - begin[node], lead]
                for p in range(n_parameters):  # innermost: all in one row of memory
                    into[p] += tangent[node, p] * by_node
    return moved
