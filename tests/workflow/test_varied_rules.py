"""Rules of config/ci-varied.yaml, played one by one in this process on the files of a finished run.

Their texts say which files and parameters their scripts get (`helpers.rules`). What they make is
judged by `independent.recompute` or by hand, as the run's own files are: so an edit of a rule, a
script or the library beneath is seen in seconds, which is what `make mutants` needs.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.rules import ROOT, part, play
from independent import recompute

from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate
from einthoven.base.core.files import load_arrays

pytestmark = pytest.mark.workflow
PATIENT = "results/patients/p0002"
STORE = "results/dataset/patients/p0002.zarr.zip"


def plan_of(**changes):
    """config/ci-varied.yaml with some keys of some sections changed."""
    whole = load(ROOT / "config/ci-varied.yaml").model_dump(mode="json")
    return Plan.of(validate(whole | {name: whole[name] | its for name, its in changes.items()}))


@pytest.fixture
def project(varied, tmp_path, monkeypatch):
    """Links to the finished run's files; a job replaces links by files of its own."""
    for folder, _, files in os.walk(varied / "results"):
        to = tmp_path / Path(folder).relative_to(varied)
        to.mkdir(exist_ok=True)
        for name in files:
            (to / name).symlink_to(Path(folder) / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setattr(recompute, "STEP_MS", 0.4)
    return tmp_path


STAGES = {
    "purkinje": ["paths_in_trees"],
    "activation": ["arrival_times"],
    "leadfield": ["lead_fields"],
    "field_samples": ["samples"],
    "sdf_samples": ["samples"],
    "fibers": ["samples"],
    "ecg": ["ecgs", "leads"],
}
"""Rule -> the checks that see what it makes."""


@pytest.mark.parametrize("rule", STAGES)
def test_a_stage_made_again_agrees_with_the_others(project, rule):
    plan = plan_of()
    files = part(rule, "output", plan, {"patient": "p0002", "batch": "0"})
    before = {file: load_arrays(file) for file in files}
    play(rule, plan, patient="p0002", batch="0")
    for file, stored in before.items():
        assert not Path(file).is_symlink()
        made = load_arrays(file)
        for name in (name for name, values in stored.items() if values.dtype.kind == "f"):
            np.testing.assert_allclose(made[name], stored[name], rtol=1e-3, atol=1e-4, err_msg=name)
    play("patient_store", plan, patient="p0002")
    patient = recompute.Patient(STORE)
    for check in STAGES[rule]:
        assert getattr(recompute, check)(patient) == []
    section = plan.section(rule) if rule in ("field_samples", "sdf_samples") else {}
    if section:
        assert len(patient[f"{rule.split('_')[0]}/surface"]) == 4
        name = "field/field_points" if rule == "field_samples" else "sdf/sdf_points"
        assert len(patient[name]) == section["n_points"]


def test_drawn_conductivities_are_stored_with_lead_fields_and_samples(project):
    plan = plan_of()
    [made] = play("leadfield", plan, patient="p0002", batch="0")
    [sampled] = play("field_samples", plan, patient="p0002")
    section = load_arrays(made).attrs["conductivities"]
    assert section == load_arrays(sampled).attrs["conductivities"]
    usual = dict(plan.config.leadfield)
    same = {name for name, value in section.items() if value == usual[name]}
    assert same == {"sigma_lung_s_per_m"} and len(section) == 7


@pytest.mark.parametrize("kept", ["heart", "body"])
def test_a_store_keeps_the_lead_field_where_it_is_asked_to(project, kept):
    """At all nodes, or at those of the heart, within 10 mm of it, and on the skin."""
    play("patient_store", plan_of(dataset={"lead_field": kept}), patient="p0002")
    patient = recompute.Patient(STORE)
    nodes, heart = patient["leadfield/kept_nodes"], patient.points[: patient.n_nodes]
    skin = patient["mesh/facets"][patient["mesh/facet_tags"] == recompute.SKIN]
    wanted = np.zeros(len(patient.points), bool)
    wanted[: patient.n_nodes] = wanted[skin] = True
    for node in np.flatnonzero(~wanted):
        wanted[node] = np.linalg.norm(heart - patient.points[node], axis=1).min() <= 10
    assert 0 < wanted.sum() < len(wanted)
    expected = np.arange(len(wanted)) if kept == "body" else np.flatnonzero(wanted)
    np.testing.assert_array_equal(nodes, expected)
    whole = load_arrays(f"{PATIENT}/leadfield_b0.npz")["lead_field"]
    np.testing.assert_array_equal(patient["leadfield/lead_field"], whole[:, expected])


def test_simulated_beats_are_those_of_lead_fields_taken_by_hand(project):
    """ECGs by eq. (3) of the stored Z's own gradients, or of eq. (11) on a sphere of 100 mm."""
    from einthoven.data.patient.patient import Patient
    from einthoven.imaging.corpus.beat_parameters import draw_beats
    from einthoven.imaging.corpus.simulations import Simulations
    from einthoven.imaging.corpus.simulator import Simulator

    plan = plan_of(imaging={"simulations_per_patient": 3, "forward_models": ["fem", "pseudo"]})
    [made] = play("imaging_simulate", plan, patient="p0002")
    found = Simulations.load(made)
    assert found.split == "test" and found.patient == "p0002"
    assert found.forward == ("fem", "pseudo") and len(found.pattern) == 3
    stored = recompute.Patient(STORE)
    order = [stored["leadfield/electrode"].tolist().index(name)
             for name in ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")]  # fmt: skip
    z = stored["leadfield/lead_field"].astype(float)[order]
    heart = stored.points[: stored.n_nodes].mean(axis=0)
    offset = stored["anatomy/electrode_points"][order] - heart
    sphere = heart + 100 * offset / np.linalg.norm(offset, axis=1, keepdims=True)
    away = sphere[:, None] - stored.points[stored.heart].mean(axis=1)
    distance = np.linalg.norm(away, axis=2, keepdims=True)
    fields = {
        "fem": np.stack([stored.slopes(row) for row in z]),
        "pseudo": away / (4 * np.pi * stored.sigma["sigma_torso_s_per_m"] * distance**3),
    }
    stages = {name: f"{PATIENT}/{name}.npz" for name in ("anatomy", "mesh", "fibers", "purkinje")}
    smoothing = plan.config.repolarisation.smoothing_mm
    simulator = Simulator.of(Patient.of_files(**stages), fields, smoothing_mm=smoothing)
    cases = draw_beats(plan.config.imaging, "p0002", 3)
    for k, beat in enumerate(map(simulator.simulate, cases)):
        assert np.abs(found.activation_time[k] - beat.activation_time).max() < 0.01
        for row, name in enumerate(found.forward):
            leads = recompute_leads(beat.potentials[name])
            assert np.abs(found.ecg[k, row] - leads).max() < 0.003, name  # whole uV


def test_pairs_of_beats_are_the_simulated_ones_without_and_with_a_scar(project):
    from einthoven.imaging.corpus.simulations import Simulations
    from einthoven.imaging.infarct.pairs import InfarctPairs

    beats = {"simulations_per_patient": 3, "forward_models": ["fem"], "paced_share": 0.0}
    scars = {"kind": "scar", "regions": [{"by": "territory", "artery": "LAD"}]}
    plan = plan_of(imaging=beats | {"recorder_noise": False}, substrate=scars)
    [made] = play("infarct_simulate", plan, patient="p0002")
    [usual] = play("imaging_simulate", plan, patient="p0002")
    pairs, expected = InfarctPairs.load(made), Simulations.load(usual)
    assert set(pairs.patient) == {"p0002"} and set(pairs.split) == {"test"}
    np.testing.assert_array_equal(pairs.healthy, expected.ecg[:, 0])
    np.testing.assert_array_equal(pairs.pattern, expected.pattern)
    change = np.abs(pairs.scarred - pairs.healthy).max(axis=(1, 2))
    assert change.min() > 0.05 and pairs.label("lv_percent").min() > 5


def recompute_leads(phi):
    """The twelve leads of potentials [9, time] of RA, LA, LL, V1 ... V6."""
    right, left, foot = phi[:3]
    limb = [left - right, foot - right, foot - left, right - (left + foot) / 2,
            left - (right + foot) / 2, foot - (left + right) / 2]  # fmt: skip
    return np.array([*limb, *(phi[3:9] - phi[:3].mean(axis=0))])


def test_repeats_of_a_fit_have_noise_of_their_own(project):
    plan = plan_of()
    play("inverse_problem", plan, problem="paper")
    [made] = play("inverse_fit", plan, problem="paper", method="tikhonov-0", batch="0")
    rows = json.loads(Path(made).read_text())
    assert [row["repeat"] for row in rows] == [0, 1]
    one, other = (row["numbers"]["re"] for row in rows)
    assert one != other and abs(one - other) < 0.2 * one
    assert {row["noise"] for row in rows} == {0.02}


def test_lead_fields_of_several_origins_have_the_patients_conductivities(project):
    from einthoven.base.config.models import LeadFieldSettings
    from einthoven.data.patient.patient import Patient
    from einthoven.inverse.synthetic.operator_comparison import OperatorComparison
    from einthoven.inverse.synthetic.operators import TransferInputs

    plan = plan_of(inverse={"operators": ["fem", "pseudo"], "repeats": 1, "scenarios": ["sinus"]})
    [made] = play("inverse_operators", plan, patient="p0002")
    stages = {k: f"{PATIENT}/{k}.npz" for k in ("anatomy", "mesh", "fibers", "ecg")}
    stages |= {"activation": [f"{PATIENT}/activation_sinus.npz"]}
    patient = Patient.of_files(**stages, leadfield=[f"{PATIENT}/leadfield_b0.npz"])
    drawn = LeadFieldSettings(**recompute.Patient(STORE).sigma, gradient="raw")
    inputs = TransferInputs(patient, drawn)
    comparison = OperatorComparison.of(inputs, ["sinus"], plan.config.inverse)
    expected = [trial.numbers for trial in comparison.trials(["fem", "pseudo"])][:2]
    found = [row["numbers"] for row in json.loads(Path(made).read_text())]
    for one, other in zip(found, expected, strict=True):
        for key in ("transfer_rel", "re", "residual_rel"):
            assert one[key] == pytest.approx(other[key], rel=1e-6, abs=1e-12), key


def test_a_prediction_made_again_is_the_same(project):
    """With the calibration of its ensemble, and gradients at the field samples."""
    before = load_arrays("results/predictions/operator/p0002.npz")
    [made] = play("operator_predict", plan_of(), patient="p0002")
    after = load_arrays(made)
    assert not Path(made).is_symlink() and after.keys() == before.keys()
    for name in ("heart_grad", "field_grad", "heart_sd_deg", "ecg", "ecg_sd"):
        assert recompute.far(after[name], before[name]) < 1e-3, name


def test_an_ensemble_is_calibrated_on_validation_patients_and_predicts_with_it(project):
    """A surrogate of the PCA's codes, from its encoder to its prediction."""
    changes = {"encoders": ["pca"], "models": ["refraction"]}
    plan = plan_of(learning=changes, refraction={"epochs": 1})
    job = {"encoder": "pca", "model": "refraction"}
    play("encoder", plan, **job)
    for member in plan.members("refraction"):
        play("surrogate", plan, member=member, **job)
    [calibration] = play("uncertainty", plan, **job)
    known = json.loads(Path(calibration).read_text())
    assert known["n_members"] == 2 and known["n_patients"] == 1
    found = []
    for factor in (1.0, 2.0):
        known |= {"factor": factor, "ecg_factor": factor}
        Path(calibration).write_text(json.dumps(known))
        [made] = play("predict", plan, patient="p0002", **job)
        found.append(load_arrays(made))
    doubled = np.minimum(2 * found[0]["heart_sd_deg"], 90)
    assert recompute.far(found[1]["heart_sd_deg"], doubled) < 1e-5 and doubled.min() > 0
    stored, time = recompute.Patient(STORE), found[0]["time"][10:60:10]
    times = stored["activation/activation_time"][0].astype(float)
    phi = recompute.potentials(stored, found[0]["heart_grad"].astype(float), times, time)
    assert recompute.far(found[0]["electrode_potential"][0][:, 10:60:10], phi) < 0.03


def test_errors_of_the_evaluation_are_those_of_the_files(project):
    plan = plan_of()
    metrics, _ = play("evaluate", plan)
    rows = json.loads(Path(metrics).read_text())
    assert rows["patients"] == ["p0002"] and set(rows["methods"]) == {
        "operator", "pseudo", "pseudo-scaled"}  # fmt: skip
    stored = recompute.Patient(STORE)
    true = np.stack([stored.slopes(z) for z in stored["leadfield/lead_field"].astype(float)])
    offset = stored["anatomy/electrode_points"][:, None] - stored.points[stored.heart].mean(axis=1)
    distance = np.linalg.norm(offset, axis=2, keepdims=True)
    formula = offset / (4 * np.pi * stored.sigma["sigma_torso_s_per_m"] * distance**3)
    predicted = load_arrays("results/predictions/operator/p0002.npz")
    guesses = {"operator": (predicted["heart_grad"].astype(float), predicted["ecg"]),
               "pseudo": (formula, stored["ecg/ecg_pseudo"])}  # fmt: skip
    right = stored["ecg/ecg"].astype(float)
    for method, (grad, leads) in guesses.items():
        cosine = (grad * true).sum(2) / np.linalg.norm(grad, axis=2) / np.linalg.norm(true, axis=2)
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()
        row = rows["methods"][method]
        assert row["angular_error_deg"]["mean"] == pytest.approx(angle, rel=2e-3)
        off = np.linalg.norm(leads - right, axis=2) / np.linalg.norm(right, axis=2)
        assert row["ecg_rel_l2"]["mean"] == pytest.approx(off.mean(), rel=2e-3)
    train = recompute.Patient(STORE.replace("p0002", "p0000"))
    muscle = train["field/field_tissue"] == recompute.MUSCLE
    away = np.linalg.norm(
        train["anatomy/electrode_points"][:, None] - train["field/field_points"][muscle], axis=2
    )
    length = np.linalg.norm(train["field/field_grad"][:, muscle], axis=2).mean()
    by_formula = (1 / (4 * np.pi * train.sigma["sigma_torso_s_per_m"] * away**2)).mean()
    assert rows["pseudo_gain"] == pytest.approx(length / by_formula, rel=1e-4)


def test_the_sheet_and_the_cohort_are_those_of_the_patients(project):
    plan = plan_of()
    for patient in plan.patients:
        before = Path(f"results/cohort/{patient}.json").read_bytes()
        [made] = play("cohort", plan, patient=patient)
        assert Path(made).read_bytes() == before
    before = Path("results/cohort.csv").read_bytes()
    [made] = play("cohort_sheet", plan)
    assert not Path(made).is_symlink() and Path(made).read_bytes() == before
    patients = [recompute.Patient(STORE.replace("p0002", name)) for name in plan.patients]
    assert recompute.drawn(patients, made) == []


def test_the_consolidated_store_is_that_of_its_patients(project):
    [made] = play("consolidate", plan_of())
    patients = [recompute.Patient(STORE.replace("p0002", n)) for n in ("p0000", "p0001", "p0002")]
    assert recompute.consolidated(made, patients) == [] == recompute.seal(made)
