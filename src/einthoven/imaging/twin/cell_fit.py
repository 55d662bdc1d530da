"""Durations and plateaus of the cells of a heart from ST segment and T wave, for a known wave.

V_m = U(t - tau) + D(t - tau; d, s) with U the template's potential, and D what a cell of duration d
and share s of the low plateau has beyond it (`cells.plateaus`). D has no upstroke, so its
derivatives by d and s are taken at the nodes: a Jacobian of 126 parameters takes 0.2 s of a busy
core. Residuals are those of the swept wave (`ecg.transfer`).

Durations and logits of s are smooth fields. The fit goes from few long modes and large errors to
many short ones and small errors: fits that began with all modes ended in local minima.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

import numba
import numpy as np

from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.prior import TwinSettings, onset_modes
from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.ecg.leads import lead_matrix
from einthoven.physics.ecg.people_beats import VentricularBeat
from einthoven.physics.ecg.transfer import Cells, ElectrodeTransfer
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.plateaus import low_plateaus
from einthoven.physics.electrophysiology.cells.template import potential, regular_times
from einthoven.physics.electrophysiology.repolarisation import GradientFields
from einthoven.physics.leadfield.conductivity import transversely_isotropic

N_TIMES = 600
"""Length of a fitted beat, ms from the first activation."""
MEAN_SD_MS, GRADIENT_SD_MS = 25.0, 15.0
"""SDs of the mean duration and of its gradients."""
GRADIENTS, TRANSMURAL = [0, 2, 3], 3
"""Gradients of the durations beside the modes: base, ventricle, wall; that of the plateaus."""
MEANS_MS = (-80.0, -60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0, 90.0)
"""Mean durations at which a fit begins, from the first ones; the best is taken."""
ST_MS, STEP_MS, BEFORE_J_MS, AFTER_T_MS = 80.0, 4, 6, 160
"""Length of the ST segment, and samples that count, before the end of the QRS and after the T: a
recorded beat is flat there, and cells whose end nobody sees last long enough for a wave there."""
EDGE_MS, LEAST_SHARE = 12.0, 0.03
"""Durations approach the ends of the family over the first; shares begin so far from 0 and 1."""


@dataclass(frozen=True)
class FitLevel:
    """Modes and errors of one level of the fit."""

    length_mm: float
    n_modes: int
    duration_sd_ms: float
    logit_sd: float
    st_mv: float
    """Error in the ST segment."""
    t_mv: float
    """Error in the T wave, and what is added to it by the lead's largest value there."""
    t_share: float
    n_steps: int = 40
    tolerance: float = 3e-3
    """Relative decrease of the cost at which the level ends."""


LEVELS = (
    FitLevel(60.0, 10, 15.0, 1.0, 0.02, 0.03, 0.15),
    FitLevel(35.0, 30, 20.0, 1.2, 0.01, 0.01, 0.06),
    FitLevel(25.0, 60, 20.0, 1.2, 0.006, 0.005, 0.03),
)


class CellFields(NamedTuple):
    """Cells of a heart."""

    durations: np.ndarray
    """[node] APD90, ms."""
    logits: np.ndarray
    """[node] of the share of the low plateau."""

    @classmethod
    def of(cls, durations: np.ndarray, low: np.ndarray | None) -> Self:
        """Fields of durations [node] ms and shares of the low plateau [node]; None: 0."""
        share = np.zeros(len(durations)) if low is None else low
        share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
        return cls(np.asarray(durations, float), np.log(share / (1 - share)))

    @property
    def low(self) -> np.ndarray:
        """Share of the low plateau [node]."""
        found: np.ndarray = 1 / (1 + np.exp(-self.logits))
        return found

    @property
    def apd90(self) -> np.ndarray:
        """Durations within the family, whose ends they approach smoothly: [node] ms."""
        first, last = _ends()
        inside = first + EDGE_MS * np.logaddexp(0, (self.durations - first) / EDGE_MS)
        inside = last - EDGE_MS * np.logaddexp(0, (last - inside) / EDGE_MS)
        return np.clip(inside, first, last)

    @property
    def apd90_slope(self) -> np.ndarray:
        """Derivative of `apd90` by `durations`: [node]."""
        first, last = _ends()
        up, down = (self.durations - first) / EDGE_MS, (last - self.durations) / EDGE_MS
        found: np.ndarray = 1 / ((1 + np.exp(-up)) * (1 + np.exp(-down)))
        return found


def _ends() -> tuple[float, float]:
    """Shortest and longest durations, just within the family, ms."""
    known = family().apd90
    return float(known[0]) + 0.01, float(known[-1]) - 0.01


