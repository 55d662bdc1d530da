"""From a measured case to potentials and activation times on the heart, with their uncertainty."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.cluster.vq import kmeans2

from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.base.metrics.activation_times import ActivationErrors, downslope_times
from einthoven.base.metrics.potentials import PotentialErrors
from einthoven.inverse.measured.beat import qrs_of
from einthoven.inverse.measured.case import HeartRecording, InverseCase
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method, MethodChoices
from einthoven.inverse.problem.registry import method_class
from einthoven.numerics.bem.transfer import BemTransfer, heart_to_torso

SMOOTH_MS = 2.0
"""SD of the Gaussian by whose derivative the steepest downslope is read."""
MARGIN_MS = 10.0
"""Before and after the QRS of the body, in which activation is sought on the heart."""
MAX_NODES = 6000
"""Of a surface: dense matrices of boundary elements grow with the square."""
BLIND = ("creso", "l-curve", "gcv", "robust-gcv", "evidence")
"""Criteria that need nothing but the data."""


@dataclass(frozen=True)
class Choice:
    """What the user chooses; nothing else of a method is asked for.

    Attributes:
        method: name in `problem.registry.METHODS`.
        criterion: name in `criteria.CRITERIA` of what chooses the weight; empty: the method's own.
    """

    method: str
    criterion: str = ""


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What one method makes of one case.

    Attributes:
        case: the input.
        method: its name.
        estimate: potentials [node, time] mV, of zero mean over the heart's area, and diagnostics.
        activation_time: [node] ms from the start of the beat.
        activation_sd: [node] ms; None: not asked for.
        torso_potentials: [torso node, time] mV that follow from the heart's, against the mean of
            the electrodes.
        body_potentials: [electrode, time] mV as measured, against the same.
    """

    case: InverseCase
    method: str
    estimate: Estimate
    activation_time: np.ndarray
    activation_sd: np.ndarray | None
    torso_potentials: np.ndarray
    body_potentials: np.ndarray

    @property
    def summary(self) -> str:
        """One line of numbers."""
        diagnostics, times = self.estimate.diagnostics, self.activation_time
        weight, is_moved = diagnostics.reg_weight, diagnostics.heart_points is not None
        sd = (
            ""
            if self.activation_sd is None
            else f" (median SD {np.median(self.activation_sd):.1f})"
        )
        return (
            f"{self.method}: {len(times)} nodes from {len(self.body_potentials)} electrodes, "
            f"{len(self.case.time)} samples; residual {100 * diagnostics.residual_rel:.1f} %"
            + (f", weight {weight:.3g} by {diagnostics.criterion}" if weight is not None else "")
            + ("; the heart is not where it is filed and was moved" if is_moved else "")
            + f"; potentials {self.estimate.potentials.min():.1f} to "
            f"{self.estimate.potentials.max():.1f} mV; activation {times.min():.0f} to "
            f"{times.max():.0f} ms{sd}; {diagnostics.seconds:.1f} s"
        )

    @property
    def errors(self) -> tuple[PotentialErrors, ActivationErrors] | None:
        """Against potentials that were recorded on the heart; None: there are none."""
        measured = self.case.measured
        if measured is None:
            return None
        areas = self.case.heart.areas[measured.nodes]
        truth = measured.relative_to_mean(areas)
        estimate = HeartRecording(measured.nodes, self.estimate.potentials[measured.nodes])
        potentials = PotentialErrors.of(estimate.relative_to_mean(areas), truth)
        true_times = _times(self.case, Estimate(truth, Diagnostics()))
        return potentials, ActivationErrors.of(self.activation_time[measured.nodes], true_times)

    @property
    def judged(self) -> str | None:
        """One line of errors against potentials that were recorded on the heart; None: unknown."""
        if (errors := self.errors) is None or (measured := self.case.measured) is None:
            return None
        potentials, times = errors
        return (
            f"against {len(measured.nodes)} electrodes on the heart: RE {potentials.re:.3f}, CC "
            f"{potentials.cc:.3f}; activation time {times.mean_absolute:.1f} ms off, correlation "
            f"{times.correlation:.2f}"
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
            start_ms=case.beat.start_ms, bad_leads=dict(case.bad_leads), notes=list(case.notes),
        )  # fmt: skip


