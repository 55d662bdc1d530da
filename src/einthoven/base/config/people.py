"""The joint distribution of a healthy adult's physiology, fitted to recorded ECGs.

`data/people.json` holds it: a normal distribution of standardised variables, within the limits of
the prior. `tools/fit_population.py` makes it; docs/explanation/population.md says from what. Its
part `plateau` is the distribution of plateaus, fitted afterwards (`tools/fit_plateaus.py`) and
independent of the other variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json

SHIPPED = Path(__file__).parent / "data" / "people.json"
BASELINE_CYCLE_MS = 1000.0
CYCLE_LENGTH = "cycle_length_ms"
"""Variable that a draw is conditional on."""
MOST_DRAWS = 1000
FASCICLES = ("anterior", "septal", "posterior", "right", "right-septal")
LOG, LINEAR = "log", "linear"


@dataclass(frozen=True, eq=False)
class PeopleDistribution:
    """A normal distribution, truncated, of standardised variables.

    Attributes:
        names: [variable] with their units.
        is_log: [variable] whether the logarithm is standardised.
        centre, scale: [variable] centre and SD of the prior; SD of the logarithm, if `is_log`.
        low, high: [variable] limits.
        mean: [variable] standardised. covariance: [variable, variable].
        about: what it was fitted to.
    """

    names: tuple[str, ...]
    is_log: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    about: dict[str, Any]

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """Read a file of `tools/fit_population.py`.

        Raises:
            BadInput: no such file, or one that is no such distribution.
        """
        return cls._of(read_json(path), str(path))

    @classmethod
    def load_plateaus(cls, path: Path = SHIPPED) -> Self:
        """Read the distribution of plateaus in the same file.

        Raises:
            BadInput: no such file, or one without that part.
        """
        data = read_json(path)
        try:
            part = data["plateau"]
        except (KeyError, TypeError) as problem:
            raise BadInput(f"{path}: not a distribution of people (no part plateau)") from problem
        return cls._of(part, f"{path}: plateau")

    @classmethod
    def _of(cls, data: Any, path: str) -> Self:
        try:
            rows = data["variables"]
            column = lambda key: np.array([row[key] for row in rows], float)  # noqa: E731
            found = cls(
                tuple(row["name"] for row in rows),
                np.array([{LOG: True, LINEAR: False}[row["scale"]] for row in rows]),
                column("centre"), column("sd"), column("low"), column("high"),
                np.array(data["mean"], float), np.array(data["covariance"], float), data["about"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as problem:
            raise BadInput(f"{path}: not a distribution of people ({problem})") from problem
        n = len(found.names)
        if found.mean.shape != (n,) or found.covariance.shape != (n, n):
            raise BadInput(f"{path}: mean and covariance are not those of {n} variables")
        return found

    def given(self, name: str, value: float) -> "PeopleDistribution":
        """The distribution of the other variables where one is known.

        Args:
            name: the variable. value: in its unit.
        """
        k = self.names.index(name)
        rest = np.delete(np.arange(len(self.names)), k)
        slope = self.covariance[rest, k] / self.covariance[k, k]
        mean = self.mean[rest] + slope * (self._standard(value, k) - self.mean[k])
        covariance = self.covariance[np.ix_(rest, rest)] - np.outer(slope, self.covariance[k, rest])
        return self._some(rest, mean, covariance)

    def without(self, name: str) -> "PeopleDistribution":
        """The distribution of the other variables where one is not known.

        Args:
            name: the variable.
        """
        return self.of([other for other in self.names if other != name])

    def _some(
        self, rest: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> "PeopleDistribution":
        """Some of the variables, with another mean and covariance."""
        return PeopleDistribution(
            tuple(self.names[j] for j in rest), self.is_log[rest], self.centre[rest],
            self.scale[rest], self.low[rest], self.high[rest], mean, covariance, self.about,
        )  # fmt: skip

    def of(self, names: Sequence[str]) -> "PeopleDistribution":
        """The distribution of some of the variables, whatever the others are."""
        kept = np.array([self.names.index(name) for name in names])
        return self._some(kept, self.mean[kept], self.covariance[np.ix_(kept, kept)])

    def wider(self, factor: float) -> "PeopleDistribution":
        """The same means and correlations with SDs times a factor."""
        return replace(self, covariance=factor**2 * self.covariance)

    def at(self, deviation: np.ndarray) -> dict[str, float]:
        """The person at independent deviations [variable] in SD: variable -> value within limits.

        Deviations of 0 are the mean, and standard normal ones a draw; a value beyond a limit is
        put at it.
        """
        factor = np.linalg.cholesky(self.covariance)
        values = np.clip(self._values(self.mean + factor @ deviation), self.low, self.high)
        return dict(zip(self.names, values.tolist()))

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """A random person: variable -> value, within its limits.

        Raises:
            BadInput: hardly any of the distribution lies within its limits.
        """
        for _ in range(MOST_DRAWS):
            drawn = rng.multivariate_normal(self.mean, self.covariance, method="cholesky")
            values = self._values(drawn)
            if ((values >= self.low) & (values <= self.high)).all():
                return dict(zip(self.names, values.tolist()))
        raise BadInput(f"people: none of {MOST_DRAWS} draws is within the limits of the prior")

    def _values(self, standard: np.ndarray) -> np.ndarray:
        """Values [variable] in their units."""
        change = self.scale * standard
        return np.where(self.is_log, self.centre * np.exp(change), self.centre + change)

    def _standard(self, value: float, k: int) -> float:
        distance = np.log(value / self.centre[k]) if self.is_log[k] else value - self.centre[k]
        return float(distance / self.scale[k])


@lru_cache
def everyone() -> PeopleDistribution:
    """The shipped distribution, at all cycle lengths."""
    return PeopleDistribution.load()


@lru_cache
def shipped_people() -> PeopleDistribution:
    """The shipped distribution at the baseline's cycle length."""
    return everyone().given(CYCLE_LENGTH, BASELINE_CYCLE_MS)


