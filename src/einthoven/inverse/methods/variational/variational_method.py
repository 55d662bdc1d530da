"""4D-Var: a wave of the Aliev-Panfilov equation plus a Gaussian model error."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from einthoven.base.core import check
from einthoven.inverse.methods.variational.control import (
    CONSTANTS,
    PER_SOURCE,
    POSES,
    Control,
    StimulusSources,
)
from einthoven.inverse.methods.variational.gauss_newton import Analysis, ControlPrior
from einthoven.inverse.methods.variational.model_error import (
    ErrorSizes,
    ModelError,
    Observed,
    ProjectedPotentials,
    fitted,
    matern_spectrum,
)
from einthoven.inverse.methods.variational.search import Guess, Library, LibrarySearch
from einthoven.inverse.methods.variational.trajectory import Dynamics
from einthoven.inverse.methods.variational.variational_posterior import VariationalPosterior
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method

LONGEST_RECORD = 1000.0
"""Longest record in time units; a beat takes about 60."""
N_DESCENT = 5
"""Most Gauss-Newton steps between two estimates of the error's sizes."""


@dataclass(frozen=True)
class Variational(Method):
    """4D-Var with the Aliev-Panfilov equation: weights by marginal likelihood, none by hand.

    u = rest + gain * u_AP(controls) + e. Controls are places and onsets of waves, D, k, a and the
    rate of recovery, a smooth map of log D, and displacements of the heart against the transfer
    matrix; e is the model error (`model_error`). The wave is fitted by least squares: weights by
    the estimated covariance of the residual gave wrong constants where the geometry was wrong. The
    posterior of e and the covariance of the controls follow from that covariance. The sizes of map
    and displacements are chosen by their evidence.

    References:
        MacKay, Neural Comput 4:415 (1992), doi:10.1162/neco.1992.4.3.415 (evidence).
    """

    name: ClassVar[str] = "variational"

    diffusion: float = 10.0
    """Centre of the prior of D, mm^2 per time unit."""
    excitation: float = 8.0
    """Centre of the prior of k."""
    threshold: float = 0.1
    """Centre of the prior of a."""
    constants_sd: float = 0.3
    """Prior SD of log D, log k, log a and log of the recovery's rate."""
    pose_sd: float = 5.0
    """First value of the SD of the heart's displacement, mm."""
    n_components: int = 100
    """Number of left singular vectors of the transfer matrix that are fitted."""
    n_modes: int = 300
    """Number of modes of the model error."""
    n_diffusion_modes: int = 0
    """Number of modes of the map of log D; a map absorbs the errors of a wrong geometry."""
    n_candidates: int = 50
    """Number of nodes from which the search starts waves."""
    max_sources: int = 6
    n_rounds: int = 2
    """Number of estimates of the error's sizes, each followed by Gauss-Newton steps."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate with its SD, activation times and their SD."""
        surface, time, unit = problem.surface, problem.time, problem.ms_per_unit
        check.between(
            "length of the record in time units of the model", np.ptp(time) / unit,
            2 * (time[1] - time[0]) / unit if len(time) > 1 else 1.0, LONGEST_RECORD,
            "is ms_per_unit that of `time`?",
        )  # fmt: skip
        dynamics = Dynamics(surface.neighbour_laplacian, time / unit)
        recording = ProjectedPotentials.of(
            problem.transfer, problem.body_potentials, self.n_components
        )
        observed = Observed(recording, surface.modes(self.n_modes), surface)
        search = LibrarySearch(self._library(dynamics, surface), recording)
        analysis = self._fewest_sources(search, observed)
        return self._reported(self._refined(analysis), unit)

    def _library(self, dynamics: Dynamics, surface: SourceSurface) -> Library:
        """Waves with the constants of the prior's centre, from sources a node wide."""
        width = float(np.sqrt(surface.areas.mean()))
        sources = StimulusSources(surface.points[:1], np.zeros(1), np.log([width]))
        none = np.zeros((len(surface.points), 0))
        base = np.array([self.diffusion, self.excitation, self.threshold, 1.0])
        control = Control(surface, base, np.zeros(4), none, np.zeros(0), sources)
        return Library(dynamics, control, self.n_candidates)

    def _fewest_sources(self, search: LibrarySearch, observed: Observed) -> Analysis:
        """Waves fitted with white errors; sources are added while the evidence rises.

        One source suffices where the residual is no larger than the noise, which is that of the
        data outside the components.
        """
        guess = search.first()
        best, evidence = self._fitted(search, observed, guess), -np.inf
        cost = 0.5 * PER_SOURCE * np.log(observed.recording.data.size)
        noise = observed.recording.noise
        while best.error.sizes.noise > 1.05 * noise and len(guess.onsets) < self.max_sources:
            if evidence == -np.inf:
                evidence = log_evidence(best)
            guess = search.one_more(guess._replace(speed=relative_speed(best.control)))
            if len(guess.onsets) == len(best.control.sources):
                break
            more = self._fitted(search, observed, guess)
            more_evidence = log_evidence(more)
            if more_evidence < evidence + cost:
                break
            best, evidence = more, more_evidence
        return best

    def _fitted(self, search: LibrarySearch, observed: Observed, guess: Guess) -> Analysis:
        library = search.library
        control = library.control
        width = np.full(len(guess.onsets), control.sources.log_widths[0])
        sources = StimulusSources(
            library.centres[list(guess.candidates)], np.array(guess.onsets), width
        )
        control = replace(
            control,
            log_constants=np.array([2 * np.log(guess.speed), 0, 0, 0]),
            sources=sources,
            gain=guess.gain,
        )
        prior = ControlPrior(np.full(4, self.constants_sd), np.zeros(0), width[0], guess.gain)
        error = ModelError(observed, ErrorSizes(1.0, 0.0, 1.0, 1.0))
        analysis = Analysis(library.dynamics, control, prior, error)
        return with_white_error(with_white_error(analysis).descended(N_DESCENT))

    def _refined(self, analysis: Analysis) -> Analysis:
        """Analysis with map and displacements, whose sizes are estimated in turn."""
        analysis = self._with_map(analysis)
        for _ in range(self.n_rounds):
            analysis = with_prior_sizes(with_white_error(analysis.descended(N_DESCENT)))
        return analysis.descended(N_DESCENT)

    def _with_map(self, analysis: Analysis) -> Analysis:
        modes = analysis.error.observed.modes
        n = min(self.n_diffusion_modes, modes.functions.shape[1] - 1)
        control = replace(
            analysis.control,
            modes=modes.functions[:, 1 : n + 1],
            log_diffusion=np.zeros(n),
        )
        spectrum = matern_spectrum(modes, 1 / np.sqrt(modes.eigenvalues[1]))[1 : n + 1]
        sd = self.constants_sd / 3 * np.sqrt(spectrum / spectrum.sum())
        prior = replace(analysis.prior, diffusion_sd=sd, pose_sd=self.pose_sd)
        return replace(analysis, control=control, prior=prior)

    def _reported(self, analysis: Analysis, ms_per_unit: float) -> Estimate:
        observed = analysis.error.observed
        error = fitted(observed, analysis.residual, starting_sizes(observed))
        posterior = VariationalPosterior.of(analysis, error)
        control, sizes = analysis.control, error.sizes
        d, k, a, r = control.base * np.exp(control.log_constants)
        numbers = {
            "noise": sizes.noise,
            "model_error": sizes.amplitude,
            "model_error_mm": sizes.length,
            "model_error_samples": sizes.duration,
            "transfer_error": sizes.transfer,
            "diffusion": d,
            "excitation": k,
            "threshold": a,
            "recovery": r,
            "log_diffusion_sd": float(np.sqrt(np.sum(analysis.prior.diffusion_sd**2))),
            "pose_sd_mm": analysis.prior.pose_sd,
            "gain": control.gain,
            "rest": control.rest,
            "n_sources": float(len(control.sources)),
        }
        diagnostics = Diagnostics(
            criterion="marginal likelihood",
            sd=posterior.sd,
            activation_time=posterior.activation_time * ms_per_unit,
            activation_sd=posterior.activation_sd * ms_per_unit,
            numbers=numbers,
        )
        return Estimate(posterior.potentials, diagnostics)


