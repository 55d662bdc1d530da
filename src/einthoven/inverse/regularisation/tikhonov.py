"""Tikhonov regularisation of order 0, 1 and 2, and truncated SVD."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from einthoven.core.errors import BadInput, NotConverged
from einthoven.inverse.method import Diagnostics, Estimate, Method, SourceSurface
from einthoven.inverse.regularisation.criteria import Criterion, RobustGcv
from einthoven.inverse.regularisation.penalties import (
    AreaPenalty,
    GradientPenalty,
    Penalty,
    beltrami_penalty,
    neighbour_penalty,
)
from einthoven.inverse.regularisation.spectrum import Spectrum, TruncatedSpectrum
from einthoven.inverse.regularisation.standard_form import StandardForm


@dataclass(frozen=True)
class SpectralMethod(Method):
    """min |y - A u|^2 + lambda^2 |L u|^2 at each instant, or another filter of the same modes."""

    criterion: Criterion = field(default_factory=RobustGcv)
    """Chooses lambda."""
    per_instant: bool = False
    """A weight per instant instead of one for all. Instants at which the criterion finds none
    take the median of the others; `Diagnostics.numbers["n_without_weight"]` counts them."""

    @abstractmethod
    def penalty(self, surface: SourceSurface) -> Penalty:
        """L on a surface."""

    def filtered(self, spectrum: Spectrum) -> Spectrum:
        """The spectrum with this method's filter factors."""
        return spectrum

    def solve(
        self,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
    ) -> Estimate:
        """As `Method.fit`; `reg_weight` is lambda (its median, if per instant)."""
        form = StandardForm.of(transfer, self.penalty(surface), surface.areas)
        spectrum = self.filtered(form.spectrum(body_potentials))
        numbers = {}
        if self.per_instant:
            weights, n_without = weights_per_instant(self.criterion, spectrum)
            numbers["n_without_weight"] = float(n_without)
        else:
            weights = np.array([self.criterion.choose(spectrum)])
        filters = spectrum.filters(weights).T
        numbers["effective_rank"] = float(filters.sum(axis=0).mean())
        return Estimate(
            form.solution(body_potentials, filters),
            Diagnostics(
                reg_weight=float(np.median(weights)), criterion=self.criterion.name, numbers=numbers
            ),
        )


def weights_per_instant(criterion: Criterion, spectrum: Spectrum) -> tuple[np.ndarray, int]:
    """Weights [time] and at how many instants the median of the others stands in.

    Raises:
        NotConverged: no instant has a weight.
    """
    weights = np.full(spectrum.n_time, np.nan)
    for k in range(spectrum.n_time):
        try:
            weights[k] = criterion.choose(spectrum.at(k))
        except NotConverged as why:
            last = why
    missing = np.isnan(weights)
    if missing.all():
        raise NotConverged(f"at all {len(weights)} instants: {last}") from last
    weights[missing] = np.median(weights[~missing])
    return weights, int(missing.sum())


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
