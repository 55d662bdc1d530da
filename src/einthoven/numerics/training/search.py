"""Hyper-parameter search over a config section with Optuna, for any task.

It is an optional target and never part of the default run; the config holds its result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from einthoven.base.config.section import Section
from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.seeds import derive_seed


@dataclass(frozen=True)
class Span:
    """Search interval of a key."""

    low: float
    high: float
    log: bool = False


Space = dict[str, Span | list[Any]]
"""Key of the section -> interval or list of choices."""


@dataclass(frozen=True)
class Found[S: Section]:
    """Best section, its objective value, and one row (value and keys) per trial."""

    config: S
    value: float
    trials: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Content of the file of a search."""
        section = self.config.model_dump(mode="json")
        return {"section": section, "value": self.value, "trials": self.trials}


def search[S: Section](
    objective: Callable[[S], float], config: S, space: Space, n_trials: int, seed: int
) -> Found[S]:
    """Minimise `objective(config)` over `space` by a tree-structured Parzen estimator.

    Args:
        objective: trains with a section and returns a *validation* error; never a test error.
        config: values that are not searched.
        space: keys that are searched.
        n_trials: number of trainings.
        seed: seed of the sampler.

    Raises:
        BadInput: an unknown key.
    """
    with extra("search", "a search of settings"):
        import optuna

    known = type(config).model_fields
    if unknown := set(space) - set(known):
        names = ", ".join(sorted(unknown))
        raise BadInput(f"search: {names}: not a key of the section ({', '.join(known)})")

    def changed(values: Mapping[str, Any]) -> S:
        return type(config).model_validate({**config.model_dump(), **values})

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=derive_seed(seed, "search") % 2**32)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: objective(changed(_suggest(trial, space))), n_trials=n_trials)
    rows = [{"value": trial.value, **trial.params} for trial in study.trials]
    return Found(changed(study.best_params), study.best_value, rows)


def _suggest(trial: Any, space: Space) -> dict[str, Any]:
    values = {}
    for key, choice in space.items():
        if isinstance(choice, list):
            values[key] = trial.suggest_categorical(key, choice)
        else:
            values[key] = trial.suggest_float(key, choice.low, choice.high, log=choice.log)
    return values
