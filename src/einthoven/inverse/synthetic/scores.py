"""How near an estimate comes to a known answer: the columns of every table of inverse methods."""

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from einthoven.base.metrics.activation_times import (
    ActivationErrors,
    breakthroughs,
    earliest_site,
    localisation_errors_mm,
    spatiotemporal_times,
)
from einthoven.base.metrics.potentials import PotentialErrors
from einthoven.base.metrics.reliability import gaussian_coverage
from einthoven.inverse.problem.method import Estimate
from einthoven.inverse.synthetic.known_problem import KnownProblem

WINDOW_SHARE, PROMINENCE_SHARE, SMOOTH_SHARE = 0.05, 0.05, 0.03
"""Of the spread of true activation times: the earliest region, a breakthrough, smoothing."""
RADIUS_MM = 15.0
"""Breakthroughs closer than this are merged."""


@dataclass(frozen=True)
class InverseScores:
    """Errors of one estimate; None where a problem or a method does not state the quantity.

    Attributes:
        re, cc, mse, spatial_cc, temporal_cc: `metrics.potentials.PotentialErrors`; mse in squared
            units of the problem.
        at_error, at_cc: mean absolute error, in the problem's unit of time, and correlation of
            activation times over nodes with muscle.
        site_error_mm: from the pacing site, or the mean over several, to the earliest region, or
            to the nearest breakthrough of several.
        n_breakthroughs, n_breakthroughs_true: by the same definition from estimate and truth.
        coverage_90, at_coverage_90: shares of true potentials and times in the 90 % intervals.
        seconds: of the method.
    """

    re: float
    cc: float
    mse: float
    spatial_cc: float
    temporal_cc: float
    at_error: float
    at_cc: float
    site_error_mm: float | None
    n_breakthroughs: int
    n_breakthroughs_true: int
    coverage_90: float | None
    at_coverage_90: float | None
    seconds: float

    @classmethod
    def of(cls, problem: KnownProblem, estimate: Estimate) -> Self:
        """Score an estimate of a problem's potentials.

        Activation times are the method's own where it states them, else those of the steepest
        wavefront in time and space (`metrics.activation_times.spatiotemporal_times`).

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        found, said = estimate
        muscle = np.isfinite(problem.activation_time)
        spread = float(np.ptp(problem.activation_time[muscle]))
        times = activation_times(problem, estimate)
        at = ActivationErrors.of(times[muscle], problem.activation_time[muscle])
        coverage = None
        if said.sd is not None:
            coverage = gaussian_coverage(found, said.sd, problem.potentials, 0.9)
        at_coverage = None
        if said.activation_sd is not None:
            known = muscle & np.isfinite(times) & np.isfinite(said.activation_sd)
            inside = gaussian_coverage(
                times[known], said.activation_sd[known], problem.activation_time[known], 0.9
            )
            at_coverage = float(inside * known.sum() / muscle.sum())  # no time: not covered
        return cls(
            **asdict(PotentialErrors.of(found, problem.potentials)),
            at_error=at.mean_absolute,
            at_cc=at.correlation,
            site_error_mm=_site_error_mm(problem, times, spread),
            n_breakthroughs=len(_breakthroughs(problem, times, spread)),
            n_breakthroughs_true=len(_breakthroughs(problem, problem.activation_time, spread)),
            coverage_90=coverage,
            at_coverage_90=at_coverage,
            seconds=said.seconds,
        )


def activation_times(problem: KnownProblem, estimate: Estimate) -> np.ndarray:
    """Of an estimate: [node] in the problem's unit of time."""
    if estimate.diagnostics.activation_time is not None:
        return estimate.diagnostics.activation_time
    spread = float(np.ptp(problem.activation_time[np.isfinite(problem.activation_time)]))
    return spatiotemporal_times(
        estimate.potentials,
        problem.time,
        (problem.heart_points, problem.heart_faces),
        SMOOTH_SHARE * spread,
        falling=not problem.transmembrane,
    )


def _muscle_surface(problem: KnownProblem) -> tuple[np.ndarray, np.ndarray]:
    """The heart's surface without its valve caps."""
    muscle = np.isfinite(problem.activation_time)
    return problem.heart_points, problem.heart_faces[muscle[problem.heart_faces].all(axis=1)]


def _breakthroughs(problem: KnownProblem, times: np.ndarray, spread: float) -> np.ndarray:
    times = np.where(np.isfinite(times), times, np.nanmax(times))  # never reached: no early site
    return breakthroughs(_muscle_surface(problem), times, PROMINENCE_SHARE * spread, RADIUS_MM)


def _site_error_mm(problem: KnownProblem, times: np.ndarray, spread: float) -> float | None:
    """Mean over the sites."""
    if not len(problem.sites):
        return None
    if len(problem.sites) == 1:
        times = np.where(np.isfinite(problem.activation_time), times, np.nan)
        found = earliest_site(_muscle_surface(problem), times, WINDOW_SHARE * spread)[None]
    else:
        found = problem.heart_points[_breakthroughs(problem, times, spread)]
    return float(localisation_errors_mm(found, problem.sites).mean())
