"""Tikhonov regularisation of order 0, 1 and 2, and truncated SVD."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.inverse.methods.regularisation.criteria import Criterion, LCurve
from einthoven.inverse.methods.regularisation.penalties import (
    AreaPenalty,
    GradientPenalty,
    Penalty,
    beltrami_penalty,
    neighbour_penalty,
)
from einthoven.inverse.methods.regularisation.standard_form import StandardForm
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import CriterionMethod, Diagnostics, Estimate
from einthoven.inverse.problem.spectrum import Spectrum, TruncatedSpectrum

FAR_WEIGHT = 30.0
"""A weight per instant farther off the median than this factor is taken for a failure."""


@dataclass(frozen=True)
class SpectralMethod(CriterionMethod):
    """min |y - A u|^2 + lambda^2 |L u|^2 at each instant, or another filter of the same modes."""

    criterion: Criterion = field(default_factory=LCurve)
    """Chooses lambda. Criteria that expect white noise (gcv, robust-gcv, evidence) are nearer to
    the best weight where that is all the error there is, and useless where a wrong transfer matrix
    is most of it, as in measured data: what it leaves is smooth and is fitted."""
    per_instant: bool = False
    """A weight per instant instead of one for all, as `weights_per_instant`;
    `Diagnostics.numbers["n_replaced_weights"]` counts those replaced."""

    @abstractmethod
    def penalty(self, surface: SourceSurface) -> Penalty:
        """L on a surface."""

    def filtered(self, spectrum: Spectrum) -> Spectrum:
        """The spectrum with this method's filter factors."""
        return spectrum

    def solve(self, problem: InverseProblem) -> Estimate:
        """As `Method.fit`; `reg_weight` is lambda (its median, if per instant)."""
        body_potentials = problem.body_potentials
        form = StandardForm.of(
            problem.transfer, self.penalty(problem.surface), problem.surface.areas
        )
        instants = np.arange(body_potentials.shape[1])
        groups = np.split(instants, len(instants)) if self.per_instant else [instants]
        spectra = [self.filtered(form.spectrum(body_potentials[:, group])) for group in groups]
        if self.per_instant:
            weights, n_replaced = weights_per_instant(self.criterion, spectra)
        else:
            weights, n_replaced = np.array([self.criterion.choose(spectra[0])]), 0
        filters = spectra[0].filters(weights).T
        numbers = {"effective_rank": float(filters.sum(axis=0).mean())}
        if self.per_instant:
            numbers["n_replaced_weights"] = float(n_replaced)
        return Estimate(
            form.solution(body_potentials, filters),
            Diagnostics(
                reg_weight=float(np.median(weights)), criterion=self.criterion.name, numbers=numbers
            ),
        )


def weights_per_instant(
    criterion: Criterion, spectra: Sequence[Spectrum]
) -> tuple[np.ndarray, int]:
    """Weights [time], and how many of them are the median of the others.

    Such are instants at which the criterion fails, or finds a weight more than a factor
    `FAR_WEIGHT` off the median: a corner among the smallest singular values amplifies the noise of
    its instant by orders of magnitude, and one such instant spoils a beat.

    Raises:
        NotConverged: no instant has a weight.
    """
    weights = np.full(len(spectra), np.nan)
    why = None
    for k, spectrum in enumerate(spectra):
        try:
            weights[k] = criterion.choose(spectrum)
        except NotConverged as error:
            why = error
    if np.isnan(weights).all():
        raise NotConverged(f"at all {len(weights)} instants: {why}") from why
    median = np.nanmedian(weights)
    near = np.abs(np.log(weights / median)) < np.log(FAR_WEIGHT)
    return np.where(near, weights, np.median(weights[near])), int((~near).sum())


@dataclass(frozen=True)
class Tikhonov0(SpectralMethod):
    """Order 0: the penalty is int u^2 over the surface (lambda in 1/mm)."""

    name: ClassVar[str] = "tikhonov-0"

    def penalty(self, surface: SourceSurface) -> Penalty:
        """M^(1/2)."""
        return AreaPenalty(surface)


@dataclass(frozen=True)
class Tikhonov1(SpectralMethod):
    """Order 1: the penalty is int |grad u|^2 over the surface (lambda in 1)."""

    name: ClassVar[str] = "tikhonov-1"

    def penalty(self, surface: SourceSurface) -> Penalty:
        """Surface gradient."""
        return GradientPenalty(surface)


@dataclass(frozen=True)
class Tikhonov2(SpectralMethod):
    """Order 2: the penalty is int (Laplacian u)^2 over the surface (lambda in mm).

    With the neighbours' Laplacian of Zhu 2025, eq. (15), it is the plain sum of squares over the
    nodes, as in that paper (lambda in mm^2).
    """

    name: ClassVar[str] = "tikhonov-2"
    laplacian: Literal["beltrami", "neighbour"] = "beltrami"

    def penalty(self, surface: SourceSurface) -> Penalty:
        """Laplacian.

        Raises:
            BadInput: an unknown Laplacian.
        """
        penalties = {"beltrami": beltrami_penalty, "neighbour": neighbour_penalty}
        if self.laplacian not in penalties:
            raise BadInput(f"laplacian {self.laplacian!r} is none of {', '.join(penalties)}")
        return penalties[self.laplacian](surface)


@dataclass(frozen=True)
class TruncatedSvd(SpectralMethod):
    """Singular vectors of A in the norm (int u^2)^(1/2), those with s >= lambda (in 1/mm)."""

    name: ClassVar[str] = "tsvd"

    def penalty(self, surface: SourceSurface) -> Penalty:
        """M^(1/2)."""
        return AreaPenalty(surface)

    def filtered(self, spectrum: Spectrum) -> Spectrum:
        """Truncated."""
        return TruncatedSpectrum(**spectrum.__dict__)
