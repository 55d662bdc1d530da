"""Numbers of many reconstructions, and their mean and SD over the repeats."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput, EinthovenError
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.log import logger


@dataclass(frozen=True)
class Trial:
    """One reconstruction with its errors."""

    problem: str
    """Name of the problem."""
    method: str
    """Name of the method; or of the forward operator, where operators are compared."""
    noise: float
    """SD of the noise on the body, in the problem's unit."""
    repeat: int
    """Number of the noise."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Errors and seconds by name, units in the names."""
    reason: str = ""
    """Reason of a failure; empty where it succeeded."""

    def of(self, reconstruct: Callable[[], Mapping[str, float]]) -> Self:
        """The trial with the numbers of a reconstruction, or with the reason of its failure."""
        try:
            return replace(self, numbers=dict(reconstruct()))
        except EinthovenError as error:
            logger.warning("%s in %s, noise %g: %s", self.method, self.problem, self.noise, error)
            return replace(self, reason=f"{type(error).__name__}: {error}")


def save_trials(path: str | Path, trials: Iterable[Trial]) -> None:
    """Write trials as JSON."""
    write_json(path, [asdict(trial) for trial in trials])


def load_trials(paths: Iterable[str | Path]) -> list[Trial]:
    """Trials of several files, in their order.

    Raises:
        BadInput: a file is none of `save_trials`.
    """
    trials: list[Trial] = []
    for path in paths:
        try:
            trials += [Trial(**row) for row in read_json(path)]
        except TypeError as error:
            raise BadInput(
                f"{path}: no trials of inverse methods ({error}); was it made by `save_trials`?"
            ) from error
    return trials


def summary(trials: Iterable[Trial]) -> dict[str, Any]:
    """Problem -> method -> noise -> mean and SD of each number, counts of repeats and failures.

    A reconstruction that failed is counted, and left out of the means.
    """
    groups: dict[str, dict[str, dict[str, list[Trial]]]] = {}
    for trial in trials:
        methods = groups.setdefault(trial.problem, {})
        methods.setdefault(trial.method, {}).setdefault(f"{trial.noise:g}", []).append(trial)
    return {
        problem: {
            method: {noise: _row(group) for noise, group in levels.items()}
            for method, levels in methods.items()
        }
        for problem, methods in groups.items()
    }


def _row(group: list[Trial]) -> dict[str, Any]:
    good = [trial for trial in group if not trial.reason]
    names = dict.fromkeys(name for trial in good for name in trial.numbers)
    row: dict[str, Any] = {"repeats": len(good)}
    if len(good) < len(group):
        row |= {
            "failures": len(group) - len(good),
            "reasons": sorted({trial.reason for trial in group} - {""}),
        }
    for name in names:
        values = np.array([trial.numbers[name] for trial in good if name in trial.numbers])
        sd = float(values.std(ddof=1)) if len(values) > 1 else None
        row[name] = {"mean": float(values.mean()), "sd": sd}
    return row
