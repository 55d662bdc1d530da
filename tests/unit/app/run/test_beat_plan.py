"""Drawn beats in the plan of a run: which jobs there are, and which rules wait for them."""

from types import SimpleNamespace

import pytest
from helpers.rules import ROOT, RULES, params_of

from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate
from einthoven.base.core.errors import BadInput

WHO = SimpleNamespace(patient="p0001")


def plan(beats="people", **sections):
    whole = load(ROOT / "config/ci.yaml").model_dump(mode="json")
    own = {"variation": {"people": True, "beats": beats}, "purkinje": {"backend": "sites"},
           "repolarisation": {"field": "gradients"}}  # fmt: skip
    for name, changes in (own | sections).items():
        whole[name] |= changes
    return Plan.of(validate(whole))


def test_without_them_there_is_no_job_and_no_file():
    usual = plan(beats="")
    assert planned_jobs(usual)["beat"] == 0 and usual.beat_of(WHO) == usual.beats == []


def test_each_virtual_patient_has_a_job_and_a_file():
    drawn = plan()
    assert planned_jobs(drawn)["beat"] == len(drawn.patients)
    assert drawn.beat_of(WHO) == "results/patients/p0001/beat.npz" and drawn.beats == []


def test_imported_patients_get_the_usual_beat_unless_they_have_their_own_wave(tmp_path):
    header = "patient,heart,torso,electrodes,unit,axes,tags,sex,height_cm,weight_kg"
    places = "h.vtk,t.stl,e.csv,mm,LPS"
    rows = [f"anna,{places},,,,", f"bo,{places},fiber=f time=t scenario=sinus,,,",
            "cy,h.vtk,,e.csv,mm,LPS,,female,165,60"]  # fmt: skip
    (tmp_path / "sheet.csv").write_text("\n".join([header, *rows]))
    for name in ("h.vtk", "t.stl", "e.csv"):
        (tmp_path / name).touch()
    draws = "\n".join(["patient,draw", *(f"p{k:04d},3" for k in range(12))])
    (tmp_path / "draws.csv").write_text(draws)  # of the virtual ones alone
    drawn = plan(imported={"sheet": str(tmp_path / "sheet.csv")},
                 variation={"people": True, "beats": "people",
                            "people_draws": str(tmp_path / "draws.csv")})  # fmt: skip
    files = [drawn.beat_of(SimpleNamespace(patient=name)) for name in ("anna", "bo", "cy")]
    assert files == ["results/patients/anna/beat.npz", [], "results/patients/cy/beat.npz"]
    assert planned_jobs(drawn)["beat"] == len(drawn.patients) + 2
    persons = [params_of("beat", drawn, patient=name)["person"] for name in ("anna", "cy")]
    assert persons == [{"seed": 1, "usual": True}, {"seed": 1, "usual": True, "sex": "female"}]
    assert "cy" in params_of("cohort_sheet", drawn)["physiology"]


def test_a_distribution_of_one_s_own_is_an_input(tmp_path):
    (tmp_path / "mine.npz").touch()
    assert plan(beats=str(tmp_path / "mine.npz")).beats == [str(tmp_path / "mine.npz")]
    with pytest.raises(BadInput, match=r"variation.beats: nowhere.npz: no such file"):
        plan(beats="nowhere.npz")


@pytest.mark.parametrize("rule", ["activation", "ecg", "patient_store", "predict",
                                  "operator_predict"])  # fmt: skip
def test_rules_that_feel_them_wait_for_them(rule):
    assert "beat=PLAN.beat_of" in RULES[rule]


def test_a_job_has_the_person_of_its_patient():
    drawn = plan(cohort={"sex": "both"})
    given = {name: params_of("beat", drawn, patient=name)["person"] for name in drawn.patients}
    sheet = params_of("cohort_sheet", drawn)["physiology"]
    for name, person in given.items():
        assert person["cycle_length_ms"] == sheet[name]["cycle_length_ms"]
        assert person["sex"] in ("female", "male") and person["seed"] == 1
    assert "sex" not in params_of("beat", plan(cohort={"sex": "any"}), patient="p0001")["person"]


def test_beats_are_refused_in_diseased_hearts_and_without_people():
    with pytest.raises(BadInput, match=r"variation.beats with substrate.kind: scar"):
        plan(substrate={"kind": "scar"})
    with pytest.raises(BadInput, match=r"beats: only with people: true"):
        validate({"variation": {"beats": "people"}})