LAYOUT = {
    "potentials": "[node, time] mV on the heart, zero mean over its area at each instant",
    "potentials_sd": "[node, time] mV standard deviation, where the method states one",
    "time": "[time] ms from the start of the beat, which is at start_ms of the recording",
    "activation_time": "[node] ms, same origin as time",
    "activation_sd": "[node] ms standard deviation",
    "heart_points": "[node, 3] mm", "heart_faces": "[face, 3] outward",
    "torso_points": "[torso node, 3] mm", "torso_faces": "[face, 3] outward",
    "torso_potentials": "[torso node, time] mV from those of the heart, against the mean electrode",
    "body_potentials": "[electrode, time] mV as measured, against the mean electrode",
    "electrode_points": "[electrode, 3] mm", "electrode_names": "[electrode]",
}  # fmt: skip
"""Array of `Reconstruction.save` -> dimensions and unit."""


def forward_model(case: InverseCase) -> BemTransfer:
    """The transfer matrix of a case in a homogeneous torso, by boundary elements.

    Raises:
        BadInput: a surface has more than `MAX_NODES` nodes.
    """
    parts = {"heart": case.heart.points, "torso": case.torso.points}
    for part, points in parts.items():
        if len(points) > MAX_NODES:
            raise BadInput(
                f"{part}: {len(points)} nodes; coarsen it to {MAX_NODES} at most (1,000 to 2,000 "
                "do: electrodes resolve no more)"
            )
    return heart_to_torso(
        (case.heart.points, case.heart.faces), (case.torso.points, case.torso.faces)
    )


def reconstruct_case(
    case: InverseCase, choice: Choice, forward: BemTransfer | None = None, n_groups: int = 8
) -> Reconstruction:
    """Estimate potentials and activation times.

    Activation is the steepest downslope of the potentials in the QRS, unless the method has times
    of its own. Its SD, unless the method states one, is the delete-a-group jackknife over
    `n_groups` of electrodes (Efron and Stein 1981, doi:10.1214/aos/1176345462). Groups are regions
    of the torso, since errors of neighbours are alike: with every fifth electrode left out in turn
    the SD was a seventh as large on the Utah tank. It holds what noise, the weight and where the
    electrodes are do to the times; what the method smooths away, and most of the forward model's
    error, it cannot hold: 90 % intervals of Tikhonov 2 there held 58 % of the recorded times.

    Args:
        case: measured.
        choice: method and criterion.
        forward: linear maps from the heart to the torso; None: those of `forward_model`.
        n_groups: of electrodes, each of which is left out once; 0: no SD.

    Raises:
        BadInput: as `method_for`.
    """
    forward = forward or forward_model(case)
    estimate = _fit(case, choice, forward)
    diagnostics = estimate.diagnostics
    times, sd = _times(case, estimate), diagnostics.activation_sd
    if sd is None and n_groups > 1:
        left_out = [
            _times(case, _fit(case.with_electrodes(kept), choice, forward))
            for kept in _groups(case, n_groups)
        ]
        sd = np.sqrt((len(left_out) - 1) * np.var(left_out, axis=0))
    torso = _of_found_heart(case, diagnostics, forward).matrix @ estimate.potentials
    torso = torso - case.electrodes.of_torso(torso).mean(axis=0)
    _, body = case.referenced(forward.matrix)
    return Reconstruction(case, choice.method, estimate, times, sd, torso, body)


def _of_found_heart(case: InverseCase, diagnostics: Diagnostics, filed: BemTransfer) -> BemTransfer:
    """The transfer matrix of the heart where the method found it, if it moved it."""
    if diagnostics.heart_points is None:
        return filed
    heart = SourceSurface(diagnostics.heart_points, case.heart.faces)
    return forward_model(replace(case, heart=heart))


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


def _fit(case: InverseCase, choice: Choice, forward: BemTransfer) -> Estimate:
    """The method on a case."""
    problem = case.problem(forward)
    return method_for(choice, problem).fit(problem)


def _times(case: InverseCase, estimate: Estimate) -> np.ndarray:
    """Activation times [node] ms: the method's own, or the steepest downslope in the QRS."""
    if estimate.diagnostics.activation_time is not None:
        return estimate.diagnostics.activation_time
    start, end = qrs_of(case.potentials - case.potentials.mean(axis=0), case.time)
    inside = (case.time >= start - MARGIN_MS) & (case.time <= end + MARGIN_MS)
    return downslope_times(estimate.potentials[:, inside], case.time[inside], SMOOTH_MS)


def _groups(case: InverseCase, n_groups: int) -> list[np.ndarray]:
    """[electrode] bool without one group, for each; the groups are regions of the torso."""
    n = len(case.electrodes)
    if n < 3 * n_groups:
        raise BadInput(f"{n} electrodes are too few to leave out one of {n_groups} groups")
    places = case.electrodes.of_torso(case.torso.points)
    _, group = kmeans2(places, n_groups, minit="++", seed=0)
    return [group != k for k in np.unique(group)]