class CellBasis(NamedTuple):
    """Fields per SD of each parameter."""

    durations: np.ndarray
    """[node, parameter] ms: mean, gradients, modes."""
    logits: np.ndarray
    """[node, parameter]: mean, transmural gradient, modes."""

    @classmethod
    def of(cls, points: np.ndarray, gradients: np.ndarray, level: FitLevel) -> Self:
        """Basis of a heart: points [node, 3] mm, gradients [4, node] per ms."""
        settings = TwinSettings(onset_sd_ms=1.0, onset_length_mm=level.length_mm,
                                n_modes=level.n_modes)  # fmt: skip
        modes, one = onset_modes(points, settings), np.ones((len(points), 1))
        return cls(
            np.hstack([MEAN_SD_MS * one, GRADIENT_SD_MS * gradients[GRADIENTS].T,
                       level.duration_sd_ms * modes]),
            np.hstack([one, gradients[[TRANSMURAL]].T, level.logit_sd * modes]),
        )  # fmt: skip

    def added(self, first: CellFields, x: np.ndarray) -> CellFields:
        """First fields changed by parameters [parameter] in SD."""
        n = self.durations.shape[1]
        return CellFields(first.durations + self.durations @ x[:n],
                          first.logits + self.logits @ x[n:])  # fmt: skip

    def nearest(self, change: CellFields) -> np.ndarray:
        """Parameters [parameter] of nearly a given change of the fields."""
        return np.concatenate([_ridge(part, wanted) for part, wanted in zip(self, change)])


