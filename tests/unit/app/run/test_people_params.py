"""People and their recordings in the parameters of rules."""

import pytest
from helpers.rules import ROOT, params_of

from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate
from einthoven.base.config.calibrated import read_draws, write_draws
from einthoven.base.config.people import people_conductivities
from einthoven.base.config.traits import person_of
from einthoven.base.core.errors import BadInput


def plan_with(**sections):
    whole = load(ROOT / "config/ci.yaml").model_dump(mode="json")
    for name, changes in sections.items():
        whole[name] |= changes
    return Plan.of(validate(whole))


@pytest.fixture(scope="module")
def people():
    sites = {"backend": "sites"}
    return plan_with(variation={"people": True}, purkinje=sites,
                     repolarisation={"field": "gradients"})  # fmt: skip


def test_traits_of_a_patient_are_those_of_its_sheet(people):
    sheet = params_of("cohort_sheet", people)["physiology"]
    traits = {name: params_of("ecg", people, patient=name)["traits"] for name in people.patients}
    assert len({values["cycle_length_ms"] for values in traits.values()}) == len(people.patients)
    for name, values in traits.items():
        assert values.keys() == {"cycle_length_ms", "age_years"}
        assert values.items() <= sheet[name].items()
    assert params_of("ecg", plan_with(), patient="p0000")["traits"] == {}


def test_conductivities_are_those_of_the_person(people):
    for name in people.patients:
        own = people_conductivities(person_of(people.config, name))
        for rule, key in (("leadfield", "section"), ("ecg", "conductivity")):
            given = params_of(rule, people, patient=name, batch="0")[key]
            assert own.items() <= dict(given).items()


def test_a_chosen_draw_reaches_all_rules_of_its_patient_and_no_other(people, tmp_path):
    file = tmp_path / "draws.csv"
    write_draws(file, {name: 5 * (name == "p0000") for name in people.everybody})
    variation = {"people": True, "people_draws": str(file)}
    chosen = plan_with(variation=variation, purkinje={"backend": "sites"},
                       repolarisation={"field": "gradients"})  # fmt: skip
    for rule, same in (("purkinje", False), ("activation", False), ("leadfield", False),
                       ("ecg", False), ("mesh", True), ("fibers", True)):  # fmt: skip
        one, other = (
            params_of(rule, plan, patient="p0000", batch="0") for plan in (people, chosen)
        )
        assert (one == other) == same, rule
        one, other = (
            params_of(rule, plan, patient="p0001", batch="0") for plan in (people, chosen)
        )
        assert one == other, rule


def test_bodies_that_were_not_chosen_are_no_patients_of_the_run(people, tmp_path):
    file = tmp_path / "draws.csv"
    sections = {
        "variation": {"people": True, "people_draws": str(file)},
        "purkinje": {"backend": "sites"},
        "repolarisation": {"field": "gradients"},
    }
    write_draws(file, {name: None if name == "p0000" else 3 for name in people.patients})
    assert plan_with(**sections).patients == people.patients[1:]
    write_draws(file, dict.fromkeys(people.patients))
    with pytest.raises(BadInput, match="no patient of split test, train, val is left"):
        plan_with(**sections)


def test_the_population_of_the_repository_has_a_draw_of_each_patient():
    config = load(ROOT / "config/people.yaml")
    named = read_draws(ROOT / config.variation.people_draws)
    draws = {name: draw for name, draw in named.items() if draw is not None}
    assert list(draws) == Plan.of(config).patients and len(set(draws.values())) > 20
    assert len(named) == config.cohort.n_patients


def test_recordings_are_made_of_everybody_if_wanted():
    off = plan_with(recording={"scenarios": ["sinus"]})
    assert off.recorded == off.recordings == []
    on = plan_with(recording={"enabled": True, "scenarios": ["sinus"]})
    assert on.recorded == ["sinus"]
    assert on.recordings == [f"results/recordings/sinus/{name}.hea" for name in on.everybody]
    assert params_of("recording", on, patient="p0000")["section"]["scenarios"] == ["sinus"]
    everything = plan_with(recording={"enabled": True})
    assert everything.recorded == everything.scenarios


def test_levels_of_noise_reach_simulated_beats_only_if_wanted():
    def levels(**imaging):
        plan = plan_with(imaging=imaging, recording={"muscle_uv": 9.0})
        return params_of("imaging_simulate", plan, patient="p0000")["recording"]

    assert levels() == {}
    assert levels(recorder_noise=True)["muscle_uv"] == 9.0
