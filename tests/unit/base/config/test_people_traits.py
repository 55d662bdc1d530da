"""Rate, age and sex of drawn people: reproducible, in proportion, off without people."""

import json
from itertools import pairwise

import numpy as np
import pytest

from einthoven.app.run.patient_settings import PatientSettings
from einthoven.base.config import validate
from einthoven.base.config.people import CYCLE_LENGTH, everyone
from einthoven.base.config.traits import (
    AGE,
    FEMALE,
    LEAST_CYCLE_MS,
    LONGEST_CYCLE_MS,
    SHIPPED_TRAITS,
    PeopleTraits,
    person,
    person_of,
    sex_of,
    traits_of,
)
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.population.cohort import draw_patient

PEOPLE = {"variation": {"people": True}, "purkinje": {"backend": "sites"}}
DRAWS = 2000


@pytest.fixture(scope="module")
def crowd():
    return [person(1, f"p{k:04d}") for k in range(DRAWS)]


def column(people, name):
    return np.array([one[name] for one in people])


def test_mean_duration_and_cycle_length_go_together_as_in_the_fit(crowd):
    cycle = np.log(column(crowd, CYCLE_LENGTH))
    found = np.corrcoef(cycle, column(crowd, "apd_mean_ms"))[0, 1]
    people = everyone()
    k, j = (people.names.index(name) for name in (CYCLE_LENGTH, "apd_mean_ms"))
    fitted = people.covariance[k, j] / np.sqrt(people.covariance[k, k] * people.covariance[j, j])
    assert fitted == pytest.approx(0.71, abs=0.01)
    # limits move it a little; the standard error of 2,000 draws is 0.011
    assert found == pytest.approx(fitted, abs=0.05)
    assert cycle.std() == pytest.approx(people.scale[k] * np.sqrt(people.covariance[k, k]), rel=0.1)


def test_cycle_lengths_are_within_the_range_of_the_cells(crowd):
    cycle = column(crowd, CYCLE_LENGTH)
    assert cycle.min() >= LEAST_CYCLE_MS and cycle.max() <= LONGEST_CYCLE_MS


def test_ages_are_those_of_the_people_of_the_fit(crowd):
    traits, ages = PeopleTraits.load(), column(crowd, AGE)
    for share in (0.25, 0.5, 0.75):
        assert np.quantile(ages, share) == pytest.approx(traits.age(share), abs=2.5)


def test_women_and_men_differ_by_the_differences_of_the_file():
    traits = PeopleTraits.load()
    joint = traits.joint(everyone())
    women, men = (joint.given(FEMALE, value) for value in (1.0, 0.0))
    assert women.covariance == pytest.approx(men.covariance)
    difference = dict(zip(women.names, women.mean - men.mean))
    for name in everyone().names:
        assert difference[name] == pytest.approx(traits.women.get(name, 0.0), abs=1e-9)
    share = traits.female_share
    both = share * women.mean + (1 - share) * men.mean
    assert both == pytest.approx(joint.without(FEMALE).mean)


def test_women_are_drawn_as_women():
    women, men = ([person(1, f"p{k:04d}", sex) for k in range(300)] for sex in ("female", "male"))
    people, traits = everyone(), PeopleTraits.load()
    k = people.names.index("apd_mean_ms")
    expected = people.scale[k] * traits.women["apd_mean_ms"]
    found = column(women, "apd_mean_ms") - column(men, "apd_mean_ms")
    assert found.mean() == pytest.approx(expected, abs=4.0) and expected > 4.0


def test_a_decade_moves_people_by_the_differences_of_the_file():
    traits = PeopleTraits.load()
    joint = traits.joint(everyone()).without(FEMALE)
    old, young = joint.given(AGE, 60.0), joint.given(AGE, 50.0)
    for name, value in zip(old.names, old.mean - young.mean):
        assert value == pytest.approx(traits.decade.get(name, 0.0), abs=1e-9)


def test_without_sex_and_age_people_are_those_of_the_fit():
    joint = PeopleTraits.load().joint(everyone()).without(FEMALE).without(AGE)
    assert joint.mean == pytest.approx(everyone().mean)
    assert joint.covariance == pytest.approx(everyone().covariance)


def test_the_same_patient_has_the_same_traits_in_every_cohort():
    small, large = (validate(PEOPLE | {"cohort": {"n_patients": n}}) for n in (3, 40))
    first, second = traits_of(small, "p0002"), traits_of(large, "p0002")
    assert first == second != traits_of(large, "p0003")
    settings = PatientSettings(large, ["p0002"], {})
    columns = settings.physiology_columns["p0002"]
    assert {name: columns[name] for name in first} == first
    assert columns["apd_mean_ms"] == person_of(large, "p0002")["apd_mean_ms"]


def test_without_people_nobody_has_a_rate():
    config = validate({})
    assert traits_of(config, "p0000") == person_of(config, "p0000") == {}
    assert CYCLE_LENGTH not in PatientSettings(config, ["p0000"], {}).physiology_columns["p0000"]


@pytest.mark.parametrize("sex", ["any", "both", "female"])
def test_the_sex_is_that_of_the_body(sex):
    cohort = validate({"cohort": {"sex": sex, "n_patients": 40}}).cohort
    for k in (0, 5, 31, 33):
        assert sex_of(f"p{k:04d}", cohort) == draw_patient(k, cohort).sex


def test_an_imported_patient_is_drawn_without_sex():
    config = validate(PEOPLE | {"cohort": {"sex": "female"}})
    assert sex_of("anna", config.cohort) is None
    assert person_of(config, "anna") == person(config.variation.seed, "anna")
    assert person_of(config, "p0001") == person(config.variation.seed, "p0001", "female")


def test_ages_ascend_with_the_share():
    traits = PeopleTraits.load()
    ages = [traits.age(share) for share in np.linspace(0, 1, 11)]
    assert all(one <= other for one, other in pairwise(ages))
    assert ages[0] >= 18


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age_quantiles": [40, 20]}, "ascending"),
        ({"women": None}, "no traits|NoneType"),
        ({"women": {"height": 1.0}}, "no such variable"),
        ({"women": {"apd_mean_ms": 9.0}}, "exceed the spread"),
    ],
)
def test_refuses_broken_traits(tmp_path, change, message):
    path = tmp_path / "traits.json"
    path.write_text(json.dumps(json.loads(SHIPPED_TRAITS.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        PeopleTraits.load(path).joint(everyone())
