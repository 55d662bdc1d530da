"""Total variation, and the L1 norm of the normal derivative, on the surface of the heart."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.inverse.methods.regularisation.criteria import Criterion, LCurve
from einthoven.inverse.methods.regularisation.penalties import DensePenalty, GradientPenalty
from einthoven.inverse.methods.regularisation.splitting import GroupL1, Splitting
from einthoven.inverse.methods.regularisation.standard_form import StandardForm
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import CriterionMethod, Diagnostics, Estimate

ROW_SUM = 1e-2
"""Largest sum of a row of a normal derivative, relative to the sum of its absolute values."""


@dataclass(frozen=True, kw_only=True)
class GroupL1Method(CriterionMethod):
    """min 1/2 |y - A u|^2 + lambda R(u), R an integral of |L u|, at each instant.

    lambda follows from the quadratic problem with the same L: the criterion gives its weight w and
    solution u2, and lambda R(u2) = w^2 |L u2|^2, summed over the beat, makes both penalties equal.
    """

    criterion: Criterion = field(default_factory=LCurve)
    """Chooses the weight of the quadratic problem."""
    weight: float | None = None
    """Weight lambda, mV/mm; None: by the criterion."""
    tolerance: float = 3e-3
    """Relative tolerance of the residuals of the splitting."""
    max_iterations: int = 3000

    @abstractmethod
    def group_l1(self, problem: InverseProblem) -> GroupL1:
        """Penalty R on the surface of a problem."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate whose `reg_weight` is lambda, mV/mm."""
        transfer, body_potentials = problem.transfer, problem.body_potentials
        group_l1 = self.group_l1(problem)
        form = StandardForm.of(transfer, group_l1.penalty, problem.surface.areas)
        spectrum = form.spectrum(body_potentials)
        quadratic = self.criterion.choose(spectrum)
        start = form.solution(body_potentials, spectrum.filters(np.array([quadratic])).T)
        mapped = group_l1.penalty.operator @ start
        weight = self.weight
        if weight is None:
            weight = quadratic**2 * float((mapped**2).sum()) / group_l1.value(mapped)
        splitting = Splitting(transfer, form, group_l1, self.tolerance, self.max_iterations)
        potentials, n_iterations = splitting.solve(body_potentials, start, weight, quadratic**2)
        return Estimate(
            potentials,
            Diagnostics(
                reg_weight=weight,
                criterion=self.criterion.name if self.weight is None else "fixed",
                numbers={"n_iterations": float(n_iterations)},
            ),
        )


@dataclass(frozen=True, kw_only=True)
class TotalVariation(GroupL1Method):
    """Total variation R = int |grad u| over the surface of the heart, P1 elements.

    References:
        Rudin, Osher, Fatemi, Physica D 60:259 (1992), doi:10.1016/0167-2789(92)90242-F.
    """

    name: ClassVar[str] = "total-variation"

    def group_l1(self, problem: InverseProblem) -> GroupL1:
        """Gradients of the faces times the roots of their areas, in groups of three."""
        surface = problem.surface
        areas = np.linalg.norm(triangle_area_vectors(surface.points, surface.faces), axis=1)
        return GroupL1(GradientPenalty(surface), np.sqrt(areas))


@dataclass(frozen=True, kw_only=True)
class L1Normal(GroupL1Method):
    """L1 norm R = int |du/dn| over the surface of the heart, for sparse currents through it.

    It prefers currents from few places. It does not fit potentials with plateaus, whose normal
    derivative is large all along their boundary.

    References:
        Ghosh and Rudy, Ann Biomed Eng 37:902 (2009), doi:10.1007/s10439-009-9665-7.
    """

    name: ClassVar[str] = "l1-normal"

    def group_l1(self, problem: InverseProblem) -> GroupL1:
        """Normal derivatives times the roots of the nodes' areas."""
        surface, n = problem.surface, len(problem.surface.points)
        matrix = check.finite(
            "normal_derivative", check.shape("normal_derivative", problem.normal_derivative, (n, n))
        )
        sums, sizes = matrix.sum(axis=1), np.abs(matrix).sum(axis=1)
        if (worst := float(np.abs(sums / sizes).max())) > ROW_SUM:
            raise BadInput(
                f"normal_derivative: rows sum to up to {worst:.1e} of their absolute sums, but a "
                "constant potential drives no current; is it the matrix of another quantity?"
            )
        # What is left of the sums is discretisation error; the null space is to be exact.
        matrix = matrix - np.outer(sums, surface.areas / surface.areas.sum())
        root = np.sqrt(surface.areas)
        return GroupL1(DensePenalty(root[:, None] * matrix), root)