@lru_cache
def shipped_plateaus() -> PeopleDistribution:
    """The shipped distribution of plateaus."""
    return PeopleDistribution.load_plateaus()


def derived(drawn: Mapping[str, float]) -> dict[str, float]:
    """A draw with cv_transverse_mm_per_ms.

    Args:
        drawn: variable of the shipped distribution -> value.
    """
    across = drawn["cv_fiber_mm_per_ms"] * drawn["cv_transverse_share"]
    return {**drawn, "cv_transverse_mm_per_ms": across}


def people_sites(drawn: Mapping[str, float]) -> list[dict[str, Any]]:
    """The section purkinje.early_sites of a person; the first of them is at time 0.

    Args:
        drawn: of `traits.person`.
    """
    first = min(drawn[f"{fascicle}_time_ms"] for fascicle in FASCICLES)
    return [
        {"fascicle": fascicle, "z": drawn[f"{fascicle}_z"], "phi_deg": drawn[f"{fascicle}_phi_deg"],
         "time_ms": drawn[f"{fascicle}_time_ms"] - first}
        for fascicle in FASCICLES
    ]  # fmt: skip


def people_plateaus(drawn: Mapping[str, float]) -> dict[str, float]:
    """Plateaus of a person by the names of section repolarisation.

    Args:
        drawn: of `traits.person`.
    """
    return {name: value for name, value in drawn.items() if name.startswith("plateau_")}


def people_conductivities(drawn: Mapping[str, float]) -> dict[str, float]:
    """Intracellular conductivities of a person, S/m, by the names of section leadfield.

    Args:
        drawn: of `traits.person`.
    """
    along = drawn["sigma_il_s_per_m"]
    return {"sigma_il_s_per_m": along, "sigma_it_s_per_m": along * drawn["sigma_it_share"]}