def _ridge(basis: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    squares = basis.T @ basis
    damped = squares + 1e-3 * np.trace(squares) / len(squares) * np.eye(len(squares))
    found: np.ndarray = np.linalg.solve(damped, basis.T @ wanted)
    return found


@dataclass(frozen=True, eq=False)
class KnownWave:
    """An activation of a heart, and the beat that its cells are to give."""

    patient: Patient
    grad: np.ndarray
    """[9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`."""
    transfer: ElectrodeTransfer
    """From activation to the electrodes of `grad`, `N_TIMES` long."""
    gradients: GradientFields
    tau: np.ndarray
    """[node] ms, the least is zero."""
    sigmas: tuple[float, float]
    """Intracellular conductivities along and across, mS/mm."""
    gain: float
    onset_ms: float
    """The QRS onset after the first activation."""
    beat: VentricularBeat
    other: np.ndarray
    """[12, N_TIMES] mV that the recorded beat has besides the ventricles' (atria)."""

    def cells(self, fields: CellFields) -> Cells:
        """The wave's cells."""
        return Cells(*self.sigmas, fields.apd90, BASELINE, fields.low)

    @cached_property
    def front(self) -> np.ndarray:
        """ECG [12, N_TIMES] mV with the template's cells."""
        cells = Cells(*self.sigmas, np.zeros(len(self.tau)), BASELINE)
        return self._leads(self.transfer.front(self.tau, cells))

    def beyond(self, fields: CellFields) -> np.ndarray:
        """Part of the cells, beside `front`: [12, N_TIMES] mV."""
        return self._leads(self.transfer.differences(self.tau, self.cells(fields)))

    def _leads(self, potentials: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.gain * (lead_matrix(STANDARD_ELECTRODES) @ potentials)
        return found

    @cached_property
    def samples(self) -> np.ndarray:
        """Samples that count."""
        first = round(self.onset_ms + self.beat.qrs_ms) - BEFORE_J_MS
        last = round(self.onset_ms + self.beat.qt_ms + AFTER_T_MS)
        return np.arange(first, min(N_TIMES - 1, last), STEP_MS)

    @cached_property
    def is_st(self) -> np.ndarray:
        """Samples of the ST segment: [sample]."""
        return self.samples < self.onset_ms + self.beat.qrs_ms + ST_MS

    @cached_property
    def wanted(self) -> np.ndarray:
        """Part that is left to the cells: [12, sample] mV."""
        seen = self.beat.window(self.onset_ms, N_TIMES) - self.other - self.front
        return seen[:, self.samples]

    @cached_property
    def nodal(self) -> np.ndarray:
        """Leads per mV of a node's V_m: [node, 12]."""
        sigma_i = transversely_isotropic(self.patient.fibers.f0, *self.sigmas)
        potentials = transfer_matrix(self.patient.heart, sigma_i, self.grad)
        return self._leads(potentials).T

    def errors(self, level: FitLevel) -> np.ndarray:
        """Errors of the samples: [12, sample] mV."""
        later = self.beat.window(self.onset_ms, N_TIMES)[:, self.samples[~self.is_st]]
        of_t = level.t_mv + level.t_share * np.abs(later).max(axis=1)
        return np.where(self.is_st, level.st_mv, of_t[:, None])

    def fit(self, first: CellFields, levels: Sequence[FitLevel] = LEVELS) -> CellFields:
        """The most probable cells about first ones, from the best of a few mean durations.

        Args:
            first: centre of the prior.
            levels: one after the other.
        """
        fields = first
        for number, level in enumerate(levels):
            basis = CellBasis.of(self.patient.heart.points, self.gradients.smoothed, level)
            problem = CellProblem(self, first, basis, self.errors(level))
            change = CellFields(*(a - b for a, b in zip(fields, first)))
            begin = basis.nearest(change) if number else problem.best_mean
            damping = Damping(1e-2, 0.3, 4.0, 14, least=1e-4)
            found, _ = minimise(problem, begin, damping, level.n_steps, (level.tolerance, 0.0))
            fields = basis.added(first, found)
        return fields


@dataclass(frozen=True, eq=False)
class CellProblem:
    """Cost of the cells' parameters, in SD."""

    wave: KnownWave
    first: CellFields
    basis: CellBasis
    errors: np.ndarray
    """[12, sample] mV."""

    @property
    def best_mean(self) -> np.ndarray:
        """Parameters of the mean duration at which the cost is least."""
        starts = np.zeros((len(MEANS_MS), sum(part.shape[1] for part in self.basis)))
        starts[:, 0] = np.array(MEANS_MS) / MEAN_SD_MS
        return min(starts, key=self.cost)

    def residual(self, x: np.ndarray) -> np.ndarray:
        """[12, sample] in units of the errors."""
        beyond = self.wave.beyond(self.basis.added(self.first, x))
        found: np.ndarray = (beyond[:, self.wave.samples] - self.wave.wanted) / self.errors
        return found

    def cost(self, point: np.ndarray) -> float:
        """Minus the logarithm of the posterior density, up to a constant."""
        return float(np.square(self.residual(point)).sum() + point @ point) / 2

    def quadratic(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Gauss-Newton matrix; the Jacobian is that of the nodes."""
        jacobian = self.jacobian(point).reshape(-1, len(point))
        hessian = jacobian.T @ jacobian + np.eye(len(point))
        return jacobian.T @ self.residual(point).ravel() + point, hessian

    def moved(self, point: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Parameters after a step."""
        return point + step

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """[12, sample, parameter] of the residual, by V_m at the nodes."""
        wave, fields = self.wave, self.basis.added(self.first, x)
        by_duration, by_share = _slopes(wave, fields)
        by_apd90 = by_duration * fields.apd90_slope[:, None]
        by_logit = by_share * (fields.low * (1 - fields.low))[:, None]
        parts = []
        for rates, basis in zip((by_apd90, by_logit), self.basis):
            leads = (wave.nodal[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
            parts.append((rates.T @ leads).reshape(rates.shape[1], wave.nodal.shape[1], -1))
        jacobian = np.concatenate(parts, axis=2).transpose(1, 0, 2)
        found: np.ndarray = jacobian / self.errors[:, :, None]
        return found


def _slopes(wave: KnownWave, fields: CellFields) -> list[np.ndarray]:
    """D by duration, mV/ms, and by share, mV, at the nodes: each [node, sample]."""
    durations, share = fields.apd90, fields.low[:, None]
    rows, times = [], wave.samples[None] - wave.tau[:, None] - regular_times(1.0)[0]
    for members, table in zip((family(), low_plateaus()), _tables()):
        values = np.empty((2, len(durations), len(wave.samples)))
        shorter, longer = members.between(durations)
        _look_up(shorter, longer, np.diff(members.apd90), times, table, values)
        rows.append(values)
    (usual, usual_rate), (lower, lower_rate) = rows
    return [(1 - share) * usual_rate + share * lower_rate, lower - usual]


@lru_cache
def _tables() -> list[np.ndarray]:
    """V of the members of both families at `regular_times(1.0)`: each [member, ms]."""
    time = regular_times(1.0)
    return [np.array([potential(time, v_m) for v_m in part.v_m])
            for part in (family(), low_plateaus())]  # fmt: skip


@numba.njit(cache=True)
def _look_up(
    shorter: np.ndarray,
    longer: np.ndarray,
    gaps: np.ndarray,
    times: np.ndarray,
    table: np.ndarray,
    values: np.ndarray,
) -> None:
    """V and its rate by duration, in place, linear between entries of a table [member, ms]."""
    last = table.shape[1] - 2
    for i in range(len(shorter)):
        k, w = shorter[i], longer[i]
        for j in range(times.shape[1]):
            at = min(max(times[i, j], 0.0), last + 1.0)
            m = min(int(at), last)
            f = at - m
            a = table[k, m] + f * (table[k, m + 1] - table[k, m])
            b = table[k + 1, m] + f * (table[k + 1, m + 1] - table[k + 1, m])
            values[0, i, j] = a + w * (b - a)
            values[1, i, j] = (b - a) / gaps[k]
