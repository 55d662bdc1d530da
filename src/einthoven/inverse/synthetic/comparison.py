"""One method on a problem with known answer, again and again with other noise."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from einthoven.inverse.problem.method import Method
from einthoven.inverse.synthetic.scores import InverseScores
from einthoven.inverse.synthetic.trials import Trial
from einthoven.inverse.synthetic.world import World
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT


def trials(
    world: World, method: Method, cases: Iterable[tuple[float, int]], seed: int
) -> Iterator[Trial]:
    """One method on some noises.

    Args:
        world: the problem.
        method: with every choice made.
        cases: SD of the noise in the world's unit, and number of the repeat; the noise depends on
            the world, the seed and the repeat alone, so that all methods see the same.
        seed: of the noise.
    """
    for sd, repeat in cases:
        body = world.noisy(sd, seed + repeat)
        trial = Trial(world.name, method.name, sd, repeat)
        yield trial.of(partial(_numbers, world, method, body))


def _numbers(world: World, method: Method, body: np.ndarray) -> dict[str, float]:
    estimate = method.fit(world.transfer, body, world.surface, world.time)
    found = {
        k: float(v) for k, v in asdict(InverseScores.of(world, estimate)).items() if v is not None
    }
    found["at_error_ms"] = found.pop("at_error") * (1.0 if world.time_unit == "ms" else MS_PER_UNIT)
    return found | {"residual_rel": estimate.diagnostics.residual_rel}


def by_error(rows: Mapping[str, Mapping[str, Any]], noise: str) -> list[str]:
    """Methods of a `summary` from the largest mean RE to the smallest at one noise."""
    known = {name: row[noise]["re"]["mean"] for name, row in rows.items() if "re" in row[noise]}
    return sorted(known, key=lambda name: -known[name])
