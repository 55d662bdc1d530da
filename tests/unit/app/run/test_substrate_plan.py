"""Scar and ischaemia in the plan of a run: which jobs there are, and who knows of them."""

from types import SimpleNamespace

import pytest
from helpers.rules import RULES, params_of

from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.plan import Plan
from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput

WHO = SimpleNamespace(patient="p0001")
FILE = "results/patients/p0001/substrate.npz"


def plan(**substrate):
    return Plan.of(Config.model_validate({"substrate": substrate}))


def test_without_it_there_is_no_job_and_no_file():
    usual = plan()
    assert planned_jobs(usual)["substrate"] == 0
    assert usual.diseased_of(WHO) == usual.scar_of(WHO) == []
    assert "substrate" not in usual.physics


def test_with_it_each_patient_has_a_job_and_a_file():
    sick = plan(kind="ischaemia")
    assert planned_jobs(sick)["substrate"] == len(sick.everybody)
    assert sick.diseased_of(WHO) == FILE and sick.physics["substrate"]["kind"] == "ischaemia"


@pytest.mark.parametrize("kind, known, expected", [
    ("scar", True, FILE), ("scar", False, []), ("ischaemia", True, []),
])  # fmt: skip
def test_lead_fields_depend_on_a_scar_they_know_of_alone(kind, known, expected):
    assert plan(kind=kind, in_lead_field=known).scar_of(WHO) == expected


def test_settings_are_those_of_the_patient():
    sick = plan(kind="scar", size=[0.5, 1.0])
    drawn = [sick.settings.substrate_of(SimpleNamespace(patient=name))["size"][0]
             for name in sick.patients]  # fmt: skip
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("rule", ["activation", "ecg", "patient_store", "predict",
                                  "operator_predict"])  # fmt: skip
def test_rules_that_feel_it_wait_for_it(rule):
    assert "substrate=PLAN.diseased_of" in RULES[rule]


def test_lead_fields_wait_for_a_scar_that_they_know_of():
    assert "substrate=PLAN.scar_of" in RULES["leadfield"]


def test_inverse_problems_of_a_beat_are_refused_where_cells_would_be_healthy():
    usual, sick = plan().inverse, plan(kind="scar").inverse
    beats = [name for name, special in usual.problems.items() if "scenario" in special]
    for name in beats:
        who = SimpleNamespace(problem=name)
        assert usual.activation_of(who)[0].endswith(".npz")
        with pytest.raises(BadInput, match=r"substrate.kind: scar: .* have healthy cells; set it"):
            sick.activation_of(who)
    assert beats and sick.activation_of(SimpleNamespace(problem="paper")) == []


def test_pairs_of_beats_draw_from_the_section_and_no_patient_has_a_scar_of_its_own():
    sick = plan(kind="scar", transmurality=[0.5, 0.9])
    found = params_of("infarct_simulate", sick, patient="p0001")["scars"]
    assert found == sick.section("substrate") and found["transmurality"] == [0.5, 0.9]


def test_the_target_infarcts_is_refused_before_any_job_where_beats_have_no_scars():
    assert plan(kind="scar").pairs_of(None)[0] == "results/imaging/infarcts/p0000.npz"
    for wrong in ({}, {"kind": "ischaemia"}, {"kind": "scar", "share": 0.5}):
        with pytest.raises(BadInput, match="need kind: scar and share: 1.0"):
            plan(**wrong).pairs_of(None)
