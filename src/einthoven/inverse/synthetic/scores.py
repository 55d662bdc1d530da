"""How near an estimate comes to a world's truth: the columns of every table of inverse methods."""

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
from einthoven.inverse.synthetic.world import World

WINDOW_SHARE, PROMINENCE_SHARE, SMOOTH_SHARE = 0.05, 0.05, 0.03
"""Of the spread of true activation times: the earliest region, a breakthrough, smoothing."""
RADIUS_MM = 15.0
"""Two breakthroughs that are nearer than this are one, as in `analysis.breakthroughs`."""


@dataclass(frozen=True)
class InverseScores:
    """Errors of one estimate; None where a world or a method does not state the quantity.

    Attributes:
        re, cc, mse, spatial_cc, temporal_cc: `metrics.potentials.PotentialErrors`; mse in squared
            units of the world.
        at_error, at_cc: mean absolute error, in the world's unit of time, and correlation of
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
    def of(cls, world: World, estimate: Estimate) -> Self:
        """Score an estimate of a world's potentials.

        Activation times are the method's own where it states them, else those of the steepest
        wavefront in time and space (`metrics.activation_times.spatiotemporal_times`).

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        found, said = estimate
        muscle = np.isfinite(world.activation_time)
        spread = float(np.ptp(world.activation_time[muscle]))
        times = activation_times(world, estimate)
        at = ActivationErrors.of(times[muscle], world.activation_time[muscle])
        coverage = None
        if said.sd is not None:
            coverage = gaussian_coverage(found, said.sd, world.potentials, 0.9)
        at_coverage = None
        if said.activation_sd is not None:
            known = muscle & np.isfinite(times) & np.isfinite(said.activation_sd)
            inside = gaussian_coverage(
                times[known], said.activation_sd[known], world.activation_time[known], 0.9
            )
            at_coverage = float(inside * known.sum() / muscle.sum())  # no time: not covered
        return cls(
            **asdict(PotentialErrors.of(found, world.potentials)),
            at_error=at.mean_absolute,
            at_cc=at.correlation,
            site_error_mm=_site_error_mm(world, times, spread),
            n_breakthroughs=len(_breakthroughs(world, times, spread)),
            n_breakthroughs_true=len(_breakthroughs(world, world.activation_time, spread)),
            coverage_90=coverage,
            at_coverage_90=at_coverage,
            seconds=said.seconds,
        )


def activation_times(world: World, estimate: Estimate) -> np.ndarray:
    """Of an estimate: [node] in the world's unit of time."""
    if estimate.diagnostics.activation_time is not None:
        return estimate.diagnostics.activation_time
    spread = float(np.ptp(world.activation_time[np.isfinite(world.activation_time)]))
    return spatiotemporal_times(
        estimate.potentials,
        world.time,
        (world.heart_points, world.heart_faces),
        SMOOTH_SHARE * spread,
        falling=not world.transmembrane,
    )


def _muscle_surface(world: World) -> tuple[np.ndarray, np.ndarray]:
    """The heart's surface without its valve caps."""
    muscle = np.isfinite(world.activation_time)
    return world.heart_points, world.heart_faces[muscle[world.heart_faces].all(axis=1)]


def _breakthroughs(world: World, times: np.ndarray, spread: float) -> np.ndarray:
    times = np.where(np.isfinite(times), times, np.nanmax(times))  # never reached: no early site
    return breakthroughs(_muscle_surface(world), times, PROMINENCE_SHARE * spread, RADIUS_MM)


def _site_error_mm(world: World, times: np.ndarray, spread: float) -> float | None:
    """Mean over the sites."""
    if not len(world.sites):
        return None
    if len(world.sites) == 1:
        times = np.where(np.isfinite(world.activation_time), times, np.nan)
        found = earliest_site(_muscle_surface(world), times, WINDOW_SHARE * spread)[None]
    else:
        found = world.heart_points[_breakthroughs(world, times, spread)]
    return float(localisation_errors_mm(found, world.sites).mean())
