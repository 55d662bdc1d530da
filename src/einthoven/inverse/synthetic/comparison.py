"""One method on a problem with known answer, again and again with other noise."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from einthoven.base.config.inverse import InverseSettings
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.problem.method import Method, MethodChoices
from einthoven.inverse.problem.registry import method_class
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.scores import InverseScores
from einthoven.inverse.synthetic.trials import Trial
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT


def method_for(name: str, known: KnownProblem, config: InverseSettings, seed: int = 0) -> Method:
    """A method by the choices of the config.

    Args:
        name: key of `problem.registry.METHODS`.
        known: the problem, of which only what a method may know is looked at.
        config: the choices.
        seed: seed of networks and draws.

    Raises:
        BadInput: there is no such method, or the geometry does not suit it.
    """
    criterion = config.criterion and CRITERIA[config.criterion]()
    choices = MethodChoices(criterion or None, config.network_steps, seed)
    return method_class(name, "inverse.methods").of(known.problem(known.body_potentials), choices)


def trials(
    problem: KnownProblem, method: Method, cases: Iterable[tuple[float, int]], seed: int
) -> Iterator[Trial]:
    """One method on some noises.

    Args:
        problem: the problem.
        method: with every choice made.
        cases: SD of the noise in the problem's unit, and number of the repeat; the noise depends on
            the problem, the seed and the repeat alone, so that all methods see the same.
        seed: of the noise.
    """
    for sd, repeat in cases:
        body = problem.noisy(sd, seed + repeat)
        trial = Trial(problem.name, method.name, sd, repeat)
        yield trial.of(partial(_numbers, problem, method, body))


def _numbers(problem: KnownProblem, method: Method, body: np.ndarray) -> dict[str, float]:
    estimate = method.fit(problem.problem(body))
    found = {
        k: float(v) for k, v in asdict(InverseScores.of(problem, estimate)).items() if v is not None
    }
    found["at_error_ms"] = found.pop("at_error") * (
        1.0 if problem.time_unit == "ms" else MS_PER_UNIT
    )
    return found | {"residual_rel": estimate.diagnostics.residual_rel}


def by_error(rows: Mapping[str, Mapping[str, Any]], noise: str) -> list[str]:
    """Methods of a `summary` from the largest mean RE to the smallest at one noise."""
    known = {name: row[noise]["re"]["mean"] for name, row in rows.items() if "re" in row[noise]}
    return sorted(known, key=lambda name: -known[name])
