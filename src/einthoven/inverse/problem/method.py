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
    """What a method says of its own answer."""

    seconds: float = 0.0
    residual_rel: float = np.nan
    """|y - A u| / |y|, set by `Method.fit`; A is `transfer` where the method has its own."""
    reg_weight: float | None = None
    """Weight of the method's penalty, in the method's unit; None: it has none."""
    criterion: str | None = None
    """What chose `reg_weight`."""
    sd: np.ndarray | None = None
    """[node, time] standard deviation of the potentials, where the method states one."""
    activation_time: np.ndarray | None = None
    """[node] ms, where the method estimates it itself."""
    activation_sd: np.ndarray | None = None
    """[node] ms."""
    transfer: np.ndarray | None = None
    """[electrode, node] that the method took instead of the one given, if it corrects that."""
    heart_points: np.ndarray | None = None
    """[node, 3] mm where the method found the heart, if not where the problem has it."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Others, by name: iterations, losses, effective rank."""


class Estimate(NamedTuple):
    """Potentials on the heart, and what the method says of them."""

    potentials: np.ndarray
    """[node, time] mV."""
    diagnostics: Diagnostics


@dataclass(frozen=True)
class MethodChoices:
    """What a user chooses of any method.

    Attributes:
        criterion: chooses the weight; None: the method's own.
        network_steps: length of a training; None: the method's own.
        seed: seed of networks and draws.
    """

    criterion: Criterion | None = None
    network_steps: int | None = None
    seed: int = 0


OWN = MethodChoices()
"""Nothing is chosen: each method has its own criterion, length of training and seed 0."""


class Method(ABC):
    """An inverse method; a subclass is a frozen dataclass of its settings and has `solve`."""

    name: ClassVar[str]
    """In tables, in the configuration and on the command line."""
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
        """Estimate the potentials on the heart.

        Returns:
            Potentials [node, time] mV and diagnostics.

        Raises:
            BadInput: the problem lacks what the method needs.
            NotConverged: an iteration ended without reaching its tolerance.
        """
        start = perf_counter()
        potentials, diagnostics = self.solve(problem)
        check.finite(f"{self.name}: potentials", potentials)
        own = problem.transfer if diagnostics.transfer is None else diagnostics.transfer
        body = problem.body_potentials
        residual = np.linalg.norm(body - own @ potentials) / np.linalg.norm(body)
        seconds = perf_counter() - start
        return Estimate(
            potentials, replace(diagnostics, seconds=seconds, residual_rel=float(residual))
        )

    @abstractmethod
    def solve(self, problem: InverseProblem) -> Estimate:
        """`fit` without seconds and residual, which are filled in after."""


@dataclass(frozen=True)
class CriterionMethod(Method):
    """A method with a penalty, whose weight a criterion chooses."""

    takes_criterion: ClassVar[bool] = True
    criterion: Criterion

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """See `Method.of`; the criterion is the one chosen, or the method's own."""
        chosen = {} if choices.criterion is None else {"criterion": choices.criterion}
        return cls(**chosen)
