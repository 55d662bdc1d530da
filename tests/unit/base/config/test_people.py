"""The distribution of people: reproducible draws within the prior, moments, config, refusals."""

import json

import numpy as np
import pytest

from einthoven.base.config import traits, validate
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.people import (
    CYCLE_LENGTH,
    FASCICLES,
    SHIPPED,
    PeopleDistribution,
    everyone,
    people_conductivities,
    people_plateaus,
    people_sites,
)
from einthoven.base.config.physiology import COLUMNS, Physiology
from einthoven.base.config.traits import person
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

PEOPLE = {"variation": {"people": True}, "purkinje": {"backend": "sites"}}


def drawn(n=400):
    people = everyone()
    rng = generator(3, "test of people")
    values = np.array([list(people.draw(rng).values()) for _ in range(n)])
    return people, values


def standardised(people, values):
    change = values - people.centre
    log = people.is_log
    change[:, log] = np.log(values[:, log] / people.centre[log])
    return change / people.scale


def test_draws_are_within_the_limits_of_the_prior():
    people, values = drawn()
    assert (values >= people.low).all() and (values <= people.high).all()


def test_moments_are_those_of_the_file():
    people, values = drawn()
    unit = standardised(people, values)
    sd = np.sqrt(np.diag(people.covariance))
    # truncation moves the mean by less than a third of an SD, and narrows
    assert np.abs((unit.mean(axis=0) - people.mean) / sd).max() < 0.35
    ratio = unit.std(axis=0) / sd
    assert (ratio > 0.6).all() and (ratio < 1.15).all()


def test_a_person_depends_on_the_seed_and_the_name_alone():
    assert person(1, "p0003") == person(1, "p0003")
    assert person(1, "p0003") != person(2, "p0003") != person(2, "p0004")


def test_a_known_variable_shifts_those_that_go_with_it():
    covariance = np.array([[4.0, 1.0], [1.0, 1.0]])
    columns = np.zeros(2, bool), np.zeros(2), np.ones(2), np.full(2, -99.0), np.full(2, 99.0)
    both = PeopleDistribution(("one", "other"), *columns, np.array([1.0, 0.0]), covariance, {})
    one = both.given("other", 2.0)
    assert one.names == ("one",)
    assert one.mean == pytest.approx([3.0]) and one.covariance == pytest.approx(np.array([[3.0]]))


def test_durations_are_those_of_the_cycle_length():
    people = everyone()
    slow, fast = (people.given(CYCLE_LENGTH, ms) for ms in (1000.0, 600.0))
    k = slow.names.index("apd_mean_ms")
    assert slow.mean[k] > fast.mean[k]


def test_a_patient_has_the_values_of_a_person():
    config = validate(PEOPLE)
    values, found = person(config.variation.seed, "p0001"), Physiology.of(config, "p0001")
    columns = found.columns
    for name in set(COLUMNS) & set(values):
        assert columns[name] == values[name]
    sites = found.purkinje.early_sites
    assert [site.fascicle for site in sites] == list(FASCICLES)
    assert min(site.time_ms for site in sites) == 0
    assert [dict(site) for site in sites] == people_sites(values)
    across = people_conductivities(values)["sigma_it_s_per_m"]
    assert across == values["sigma_il_s_per_m"] * values["sigma_it_share"]


def test_values_of_a_sheet_come_first():
    found = Physiology.of(validate(PEOPLE), "p0001", {"apd_mean_ms": 301.0})
    assert found.repolarisation.mean_ms == 301.0


def test_every_drawn_person_has_valid_settings():
    config = validate(PEOPLE)
    for k in range(100):
        found = Physiology.of(config, f"p{k:04d}")
        assert len(found.purkinje.early_sites) == len(FASCICLES)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"variation": {"people": True}}, "backend: sites"),
        (PEOPLE | {"variation": {"people": True, "cv_fiber": 0.1}}, "set cv_fiber to 0"),
        (PEOPLE | {"repolarisation": {"field": "homogeneous"}}, "field: gradients"),
    ],
)
def test_refuses_settings_that_contradict_people(sections, message):
    with pytest.raises(BadInput, match=message):
        validate(sections)


class Narrow:
    """Plateaus that take more draws."""

    def __init__(self, plateaus):
        self.plateaus = plateaus

    def draw(self, rng):
        rng.standard_normal(7)
        return self.plateaus.draw(rng)


def test_plateaus_of_people_are_drawn_apart(monkeypatch):
    """Other plateaus leave a person's other values as they were."""
    config, plateaus = validate(PEOPLE), PeopleDistribution.load_plateaus()
    drawn = person(config.variation.seed, "p0001")
    rest = {name: value for name, value in drawn.items() if not name.startswith("plateau_")}
    with monkeypatch.context() as patch:
        patch.setattr(traits, "shipped_plateaus", lambda: Narrow(plateaus))
        other = person(config.variation.seed, "p0001")
    assert rest == {name: other[name] for name in rest}
    assert set(people_plateaus(drawn)) == set(plateaus.names)
    assert people_plateaus(drawn) != people_plateaus(other)
    found = Physiology.of(config, "p0001")
    assert found.repolarisation.plateaus_differ
    for name, value in people_plateaus(drawn).items():
        assert getattr(found.repolarisation, name) == found.columns[name] == value
    without = Physiology.of(validate({}), "p0001")
    assert not without.repolarisation.plateaus_differ
    assert not [name for name in without.columns if name.startswith("plateau")]


def test_a_file_without_plateaus_is_refused(tmp_path):
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"variables": []}))
    with pytest.raises(BadInput, match="no part plateau"):
        PeopleDistribution.load_plateaus(path)


def test_a_homogeneous_heart_has_one_plateau():
    own = {"field": "homogeneous", "plateau_mean": 0.3}
    with pytest.raises(BadInput, match="plateau_ keys need field: gradients"):
        validate({"repolarisation": own})


def test_a_simulator_of_one_plateau_refuses_others():
    RepolarisationSettings().with_one_plateau("twin")
    with pytest.raises(BadInput, match="twin: repolarisation.plateau_ keys are not 0"):
        RepolarisationSettings(plateau_rv_to_lv=-0.3).with_one_plateau("twin")


def test_without_people_nothing_is_drawn_from_them():
    assert "right-septal" not in {
        site.fascicle for site in Physiology.of(validate({}), "p0001").purkinje.early_sites
    }


@pytest.mark.parametrize("missing", ["mean", "variables", "about"])
def test_refuses_a_file_that_is_no_distribution(tmp_path, missing):
    data = json.loads(SHIPPED.read_text())
    del data[missing]
    path = tmp_path / "people.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BadInput, match="not a distribution of people"):
        PeopleDistribution.load(path)


def test_refuses_a_mean_of_another_length(tmp_path):
    data = json.loads(SHIPPED.read_text())
    data["mean"] = data["mean"][:-1]
    path = tmp_path / "people.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BadInput, match="are not those of"):
        PeopleDistribution.load(path)


def test_refuses_a_distribution_outside_of_its_limits():
    columns = np.zeros(1, bool), np.zeros(1), np.ones(1), np.full(1, -1.0), np.full(1, 1.0)
    far = PeopleDistribution(("one",), *columns, np.array([90.0]), np.eye(1), {})
    with pytest.raises(BadInput, match="within the limits"):
        far.draw(generator(1, "far"))
