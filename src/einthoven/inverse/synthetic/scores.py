"""Errors of an estimate against a known answer: the columns of every table of inverse methods."""

from dataclasses import asdict

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
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT

WINDOW_SHARE, PROMINENCE_SHARE, SMOOTH_SHARE = 0.05, 0.05, 0.03
"""Earliest region, prominence of a breakthrough and smoothing, as shares of the range of the true
activation times."""
RADIUS_MM = 15.0
"""Breakthroughs closer than this are merged."""


def scores(problem: KnownProblem, estimate: Estimate) -> dict[str, float]:
    """Errors of an estimate by name; quantities that problem or method do not state are left out.

    Activation times are the method's own where it states them, else those of the steepest
    wavefront in time and space (`metrics.activation_times.spatiotemporal_times`).

    Returns:
        re, cc, mse, spatial_cc, temporal_cc: see `metrics.potentials.PotentialErrors`; mse in
            squared units of the problem.
        at_error_ms, at_cc: mean absolute error and correlation of the activation times of nodes
            with muscle.
        site_error_mm: distance of the pacing site from the earliest region; the mean distance of
            several sites from the nearest breakthrough.
        n_breakthroughs, n_breakthroughs_true: by the same definition from estimate and truth.
        coverage_90, at_coverage_90: shares of true potentials and times in the 90 % intervals.
        residual_rel, seconds: of the method.

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    potentials, diagnostics = estimate
    truth = problem.activation_time
    muscle = np.isfinite(truth)
    spread = float(np.ptp(truth[muscle]))
    times = _activation_times(problem, estimate, spread)
    errors = ActivationErrors.of(times[muscle], truth[muscle])
    unit = 1.0 if problem.time_unit == "ms" else MS_PER_UNIT
    row: dict[str, float] = {
        **asdict(PotentialErrors.of(potentials, problem.potentials)),
        "at_error_ms": errors.mean_absolute * unit,
        "at_cc": errors.correlation,
        "n_breakthroughs": float(len(_breakthroughs(problem, times, spread))),
        "n_breakthroughs_true": float(len(_breakthroughs(problem, truth, spread))),
        "residual_rel": diagnostics.residual_rel,
        "seconds": diagnostics.seconds,
    }
    if len(problem.sites):
        row["site_error_mm"] = _site_error_mm(problem, times, spread)
    if diagnostics.sd is not None:
        row["coverage_90"] = gaussian_coverage(potentials, diagnostics.sd, problem.potentials, 0.9)
    if (sd := diagnostics.activation_sd) is not None:
        known = muscle & np.isfinite(times) & np.isfinite(sd)
        inside = gaussian_coverage(times[known], sd[known], truth[known], 0.9)
        row["at_coverage_90"] = float(inside * known.sum() / muscle.sum())  # no time: not covered
    return row


def _activation_times(problem: KnownProblem, estimate: Estimate, spread: float) -> np.ndarray:
    """Activation times of an estimate: [node] in the problem's unit of time."""
    if estimate.diagnostics.activation_time is not None:
        return estimate.diagnostics.activation_time
    surface = problem.heart_points, problem.heart_faces
    return spatiotemporal_times(
        estimate.potentials,
        problem.time,
        surface,
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


def _site_error_mm(problem: KnownProblem, times: np.ndarray, spread: float) -> float:
    """Mean distance from the true sites."""
    if len(problem.sites) == 1:
        times = np.where(np.isfinite(problem.activation_time), times, np.nan)
        sites = earliest_site(_muscle_surface(problem), times, WINDOW_SHARE * spread)[None]
    else:
        sites = problem.heart_points[_breakthroughs(problem, times, spread)]
    return float(localisation_errors_mm(sites, problem.sites).mean())
