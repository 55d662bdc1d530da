"""One method on a problem with known answer, repeated with other noise."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from einthoven.base.config.inverse import InverseSettings
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.problem.method import Method, MethodChoices
from einthoven.inverse.problem.registry import method_class
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.scores import scores
from einthoven.inverse.synthetic.trials import Trial


def method_for(name: str, known: KnownProblem, config: InverseSettings, seed: int = 0) -> Method:
    """Method of `problem.registry.METHODS` by the choices of the config.

    The answer of the problem is not looked at. The seed is that of networks and draws.

    Raises:
        BadInput: no method has that name, or the geometry does not suit it.
    """
    criterion = CRITERIA[config.criterion]() if config.criterion else None
    choices = MethodChoices(criterion, config.network_steps, seed)
    return method_class(name, "inverse.methods").of(known.problem(known.body_potentials), choices)


def trials(
    problem: KnownProblem, method: Method, cases: Iterable[tuple[float, int]], seed: int
) -> Iterator[Trial]:
    """Trials of one method, one per case.

    Args:
        problem: the problem.
        method: with every choice made.
        cases: SD of the noise in the problem's unit, and number of the repeat; the noise depends on
            the problem, the seed and the repeat alone, so that all methods see the same.
        seed: of the noise.
    """

    def errors(body: np.ndarray) -> dict[str, float]:
        return scores(problem, method.fit(problem.problem(body)))

    for sd, repeat in cases:
        body = problem.noisy(sd, seed + repeat)
        yield Trial(problem.name, method.name, sd, repeat).of(partial(errors, body))
