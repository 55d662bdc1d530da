"""The contract of all inverse methods: an `InverseProblem` in, an `Estimate` out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import ClassVar, NamedTuple, Self

import numpy as np

from einthoven.base.core import check
from einthoven.inverse.problem.criterion import Criterion
from einthoven.inverse.problem.inverse_problem import InverseProblem


@dataclass(frozen=True)
class Diagnostics:
    """A method's statements about its own estimate."""

    seconds: float = 0.0
    residual_rel: float = np.nan
    """|y - A u| / |y|, 1, set by `Method.fit`; A is `transfer` if the method corrects it."""
    reg_weight: float | None = None
    """Weight of the method's penalty, in the method's unit; None: no penalty."""
    criterion: str | None = None
    """Criterion that chose `reg_weight`."""
    sd: np.ndarray | None = None
    """[node, time] mV standard deviation of the potentials, if the method states one."""
    activation_time: np.ndarray | None = None
    """[node] ms, if the method estimates it."""
    activation_sd: np.ndarray | None = None
    """[node] ms."""
    transfer: np.ndarray | None = None
    """[electrode, node] matrix of the method, if it corrects that of the problem."""
    heart_points: np.ndarray | None = None
    """[node, 3] mm of the heart, if the method moves it."""
    members: np.ndarray | None = None
    """[member, node, time] mV estimates whose average this is."""
    member_weights: np.ndarray | None = None
    """[member] their weights, sum 1."""
    notes: tuple[str, ...] = ()
    """Methods that were averaged or left out, a sentence each."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Other numbers by name: iterations, losses, effective rank."""


class Estimate(NamedTuple):
    """Potentials on the heart, and the method's diagnostics."""

    potentials: np.ndarray
    """[node, time] mV."""
    diagnostics: Diagnostics


@dataclass(frozen=True)
class MethodChoices:
    """Choices that a user has with any method."""

    criterion: Criterion | None = None
    """Criterion for the weight; None: the method's own."""
    network_steps: int | None = None
    """Length of a training; None: the method's own."""
    seed: int = 0
    """Seed of networks and draws."""


OWN = MethodChoices()
"""No choice: each method has its own criterion, length of training and seed 0."""


class Method(ABC):
    """An inverse method; subclasses are frozen dataclasses of their settings, with `solve`."""

    name: ClassVar[str]
    """Name in tables, in the configuration and on the command line."""
    takes_criterion: ClassVar[bool] = False
    """Whether a criterion chooses its weight."""

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """The method for a problem, with every choice made.

        Raises:
            BadInput: the geometry does not suit it.
        """
        return cls()

    def fit(self, problem: InverseProblem) -> Estimate:
        """Estimate the potentials on the heart, [node, time] mV, with diagnostics.

        Raises:
            BadInput: the problem lacks what the method needs.
            NotConverged: an iteration ended without reaching its tolerance.
        """
        start = perf_counter()
        potentials, diagnostics = self.solve(problem)
        check.finite(f"{self.name}: potentials", potentials)
        corrected, body = diagnostics.transfer, problem.body_potentials
        transfer = problem.transfer if corrected is None else corrected
        residual = np.linalg.norm(body - transfer @ potentials) / np.linalg.norm(body)
        seconds = perf_counter() - start
        return Estimate(
            potentials, replace(diagnostics, seconds=seconds, residual_rel=float(residual))
        )

    @abstractmethod
    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate of `fit` before seconds and residual are set."""


@dataclass(frozen=True)
class CriterionMethod(Method):
    """A method with a penalty, whose weight a criterion chooses."""

    takes_criterion: ClassVar[bool] = True
    criterion: Criterion

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """Method with the criterion chosen, or with its own."""
        chosen = {} if choices.criterion is None else {"criterion": choices.criterion}
        return cls(**chosen)
