"""Tikhonov regularisation of order 0, 1 and 2, and truncated SVD."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from einthoven.inverse.methods.regularisation.criteria import Criterion, LCurve
from einthoven.inverse.methods.regularisation.penalties import (
    AreaPenalty,
    GradientPenalty,
    Penalty,
    beltrami_penalty,
)
from einthoven.inverse.methods.regularisation.standard_form import StandardForm
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import CriterionMethod, Diagnostics, Estimate
from einthoven.inverse.problem.spectrum import Spectrum, TruncatedSpectrum


@dataclass(frozen=True)
class SpectralMethod(CriterionMethod):
    """Minimum of |y - A u|^2 + lambda^2 |L u|^2 at each instant, or another filter of its modes."""

    criterion: Criterion = field(default_factory=LCurve)
    """Criterion for lambda. Those that expect white noise (gcv, robust-gcv, evidence) are nearer to
    the best weight where noise is the only error. They fail where a wrong transfer matrix is most
    of the error, as in measured data: its residual is smooth and is fitted."""

    @staticmethod
    @abstractmethod
    def penalty(surface: SourceSurface) -> Penalty:
        """Penalty with L on a surface."""

    def filtered(self, spectrum: Spectrum) -> Spectrum:
        """The spectrum with this method's filter factors."""
        return spectrum

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate whose `reg_weight` is lambda."""
        surface, body = problem.surface, problem.body_potentials
        form = StandardForm.of(problem.transfer, self.penalty(surface), surface.areas)
        spectrum = self.filtered(form.spectrum(body))
        weight = self.criterion.choose(spectrum)
        filters = spectrum.filters(np.array([weight])).T
        numbers = {"effective_rank": float(filters.sum(axis=0).mean())}
        diagnostics = Diagnostics(reg_weight=weight, criterion=self.criterion.name, numbers=numbers)
        return Estimate(form.solution(body, filters), diagnostics)


@dataclass(frozen=True)
class Tikhonov0(SpectralMethod):
    """Tikhonov of order 0: the penalty is int u^2 over the surface (lambda in 1/mm)."""

    name: ClassVar[str] = "tikhonov-0"
    penalty = staticmethod(AreaPenalty)


@dataclass(frozen=True)
class Tikhonov1(SpectralMethod):
    """Tikhonov of order 1: the penalty is int |grad u|^2 over the surface (lambda in 1)."""

    name: ClassVar[str] = "tikhonov-1"
    penalty = staticmethod(GradientPenalty)


@dataclass(frozen=True)
class Tikhonov2(SpectralMethod):
    """Tikhonov of order 2: the penalty is int (Laplacian u)^2 over the surface (lambda in mm)."""

    name: ClassVar[str] = "tikhonov-2"
    penalty = staticmethod(beltrami_penalty)


@dataclass(frozen=True)
class TruncatedSvd(SpectralMethod):
    """Truncated SVD of A in the norm (int u^2)^(1/2), with s >= lambda (in 1/mm)."""

    name: ClassVar[str] = "tsvd"
    penalty = staticmethod(AreaPenalty)

    def filtered(self, spectrum: Spectrum) -> Spectrum:
        """Spectrum with truncated filter factors."""
        return TruncatedSpectrum(**spectrum.__dict__)
