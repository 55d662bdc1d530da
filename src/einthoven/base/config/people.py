"""The joint distribution of a healthy adult's physiology, fitted to recorded ECGs.

`data/people.json` holds it: a normal distribution of standardised variables, within the limits of
the prior. `tools/fit_population.py` makes it; docs/explanation/population.md says from what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.base.core.seeds import generator

SHIPPED = Path(__file__).parent / "data" / "people.json"
CYCLE_LENGTH = "cycle_length_ms"
"""Variable that a draw is conditional on."""
BASELINE_CYCLE_MS = 1000.0
"""Cycle length of the baseline's action potentials, 60 beats per minute."""
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
        data = read_json(path)
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
        return PeopleDistribution(
            tuple(self.names[j] for j in rest), self.is_log[rest], self.centre[rest],
            self.scale[rest], self.low[rest], self.high[rest], mean, covariance, self.about,
        )  # fmt: skip

    def of(self, names: Sequence[str]) -> "PeopleDistribution":
        """The distribution of some of the variables, whatever the others are."""
        kept = [self.names.index(name) for name in names]
        return PeopleDistribution(
            tuple(names), self.is_log[kept], self.centre[kept], self.scale[kept], self.low[kept],
            self.high[kept], self.mean[kept], self.covariance[np.ix_(kept, kept)], self.about,
        )  # fmt: skip

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
def shipped_people() -> PeopleDistribution:
    """The shipped distribution at the baseline's cycle length."""
    return PeopleDistribution.load().given(CYCLE_LENGTH, BASELINE_CYCLE_MS)


def person(seed: int, patient: str) -> dict[str, float]:
    """The physiology of a patient, which depends on nothing but the seed and the name.

    Returns:
        variable of the shipped distribution -> value, with cv_transverse_mm_per_ms.
    """
    drawn = shipped_people().draw(generator(seed, patient, "people"))
    across = drawn["cv_fiber_mm_per_ms"] * drawn["cv_transverse_share"]
    return drawn | {"cv_transverse_mm_per_ms": across}


def people_sites(drawn: Mapping[str, float]) -> list[dict[str, Any]]:
    """The section purkinje.early_sites of a person; the first of them is at time 0.

    Args:
        drawn: of `person`.
    """
    first = min(drawn[f"{fascicle}_time_ms"] for fascicle in FASCICLES)
    return [
        {"fascicle": fascicle, "z": drawn[f"{fascicle}_z"], "phi_deg": drawn[f"{fascicle}_phi_deg"],
         "time_ms": drawn[f"{fascicle}_time_ms"] - first}
        for fascicle in FASCICLES
    ]  # fmt: skip


def people_conductivities(drawn: Mapping[str, float]) -> dict[str, float]:
    """Intracellular conductivities of a person, S/m, by the names of section leadfield.

    Args:
        drawn: of `person`.
    """
    along = drawn["sigma_il_s_per_m"]
    return {"sigma_il_s_per_m": along, "sigma_it_s_per_m": along * drawn["sigma_it_share"]}
