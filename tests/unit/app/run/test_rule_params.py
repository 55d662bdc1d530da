"""What varies from patient to patient reaches every rule that it decides something for.

The rules' own texts are evaluated, for each patient of config/ci-varied.yaml. No setting is named
twice here: a value under a key that is drawn must differ between patients, and must be the same in
all rules that one patient's data come from.
"""

import re

import pytest
from helpers.rules import ROOT, RULES, params_of, part

from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate
from einthoven.base.config.atria import AtriaSettings

DRAWN = re.compile(r"sigma_(?!lung)\w+|cv_\w+|speed_mm_per_ms|mean_ms|apex_to_base_ms|early_sites")
"""Keys of settings that config/ci-varied.yaml draws for each patient."""
SIGMA = {f"sigma_{name}_s_per_m" for name in ("il", "it", "el", "et", "torso", "blood")}
DURATIONS = {"mean_ms", "apex_to_base_ms"}
SPEEDS = {"cv_fiber_mm_per_ms", "cv_transverse_mm_per_ms",
          "cv_lv_endocardium_mm_per_ms", "cv_rv_endocardium_mm_per_ms"}  # fmt: skip
FELT = {
    "purkinje": {"speed_mm_per_ms", "early_sites"},
    "activation": SPEEDS,
    "beat": SPEEDS | SIGMA | DURATIONS,
    "leadfield": SIGMA,
    "ecg": SIGMA | DURATIONS,
    "predict": SIGMA | DURATIONS,
    "operator_predict": SIGMA | DURATIONS,
    "imaging_beats": SPEEDS | SIGMA,
    "imaging_simulate": SIGMA,
    "infarct_simulate": SIGMA,
    "inverse_operators": SIGMA,
    "inverse_problem": SIGMA | DURATIONS,
    "report": DURATIONS,
}
"""Rule -> the drawn settings among its parameters; no other rule of one patient has any."""
WILDCARDS = {"batch": "0", "encoder": "pca", "model": "refraction", "problem": "sinus",
             "method": "tikhonov-0", "chunk": "c0", "imported": "anna", "member": "",
             "training": "conditioned_anatomy", "paper": "zhu-2025",
             "repeat": "0"}  # fmt: skip
OF_EXAMPLE = {"inverse_problem", "report"}
"""Rules of one patient without a wildcard for it."""


@pytest.fixture(scope="module")
def plan():
    return Plan.of(load(ROOT / "config/ci-varied.yaml"))


def drawn(value, found=None):
    """Drawn settings in parameters, at any depth; ranges are none."""
    found = {} if found is None else found
    for key, item in value.items() if isinstance(value, dict) else ():
        is_range = isinstance(item, list) and all(isinstance(end, float) for end in item)
        if DRAWN.fullmatch(key) and not is_range:
            assert found.setdefault(key, item) == item
        drawn(item, found)
    return found


def settings(rule, plan, patient):
    """Drawn settings of a rule's job for a patient."""
    return drawn(params_of(rule, plan, patient=patient, **WILDCARDS))


def per_patient():
    """Rules with a file for each patient."""
    made = {name: text.split("    output:")[1].split("    log:")[0] for name, text in RULES.items()}
    return sorted(name for name, outputs in made.items() if "{patient}" in outputs)


@pytest.mark.parametrize("rule", sorted({*per_patient(), *FELT}))
def test_rules_of_a_patient_have_its_own_settings(plan, rule):
    patients = [plan.example] if rule in OF_EXAMPLE else plan.patients
    found = [settings(rule, plan, patient) for patient in patients]
    assert set(found[0]) == FELT.get(rule, set())
    for key in found[0]:
        values = [repr(one[key]) for one in found]
        assert len(set(values)) == len(values), f"{rule}: {key} is the same in several patients"


def test_one_patient_has_the_same_settings_in_all_rules(plan):
    for patient in plan.patients:
        known = {}
        for rule in FELT.keys() - (set() if patient == plan.example else OF_EXAMPLE):
            for key, value in settings(rule, plan, patient).items():
                assert known.setdefault(key, value) == value, (rule, key)
        columns = params_of("cohort_sheet", plan)["physiology"][patient]
        assert SPEEDS <= columns.keys() and all(columns[key] == known[key] for key in SPEEDS)
        assert columns["purkinje_speed_mm_per_ms"] == known["speed_mm_per_ms"]
        assert {columns[f"apd_{key}"] for key in DURATIONS} == {known[key] for key in DURATIONS}


def test_rules_that_gather_patients_have_the_usual_settings(plan):
    """Theirs are for patients whose files hold none: `operator.inputs.conductivities_of`."""
    usual = {key: getattr(plan.config.leadfield, key) for key in SIGMA}
    for rule in ("evaluate", "operator_train", "operator_uncertainty"):
        assert drawn(params_of(rule, plan, **WILDCARDS)) == usual


def test_atria_of_a_patient_are_the_same_in_all_rules_with_an_ecg():
    whole = load(ROOT / "config/ci-varied.yaml").model_dump(mode="json")
    for rule in ("ecg", "predict", "operator_predict"):
        given = params_of(rule, Plan.of(validate(whole)), patient="p0000", **WILDCARDS)
        assert given["atria"] == {}
    whole["atria"] |= {"enabled": True}
    whole["scenarios"]["defined"]["mine"] = {"kind": "rhythm", "tree_speed_factor": 0.8}
    plan = Plan.of(validate(whole))
    sizes = set()
    for patient in plan.patients:
        found = [params_of(rule, plan, patient=patient, **WILDCARDS)["atria"]
                 for rule in ("ecg", "predict", "operator_predict")]  # fmt: skip
        assert found[0] == found[1] == found[2]
        settings = AtriaSettings.model_validate(found[0])
        assert settings.have_p_wave("mine") and settings.have_p_wave("lbbb")
        assert not settings.have_p_wave("crt")
        columns = params_of("cohort_sheet", plan)["physiology"][patient]
        assert columns["atria_size"] == settings.size
        sizes.add(settings.size)
    assert len(sizes) == len(plan.patients)


