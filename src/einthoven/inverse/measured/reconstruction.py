"""Potentials and activation times on the heart of a measured case, with their uncertainty."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.cluster.vq import kmeans2

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, save_arrays
from einthoven.base.core.log import step, track
from einthoven.base.geometry.caps import capped
from einthoven.base.metrics.activation_times import ActivationErrors, downslope_times
from einthoven.base.metrics.potentials import PotentialErrors
from einthoven.base.metrics.reliability import gaussian_coverage
from einthoven.inverse.measured.beat import qrs_of
from einthoven.inverse.measured.case import InverseCase
from einthoven.inverse.measured.smoothness import Smoothness
from einthoven.inverse.measured.surface_files import MeasuredSurface
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method, MethodChoices
from einthoven.inverse.problem.registry import method_class
from einthoven.numerics.bem.transfer import BemTransfer, heart_to_torso

SMOOTH_MS = 2.0
"""SD of the Gaussian by whose derivative the steepest downslope is read."""
MARGIN_MS = 10.0
"""Margin around the QRS of the body, in which activation times are read on the heart."""
TIMES_BETWEEN, TIMES_FLOOR_MS = 2.0, 5.0
"""SD of an activation time of an average: this multiple of the SD between its members, and what
all of them share. Chosen on simulated patients (docs/studies/2026-11-25-default-inverse.md)."""
MAX_NODES = 6000
"""Most nodes of a surface, as dense matrices of boundary elements grow with the square."""
NINETY = 1.645
"""SD in half a 90 % interval."""
BLIND = ("creso", "l-curve", "gcv", "robust-gcv", "evidence")
"""Criteria that need nothing but the data."""


@dataclass(frozen=True)
class Choice:
    """A method and its criterion, the only choices of a user.

    Attributes:
        method: name in `problem.registry.METHODS`.
        criterion: name in `criteria.CRITERIA` of what chooses the weight; empty: the method's own.
    """

    method: str
    criterion: str = ""


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Estimate of one method for one case."""

    case: InverseCase
    method: str
    estimate: Estimate
    """Potentials [node, time] mV, of zero mean over the heart's area, and diagnostics."""
    activation_time: np.ndarray
    """[node] ms from the start of the beat."""
    activation_sd: np.ndarray | None
    """[node] ms; None: not computed."""
    torso_potentials: np.ndarray
    """[torso node, time] mV from those of the heart, against the mean of the electrodes."""
    body_potentials: np.ndarray
    """[electrode, time] mV as measured, against the same."""

    @property
    def summary(self) -> str:
        """One line of numbers."""
        diagnostics, times, sd = self.estimate.diagnostics, self.activation_time, self.activation_sd
        weight, potentials = diagnostics.reg_weight, self.estimate.potentials
        return (
            f"{self.method}: {len(times)} nodes from {len(self.body_potentials)} electrodes, "
            f"{len(self.case.time)} samples; residual {100 * diagnostics.residual_rel:.1f} %"
            + (f", weight {weight:.3g} by {diagnostics.criterion}" if weight is not None else "")
            + ("" if diagnostics.heart_points is None else "; the heart was moved from its file's "
               "place")
            + f"; potentials {potentials.min():.1f} to {potentials.max():.1f} mV; activation "
            f"{times.min():.0f} to {times.max():.0f} ms"
            + ("" if sd is None else f" (median SD {np.median(sd):.1f})")
            + ("" if diagnostics.sd is None else f"; 90 % intervals of potentials +-"
               f"{NINETY * np.median(diagnostics.sd):.1f} mV (median)")
            + f"; {diagnostics.seconds:.1f} s"
        )  # fmt: skip

    @property
    def errors(self) -> tuple[PotentialErrors, ActivationErrors] | None:
        """Errors against potentials recorded on the heart; None: no such recording."""
        if (measured := self.case.measured) is None:
            return None
        areas = self.case.heart.areas[measured.nodes]
        truth = less_area_mean(measured.potentials, areas)
        estimate = less_area_mean(self.estimate.potentials[measured.nodes], areas)
        true_times = _times(self.case, Estimate(truth, Diagnostics()))
        times = ActivationErrors.of(self.activation_time[measured.nodes], true_times)
        return PotentialErrors.of(estimate, truth), times

    @property
    def coverage(self) -> tuple[float | None, float | None]:
        """Shares of potentials and times recorded on the heart in their 90 % intervals.

        None: no recording, or no SD.
        """
        if (measured := self.case.measured) is None:
            return None, None
        nodes, areas = measured.nodes, self.case.heart.areas[measured.nodes]
        truth = less_area_mean(measured.potentials, areas)
        potentials = less_area_mean(self.estimate.potentials[nodes], areas)
        times = _times(self.case, Estimate(truth, Diagnostics()))
        of_potentials = of_times = None
        if (sd := self.estimate.diagnostics.sd) is not None:
            of_potentials = gaussian_coverage(potentials, sd[nodes], truth, 0.9)
        if (sd := self.activation_sd) is not None:
            of_times = gaussian_coverage(self.activation_time[nodes], sd[nodes], times, 0.9)
        return of_potentials, of_times

    @property
    def comparison(self) -> str | None:
        """One line of errors against potentials recorded on the heart; None: no recording."""
        if (errors := self.errors) is None or (measured := self.case.measured) is None:
            return None
        potentials, times = errors
        return (
            f"against {len(measured.nodes)} electrodes on the heart: RE {potentials.re:.3f}, CC "
            f"{potentials.cc:.3f}; activation time {times.mean_absolute:.1f} ms off, correlation "
            f"{times.correlation:.2f}"
            + "".join(
                f"; 90 % intervals of {what} hold {100 * share:.0f} %"
                for what, share in zip(("potentials", "times"), self.coverage)
                if share is not None
            )
        )

    def save_times(self, path: str | Path) -> None:
        """Write a CSV, atomically: node (from 1), place in mm, activation time and its SD in ms."""
        sd = self.activation_sd
        columns = [np.arange(1, len(self.activation_time) + 1), *self.case.heart.points.T,
                   self.activation_time, *([] if sd is None else [sd])]  # fmt: skip
        names = ["node", "x_mm", "y_mm", "z_mm", "activation_time_ms", "sd_ms"][: len(columns)]
        with atomic(path) as temporary:
            np.savetxt(temporary, np.column_stack(columns), ["%d", *["%.3f"] * (len(columns) - 1)],
                       delimiter=",", comments="", header=",".join(names))  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write one .npz, atomically; units and dimensions of all arrays are in its attributes."""
        case, diagnostics = self.case, self.estimate.diagnostics
        arrays: dict[str, np.ndarray] = {
            "potentials": self.estimate.potentials, "time": case.time,
            "activation_time": self.activation_time,
            "heart_points": case.heart.points, "heart_faces": case.heart.faces,
            "torso_points": case.torso.points, "torso_faces": case.torso.faces,
            "torso_potentials": self.torso_potentials, "body_potentials": self.body_potentials,
            "electrode_points": case.electrodes.of_torso(case.torso.points),
            "electrode_names": np.array(case.electrodes.channels),
        }  # fmt: skip
        optional = {"activation_sd": self.activation_sd, "potentials_sd": diagnostics.sd}
        arrays |= {name: values for name, values in optional.items() if values is not None}
        save_arrays(
            path, arrays, method=self.method, layout={name: LAYOUT[name] for name in arrays},
            residual_rel=diagnostics.residual_rel, reg_weight=diagnostics.reg_weight,
            criterion=diagnostics.criterion, seconds=diagnostics.seconds,
            start_ms=case.beat.start_ms, bad_leads=dict(case.bad_leads),
            notes=[*case.notes, *diagnostics.notes],
        )  # fmt: skip


LAYOUT = {
    "potentials": "[node, time] mV on the heart, zero mean over its area at each instant",
    "potentials_sd": "[node, time] mV standard deviation, where the method states one",
    "time": "[time] ms from the start of the beat, which is at start_ms of the recording",
    "activation_time": "[node] ms, same origin as time",
    "activation_sd": "[node] ms standard deviation",
    "heart_points": "[node, 3] mm", "heart_faces": "[face, 3] outward",
    "torso_points": "[torso node, 3] mm", "torso_faces": "[face, 3] outward",
    "torso_potentials": "[torso node, time] mV from those of the heart, against the mean electrode;"
    " between the electrodes interpolated where the matrix was filed",
    "body_potentials": "[electrode, time] mV as measured, against the mean electrode",
    "electrode_points": "[electrode, 3] mm", "electrode_names": "[electrode]",
}  # fmt: skip
"""Array of `Reconstruction.save` -> dimensions and unit."""


def forward_model(case: InverseCase) -> BemTransfer:
    """Linear maps from heart to torso in a homogeneous torso, by boundary elements.

    Raises:
        BadInput: a surface has more than `MAX_NODES` nodes.
    """
    for part, points in (("heart", case.heart.points), ("torso", case.torso.points)):
        if len(points) > MAX_NODES:
            raise BadInput(
                f"{part}: {len(points)} nodes; coarsen it to {MAX_NODES} at most (1,000 to 2,000 "
                "do: electrodes resolve no more)"
            )
    step("transfer matrix by boundary elements")
    return heart_to_torso(
        (case.heart.points, case.heart.faces), (case.torso.points, case.torso.faces)
    )


def matrix_of_geometry(heart: MeasuredSurface, torso: MeasuredSurface) -> np.ndarray:
    """Matrix of boundary elements between the nodes of the files: [torso node, heart node].

    Open surfaces are capped for it. It is what a filed matrix is compared with.

    Raises:
        BadInput: a hole has no simple cap.
    """
    surfaces = []
    for name, surface in (("heart", heart), ("torso", torso)):
        closed = surface.points, surface.faces
        surfaces.append(closed if surface.is_closed else capped(name, *closed))
    matrix = heart_to_torso(surfaces[0], surfaces[1]).matrix
    return matrix[: len(torso.points), : len(heart.points)]


def reconstruct_case(
    case: InverseCase, choice: Choice, forward: BemTransfer | None = None, n_groups: int = 8
) -> Reconstruction:
    """Estimate potentials and activation times.

    Activation is the steepest downslope of the potentials in the QRS, unless the method states
    times. Its SD, unless the method states one, is that between the members of an average, or the
    delete-a-group jackknife over `n_groups` of electrodes. Groups are regions of the torso, since
    errors of neighbours are alike: with every fifth electrode left out the SD was a seventh as
    large on the Utah tank. That SD holds the effect of noise, of the weight and of the electrodes'
    places. It does not hold what the method smooths away, nor most of the forward model's error:
    90 % intervals of Tikhonov 2 on the tank held 58 % of the recorded times.

    Args:
        case: measured.
        choice: method and criterion.
        forward: linear maps from the heart to the torso; None: those of `forward_model`. Not used
            where the case has a filed matrix.
        n_groups: of electrodes, each of which is left out once; 0: no SD.

    Raises:
        BadInput: as `method_for`, or fewer than three electrodes per group.

    References:
        Efron and Stein, Ann Stat 9:586 (1981), doi:10.1214/aos/1176345462.
    """
    if case.transfer is None:
        forward = forward or forward_model(case)
    problem = case.problem(forward)
    step(f"potentials by {choice.method}")
    estimate = method_for(choice, problem).fit(problem)
    diagnostics = estimate.diagnostics
    times, sd = _times(case, estimate), diagnostics.activation_sd
    if sd is None and diagnostics.members is not None:
        sd = _sd_of_members(case, diagnostics.members, diagnostics.member_weights, times)
    elif sd is None and n_groups > 1:
        sd = _jackknife_sd(case, choice, forward, n_groups)
    moved = case
    if case.transfer is not None and diagnostics.transfer is not None:
        moved = replace(case, transfer=diagnostics.transfer)
    elif diagnostics.heart_points is not None:
        heart = SourceSurface(diagnostics.heart_points, case.heart.faces)
        forward = forward_model(replace(case, heart=heart))
    torso = _on_torso(moved, forward, estimate.potentials)
    torso = torso - case.electrodes.of_torso(torso).mean(axis=0)
    return Reconstruction(case, choice.method, estimate, times, sd, torso, problem.body_potentials)


def method_for(choice: Choice, problem: InverseProblem) -> Method:
    """The method that a user chose, for a problem.

    Raises:
        BadInput: an unknown name, or a criterion that the method has no use for or that needs more
            than data.
    """
    name, criterion = choice.method, None
    kind = method_class(name)
    if choice.criterion:
        if choice.criterion not in BLIND or not kind.takes_criterion:
            known = ", ".join(BLIND) if kind.takes_criterion else "that it does not take"
            raise BadInput(f"method {name!r}: criterion {choice.criterion!r} is none of {known}")
        criterion = CRITERIA[choice.criterion]()
    return kind.of(problem, MethodChoices(criterion))


def _jackknife_sd(
    case: InverseCase, choice: Choice, forward: BemTransfer | None, n_groups: int
) -> np.ndarray:
    """SD of the activation times by leaving out regions of electrodes: [node] ms."""
    if len(case.electrodes) < 3 * n_groups:
        raise BadInput(f"{len(case.electrodes)} electrodes are too few to leave out one of "
                       f"{n_groups} groups; take fewer groups, or 0 for no SD")  # fmt: skip
    places = case.electrodes.of_torso(case.torso.points)
    _, group = kmeans2(places, n_groups, minit="++", seed=0)
    times = []
    for k in track(np.unique(group), "SD of times: electrodes left out, group"):
        part = case.with_electrodes(group != k)
        problem = part.problem(forward)
        times.append(_times(part, method_for(choice, problem).fit(problem)))
    return np.sqrt((len(times) - 1) * np.var(times, axis=0))


def _on_torso(case: InverseCase, forward: BemTransfer | None, potentials: np.ndarray) -> np.ndarray:
    """Potentials [torso node, time] mV of those on the heart [node, time] mV."""
    if forward is not None and case.transfer is None:
        return forward.matrix @ potentials
    # a filed matrix ends at the electrodes
    return Smoothness(case.torso, case.electrodes).continued(case.transfer @ potentials)


def _sd_of_members(
    case: InverseCase, members: np.ndarray, weights: np.ndarray | None, times: np.ndarray
) -> np.ndarray:
    """SD of activation times [node] ms from members [member, node, time] mV of an average."""
    each = [_times(case, Estimate(member, Diagnostics())) for member in members]
    between = np.average((np.stack(each) - times) ** 2, axis=0, weights=weights)
    return np.sqrt(TIMES_BETWEEN**2 * between + TIMES_FLOOR_MS**2)


def _times(case: InverseCase, estimate: Estimate) -> np.ndarray:
    """Activation times [node] ms: the method's own, or the steepest downslope in the QRS."""
    if estimate.diagnostics.activation_time is not None:
        return estimate.diagnostics.activation_time
    start, end = qrs_of(case.potentials - case.potentials.mean(axis=0), case.time)
    inside = (case.time >= start - MARGIN_MS) & (case.time <= end + MARGIN_MS)
    return downslope_times(estimate.potentials[:, inside], case.time[inside], SMOOTH_MS)