def with_white_error(analysis: Analysis) -> Analysis:
    """Analysis with a white error of the residual's size."""
    rms = float(np.sqrt(np.mean(analysis.residual**2)))
    sizes = ErrorSizes(rms, 0.0, 1.0, 1.0)
    return replace(analysis, error=replace(analysis.error, sizes=sizes))


def log_evidence(analysis: Analysis) -> float:
    """Log evidence of the residual with the model error of largest evidence."""
    observed = analysis.error.observed
    return fitted(observed, analysis.residual, starting_sizes(observed)).log_evidence(
        analysis.residual
    )


def relative_speed(control: Control) -> float:
    """Speed of a plane wave, as a multiple of that with the constants of the prior's centre."""
    before, now = control.base, control.base * np.exp(control.log_constants)
    speeds = [np.sqrt(d * k) * max(1 - 2 * a, 0.1) for d, k, a, _ in (before, now)]
    return float(speeds[1] / speeds[0])


def starting_sizes(observed: Observed) -> ErrorSizes:
    """Start of the search for the sizes."""
    noise, length = observed.recording.noise, 1 / np.sqrt(observed.modes.eigenvalues[4])
    return ErrorSizes(noise, noise, float(length), 20.0, noise)


def with_prior_sizes(analysis: Analysis) -> Analysis:
    """MacKay's update of the priors of the map of log D and of the displacements."""
    prior, variances = analysis.prior, np.diag(analysis.covariance)
    deviation, precision = prior.deviation(analysis.control), prior.precision(analysis.control)

    def factor(part: slice) -> float:
        determined = np.sum(1 - precision[part] * variances[part])
        scaled = np.sum(precision[part] * deviation[part] ** 2)
        return float(np.clip(np.sqrt(scaled / max(determined, 0.1)), 0.1, 10.0))

    fields = slice(CONSTANTS, CONSTANTS + len(prior.diffusion_sd))
    diffusion_sd = prior.diffusion_sd * factor(fields)
    pose_sd = prior.pose_sd * factor(slice(-POSES, None))
    sizes = replace(prior, diffusion_sd=diffusion_sd, pose_sd=pose_sd)
    return replace(analysis, prior=sizes)
