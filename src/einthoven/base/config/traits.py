"""Heart rate, age and sex of a virtual patient, and what goes with them in people.

`data/people_traits.json` has women's difference from men, and that of a decade, in the variables of
the distribution of people. `tools/fit_people_traits.py` makes it; docs/explanation/population.md
says from what. With these a person's physiology is drawn given the person's traits.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.config.calibrated import draw_of, is_named
from einthoven.base.config.models import CohortSettings, Config
from einthoven.base.config.people import (
    CYCLE_LENGTH,
    PeopleDistribution,
    derived,
    everyone,
    shipped_plateaus,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.base.core.seeds import generator, latin_hypercube

SHIPPED_TRAITS = Path(__file__).parent / "data" / "people_traits.json"
AGE, FEMALE = "age_years", "female"
"""Age, and one for women: variables that a draw is conditional on."""
SEXES = ("female", "male")
LEAST_CYCLE_MS, LONGEST_CYCLE_MS = 600.0, 1600.0
"""At the first the cells follow every stimulus (docs/explanation/heart-rate-and-ikr.md); the other
is that of the fit."""
VIRTUAL = re.compile(r"p([0-9]{4,})")
DECADE = 10.0
CANDIDATES_WIDER = 1.6
"""SDs of candidates over those of people: a choice among them narrows them again. With 1.6 times
the SD a quarter of the draws is within the limits of the prior."""
MOST_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class PeopleTraits:
    """Differences by sex and age, in SDs of the prior of each variable.

    Attributes:
        female_share: of the people of the fit.
        age_quantiles: [quantile] years, evenly spaced shares of them from 0 to 1.
        women: variable -> women less men. decade: variable -> of ten years.
        about: what they were fitted to.
    """

    female_share: float
    age_quantiles: np.ndarray
    women: dict[str, float]
    decade: dict[str, float]
    about: dict[str, Any]

    @classmethod
    def load(cls, path: Path = SHIPPED_TRAITS) -> Self:
        """Read a file of `tools/fit_people_traits.py`.

        Raises:
            BadInput: no such file, or one of another kind.
        """
        data = read_json(path)
        try:
            ages = np.array(data["age_quantiles"], float)
            women, decade = dict(data["women"]), dict(data["decade"])
            found = cls(float(data["female_share"]), ages, women, decade, data["about"])
        except (KeyError, TypeError, ValueError) as problem:
            raise BadInput(f"{path}: no traits of people ({problem})") from problem
        if ages.ndim != 1 or len(ages) < 2 or (np.diff(ages) < 0).any():
            raise BadInput(f"{path}: age_quantiles: give two ages or more, in ascending order")
        return found

    def age(self, share: float) -> float:
        """Age in years below which a share of the people are."""
        return float(np.interp(share, np.linspace(0, 1, len(self.age_quantiles)),
                               self.age_quantiles))  # fmt: skip

    @property
    def age_moments(self) -> tuple[float, float]:
        """Mean and variance of the ages, years and years^2."""
        ages = np.array([self.age(share) for share in (np.arange(1000) + 0.5) / 1000])
        return float(ages.mean()), float(ages.var())

    def joint(self, people: PeopleDistribution) -> PeopleDistribution:
        """The distribution with two more variables: `FEMALE` and `AGE`.

        The means of all people, and the covariances of all other variables, stay as they are.

        Raises:
            BadInput: a difference is of no variable, or so large that no covariance is left.
        """
        if unknown := (self.women.keys() | self.decade.keys()) - set(people.names):
            raise BadInput(f"{SHIPPED_TRAITS}: {', '.join(sorted(unknown))}: no such variable")
        mean, variance = self.age_moments
        slopes = np.array([[of.get(name, 0.0) for name in people.names]
                           for of in (self.women, self.decade)])  # fmt: skip
        own = np.diag([self.female_share * (1 - self.female_share), variance / DECADE**2])
        covariance = np.block([[people.covariance, slopes.T @ own], [own @ slopes, own]])
        if np.linalg.eigvalsh(covariance)[0] <= 0:
            raise BadInput(f"{SHIPPED_TRAITS}: differences exceed the spread of {people.about}")
        endless = np.full(2, np.inf)
        return replace(
            people, names=(*people.names, FEMALE, AGE),
            is_log=np.append(people.is_log, [False, False]),
            centre=np.append(people.centre, [0.0, mean]),
            scale=np.append(people.scale, [1.0, DECADE]),
            low=np.append(people.low, -endless), high=np.append(people.high, endless),
            mean=np.append(people.mean, [self.female_share, 0.0]), covariance=covariance,
        )  # fmt: skip


@lru_cache
def _joint() -> tuple[PeopleTraits, PeopleDistribution]:
    traits = PeopleTraits.load()
    return traits, traits.joint(everyone())


def person(seed: int, patient: str, sex: str | None = None, draw: int = 0) -> dict[str, float]:
    """Age, cycle length and physiology of a patient.

    They depend on nothing but the seed, the name, the sex and the draw. Age, cycle length given age
    and sex, and physiology given all three have generators of their own.

    Args:
        sex: female or male; None: one of all people.
        draw: 0 is a draw of people; 1, 2, ... are candidates of a calibrated population: the same
            age and cycle length with other physiologies, of `CANDIDATES_WIDER` the spread.

    Returns:
        variable of the shipped distributions -> value, with cv_transverse_mm_per_ms and age_years.
    """
    traits, people = _joint()
    age = traits.age(generator(seed, patient, "people", AGE).random())
    people = people.given(AGE, age)
    people = people.without(FEMALE) if sex is None else people.given(FEMALE, float(sex == FEMALE))
    cycle = _cycle_length(people, generator(seed, patient, "people", CYCLE_LENGTH))
    people, plateaus = people.given(CYCLE_LENGTH, cycle), shipped_plateaus()
    whose: tuple[str | int, ...] = (patient, "people")
    if draw:
        people, plateaus = people.wider(CANDIDATES_WIDER), plateaus.wider(CANDIDATES_WIDER)
        whose = (*whose, "candidate", draw)
    drawn = people.draw(generator(seed, *whose))
    # plateaus have a generator of their own, too: with others a person remains the same otherwise
    drawn |= plateaus.draw(generator(seed, *whose, "plateau"))
    return derived(drawn) | {CYCLE_LENGTH: cycle, AGE: age}


def _cycle_length(people: PeopleDistribution, rng: np.random.Generator) -> float:
    """Cycle length, ms, of the normal distribution of its logarithm within the limits."""
    k = people.names.index(CYCLE_LENGTH)
    sd = np.sqrt(people.covariance[k, k])
    for _ in range(MOST_DRAWS):
        unit = people.mean[k] + sd * rng.standard_normal()
        value = float(people.centre[k] * np.exp(people.scale[k] * unit))
        if LEAST_CYCLE_MS <= value <= LONGEST_CYCLE_MS:
            return value
    raise BadInput(f"people: none of {MOST_DRAWS} cycle lengths is within "
                   f"{LEAST_CYCLE_MS:g} to {LONGEST_CYCLE_MS:g} ms")  # fmt: skip


def person_of(config: Config, patient: str) -> dict[str, float]:
    """`person` of a patient of a config; empty where people are not drawn.

    The sex is that of the patient's body. Imported patients, and those of a cohort without sex
    (`cohort.sex: any`), are drawn without. `variation.people_draws` names a draw for each virtual
    one; imported ones that it does not name have their first.

    Raises:
        BadInput: that file is missing or wrong, or does not name the patient.
    """
    section = config.variation
    if not section.people:
        return {}
    file, virtual = section.people_draws, VIRTUAL.fullmatch(patient)
    draw = draw_of(file, patient) if file and (virtual or is_named(file, patient)) else 0
    return person(section.seed, patient, sex_of(patient, config.cohort), draw)


def traits_of(config: Config, patient: str) -> dict[str, float]:
    """`cycle_length_ms` and `age_years` of a patient; empty where people are not drawn."""
    drawn = person_of(config, patient)
    return {name: drawn[name] for name in (CYCLE_LENGTH, AGE) if drawn}


def sex_of(patient: str, cohort: CohortSettings) -> str | None:
    """Sex of a virtual patient's body by its name; None where it has none."""
    number = VIRTUAL.fullmatch(patient)
    if number is None or cohort.sex == "any":
        return None
    return cohort.sex if cohort.sex != "both" else sex_by(body_unit(int(number[1]), cohort)[0])


def sex_by(unit: float) -> str:
    """Sex by a number in 0 to 1."""
    return SEXES[int(unit * len(SEXES))]


def body_unit(index: int, cohort: CohortSettings) -> np.ndarray:
    """Numbers [3] in 0 to 1 of patient number `index`: sex, height, BMI."""
    block, row = divmod(index, cohort.block_size)
    rng = generator(cohort.seed, "cohort-body", cohort.block_size, block)
    return latin_hypercube(cohort.block_size, 3, rng)[row]