def test_shapes_that_are_drawn_reach_surfaces_and_mesh():
    whole = load(ROOT / "config/ci-varied.yaml").model_dump(mode="json")
    whole["cohort"] |= {"n_patients": 24, "block_size": 12}
    whole["augmentation"] |= {"lung_share": 0.5, "fine_share": 0.5, "fine_edge_mm": 2.5}
    whole["augmentation"] |= {"sigma_lung_s_per_m": [0.03, 0.05]}
    plan = Plan.of(validate(whole))
    edges, lungs = set(), {}
    for patient in plan.patients:
        surfaces = params_of("anatomy", plan, patient=patient)["section"]
        mesh = params_of("mesh", plan, patient=patient)["section"]
        assert mesh["heart_edge_mm"] == surfaces["heart_edge_mm"]
        edges.add(mesh["heart_edge_mm"])
        for rule, name in (("leadfield", "section"), ("ecg", "conductivity")):
            given = params_of(rule, plan, patient=patient, batch="0")[name]
            lungs.setdefault(surfaces["lungs"], set()).add(given["sigma_lung_s_per_m"])
    assert edges == {2.5, 4.0}
    assert len(lungs[False]) == 1 and len(lungs[True]) > 5
    assert params_of("anatomy", plan, patient="p0000")["augmentation"]["heart_scale"] == [
        0.95,
        1.05,
    ]
    assert params_of("leadfield", plan, patient="p0000", batch="0")["drawn"] is True
    assert params_of("leadfield", Plan.of(load(ROOT / "config/ci.yaml")), patient="p0000",
                     batch="1")["drawn"] is False  # fmt: skip


def test_members_of_an_ensemble_have_seeds_of_their_own(plan):
    for rule in ("operator_train", "surrogate"):
        seeds = [params_of(rule, plan, **WILDCARDS | {"member": member})["section"]["seed"]
                 for member in plan.members("operator")]  # fmt: skip
        assert len(set(seeds)) == len(seeds) == 2


def test_gradients_are_asked_for_as_configured(plan):
    for rule in ("ecg", "field_samples", "imaging_simulate", "inverse_operators", "evaluate"):
        assert params_of(rule, plan, patient="p0000", **WILDCARDS)["gradient"] == "raw"
    assert params_of("patient_store", plan, patient="p0000")["lead_field"] == "body"


def patients_of(files):
    """The patients whose files these are."""
    return {found[1] for file in files if (found := re.search(r"/(p[0-9]{4})[./]", file))}


def inputs(rule, plan):
    """Name of the input -> its patients, of a rule that is for no patient in particular."""
    return {name: patients_of(files if isinstance(files, list) else [files])
            for name, files in part(rule, "input", plan, WILDCARDS).named.items()}  # fmt: skip


def test_every_rule_sees_only_its_splits():
    whole = load(ROOT / "config/ci-varied.yaml").model_dump(mode="json")
    whole["cohort"] |= {"n_patients": 8, "block_size": 4}
    whole["learning"] |= {"encoders": ["pca"], "models": ["refraction", "operator"]}
    plan = Plan.of(validate(whole))
    train, val, test = (set(plan.of_split(split)) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (4, 2, 2)
    learned = {"train": train, "validation": val}
    assert inputs("operator_train", plan) == learned
    assert inputs("operator_uncertainty", plan)["validation"] == val
    assert inputs("uncertainty", plan)["anatomies"] == val
    assert inputs("surrogate", plan)["anatomies"] == train | val
    assert inputs("search", plan)["anatomies"] == train | val
    assert inputs("recipe", plan)["samples"] == train | val
    judged = inputs("evaluate", plan)
    for name in ("patients", "leadfield", "predictions", "cohort"):
        assert judged[name] == test, name
    assert judged["train"] == train
    assert inputs("encoder", plan)["samples"] == train | val | test
    assert patients_of(part("consolidate", "input", plan, {})) == train | val | test
    for rule, key in (("operator_predict", "networks"), ("predict", "surrogate")):
        given = part(rule, "input", plan, WILDCARDS | {"patient": "p0003"})
        assert len(getattr(given, key)) == len(set(getattr(given, key))) == 2
        assert [file.split("/")[-1] for file in given.uncertainty] == ["uncertainty.json"]


def test_batches_and_refined_electrodes_are_those_of_the_config():
    whole = load(ROOT / "config/ci-varied.yaml").model_dump(mode="json")
    whole["electrodes"] = {"n_grid": 5, "n_refined": 2}
    whole["leadfield"] |= {"electrodes_per_job": 4}
    plan = Plan.of(validate(whole))
    spans = [params_of("leadfield", plan, patient="p0000", batch=batch)["electrodes"]
             for batch in plan.batches]  # fmt: skip
    assert spans == [[0, 4], [4, 8], [8, 12], [12, 14]]
    assert params_of("mesh", plan, patient="p0000")["n_refined"] == 9 + 2
    for rule in ("ecg", "field_samples"):
        assert params_of(rule, plan, patient="p0000")["n_electrodes"] == 9 + 5
