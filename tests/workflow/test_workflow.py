"""The workflow as a whole, without running a job: plans, lint, who is an input of what, refusals.

What can be asked of `einthoven.app.run.plan.Plan` is asked there (tests/unit/test_plan.py).
"""

import base64
import json
import subprocess
import sys

import pytest
import yaml
from helpers.workflow import CI, ROOT, copy_project, planned, snakemake

from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.plan import Plan
from einthoven.base.config import load, validate

pytestmark = pytest.mark.workflow
SHEET = """patient,heart,torso,electrodes,unit,axes,tags
anna,h.vtp,t.stl,e.csv,mm,LPS,
bo-2,h.vtp,t.stl,e.csv,mm,LPS,
"""
CHANGES = {"imported": {"sheet": "clinic/sheet.csv"}, "learning": {"ensemble": 3},
           "dataset": {"exclude": ["bo-2"]}}  # fmt: skip
CHANGED = ("--configfile", "changed.yaml")
EVERYTHING = (*CHANGED, "--", "all", "inverse", "results/search/deepsdf-refraction.json")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with two patients to import; `changed.yaml` makes use of all that is optional."""
    folder = copy_project(tmp_path_factory.mktemp("workflow") / "project")
    (folder / "clinic").mkdir()
    for name in ("h.vtp", "t.stl", "e.csv"):
        (folder / "clinic" / name).touch()
    (folder / "clinic/sheet.csv").write_text(SHEET)
    (folder / "changed.yaml").write_text(yaml.safe_dump(changed()))
    return folder


def changed(n_patients=5):
    """config/ci.yaml with all that is optional."""
    whole = load(ROOT / "config/ci.yaml").model_dump(mode="json")
    changes = CHANGES | {"cohort": {"n_patients": n_patients}}
    return whole | {key: whole[key] | values for key, values in changes.items()}


@pytest.fixture(scope="module")
def plan(copy):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        return Plan.of(validate(changed()))


def test_snakemake_plans_the_jobs_that_the_plan_counts(copy, plan):
    jobs = planned(copy, *CHANGED)
    assert jobs.pop("all") == 1
    assert jobs == {rule: n for rule, n in planned_jobs(plan).items() if n}
    assert jobs["import_patient"] == 1 and jobs["uncertainty"] == 2


@pytest.fixture(scope="module")
def made_up(copy):
    """The project with made-up files of the changed config and the metadata of their run."""
    for line in snakemake(copy, "--summary", *EVERYTHING).stdout.splitlines()[1:]:
        path = copy / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made up")
    done = snakemake(copy, "--touch", "--forceall", *EVERYTHING)
    assert done.returncode == 0, done.stderr
    return copy


def test_the_target_imaging_trains_all_networks_of_the_config(copy):
    jobs = planned(copy, "--configfile", "config/ci.yaml", "--", "imaging")
    config = load(ROOT / "config/ci.yaml").imaging_training
    assert jobs["imaging_train"] == len(config.trainings) and jobs["imaging_evaluate"] == 1
    assert "report" not in jobs


def test_the_target_reproduction_makes_a_record_of_each_paper(copy):
    jobs = planned(copy, "--configfile", "config/ci.yaml", "--", "reproduction")
    config = load(ROOT / "config/ci.yaml")
    assert jobs["reproduction_record"] == len(config.reproduction.papers) == 2
    assert jobs["reproduction_nearest"] == jobs["imaging_evaluate"] == jobs["evaluate"] == 1
    assert "reproduction_zhu" not in jobs and "report" not in jobs


@pytest.fixture(scope="module")
def inputs(made_up):
    """Output file -> input files, of every job of the changed config."""
    found = {}
    for path in (made_up / ".snakemake/metadata").iterdir():
        name = base64.b64decode(path.name.replace("@", "/")).decode()
        found[name] = set(json.loads(path.read_text())["input"])
    return found


def read_by(inputs, output):
    """Patients and stages of a job's inputs: of results/patients/p0000/mesh.npz (p0000, mesh)."""
    parts = [path.removesuffix(".npz").split("/") for path in inputs[f"results/{output}"]]
    return {(p[2], p[3]) for p in parts if p[:2] == ["results", "patients"]}


def test_who_is_an_input_of_what(inputs, plan):
    train, val, test = (set(plan.of_split(split)) for split in ("train", "val", "test"))
    recipe = read_by(inputs, "surrogates/deepsdf-refraction/recipe.json")
    assert recipe == {(p, stage) for p in train | val for stage in ("anatomy", "field")}
    for member in ("", "member1/", "member2/"):
        model = f"surrogates/deepsdf-refraction/{member}model.safetensors"
        assert {p for p, _ in read_by(inputs, model)} == train | val
    assert {p for p, _ in read_by(inputs, "search/deepsdf-refraction.json")} == train | val
    found = read_by(inputs, "surrogates/deepsdf-refraction/uncertainty.json")
    assert {p for p, _ in found} == val
    judged = read_by(inputs, "report/metrics.json")
    assert {p for p, stage in judged if stage == "mesh"} == test | {"anna"}
    assert {p for p, stage in judged if stage == "field"} == train | test | {"anna"}
    encoder = read_by(inputs, "encoders/deepsdf/model.safetensors")
    assert encoder == {(p, stage) for p in plan.patients for stage in ("anatomy", "sdf")}
    assert "results/shapes/c00.npz" in inputs["results/encoders/deepsdf/model.safetensors"]
    for member in ("", "member1/", "member2/"):
        operator = read_by(inputs, f"surrogates/operator/{member}model.safetensors")
        assert operator == {(p, stage) for p in train | val for stage in ("anatomy", "field")}
    found = read_by(inputs, "surrogates/operator/uncertainty.json")
    assert found == {(p, stage) for p in val for stage in ("anatomy", "field")}


def test_only_what_is_used_is_an_input_of_a_prediction(inputs):
    code = "results/encoders/deepsdf/codes/anna.npz"
    assert code in inputs["results/predictions/deepsdf-refraction/anna.npz"]
    drawn = inputs["results/predictions/deepsdf-refraction/p0002.npz"]
    assert code not in drawn and "results/surrogates/deepsdf-refraction/uncertainty.json" in drawn
    methods = {path.split("/")[2] for path in inputs if path.startswith("results/predictions/")
               and path.endswith("anna.npz")}  # fmt: skip
    assert methods == {"deepsdf-refraction", "operator"}
    used = inputs["results/predictions/operator/anna.npz"]
    assert not [path for path in used if "encoders" in path or "ecg" in path]
    assert "results/surrogates/operator/member2/model.safetensors" in used


def test_fewer_patients_run_only_what_goes_through_all(made_up):
    assert planned(made_up, *CHANGED) == {}
    (made_up / "fewer.yaml").write_text(yaml.safe_dump(changed(n_patients=4)))
    jobs = planned(made_up, "--configfile", "fewer.yaml")
    assert set(jobs) - {"all"} == {
        "cohort_sheet", "consolidate", "recipe", "encoder", "imported_code", "reconstruct",
        "surrogate", "uncertainty", "predict", "operator_train", "operator_uncertainty",
        "operator_predict", "evaluate", "report",
    }  # fmt: skip


N_METHODS = 3
"""Inverse methods of config/ci.yaml."""
PROBLEMS = {"inverse_problem": 3, "inverse_fit": 3 * N_METHODS}
INVERSE = {
    "criterion=gcv": {"inverse_fit": 3 * N_METHODS, "inverse_operators": 1},
    "methods=[tikhonov-0, tsvd]": {"inverse_fit": 3},
    "network_steps=4": {},
    "n_heart_nodes=400": PROBLEMS,
    "n_electrodes=30": {"inverse_problem": 2, "inverse_fit": 2 * N_METHODS},
    "source_edge_mm=10.0": {"inverse_operators": 1},
    "seed=2": PROBLEMS | {"inverse_operators": 1},
    "noise=[0.02, 0.1]": {"inverse_fit": 3 * N_METHODS},
    "repeats=3": {"inverse_fit": 3 * N_METHODS, "inverse_operators": 1},
    "physics_off=[0.1]": {"inverse_problem": 1, "inverse_fit": N_METHODS},
}
"""Edit of section inverse -> jobs of its target, beside the metrics."""


@pytest.mark.parametrize(
    "edit", [e if "methods" in e else pytest.param(e, marks=pytest.mark.slow) for e in INVERSE]
)
def test_an_edit_of_the_inverse_problem_runs_what_it_touches(made_up, edit):
    config, (key, _, value) = changed(), edit.partition("=")
    config["inverse"] = config["inverse"] | {key: yaml.safe_load(value)}
    (made_up / "edited.yaml").write_text(yaml.safe_dump(config))
    jobs = planned(made_up, "--configfile", "edited.yaml", "--", "inverse")
    last = {"inverse_metrics": 1, "inverse": 1} if INVERSE[edit] else {}
    assert jobs == INVERSE[edit] | last


def test_the_data_set_alone_trains_nothing(copy):
    jobs = planned(copy, *CI, "--", "dataset")
    assert jobs["consolidate"] == 1 and not {"encoder", "surrogate", "report"} & set(jobs)


def test_no_timer_is_left_by_each_job_that_has_ended(copy):
    """Each timer of Snakemake's limit of starts a second would look at all ready jobs for ever."""
    (copy / "probe.smk").write_text(
        'include: "Snakefile"\n\n\nonsuccess:\n'
        '    print("limit:", workflow.scheduler.job_rate_limiter)\n'
    )
    done = snakemake(copy, *CI, "--snakefile", "probe.smk", "--", "results/cohort/p0900.json")
    assert done.returncode == 0 and "limit: None" in done.stdout, done.stderr


def test_another_workflow_uses_it_as_a_module(copy, tmp_path):
    (tmp_path / "config.yaml").write_text((copy / "config/ci.yaml").read_text())
    (tmp_path / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n\n'
        f'module einthoven:\n    snakefile: "{copy}/workflow/Snakefile"\n    config: config\n\n\n'
        "use rule * from einthoven as einthoven_*\n\n\n"
        "rule mine:\n    default_target: True\n    input:\n        rules.einthoven_dataset.input,\n"
    )
    jobs = planned(tmp_path)
    assert jobs["mine"] == jobs["einthoven_consolidate"] == 1
    assert jobs["einthoven_mesh"] == jobs["einthoven_patient_store"] > 1


def test_lint_is_clean(copy):
    done = snakemake(copy, "--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefmt_is_clean():
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_bad_config_ends_before_any_job(copy):
    done = snakemake(copy, "--config", "mesh={heart_edge: 4.0}")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("einthoven:")]
    assert len(lines) == 1 and "did you mean 'heart_edge_mm'?" in lines[0]
    assert "Traceback" not in done.stderr and "Building DAG" not in done.stderr


def test_a_patient_that_cannot_be_imported_tells_its_reason(copy):
    target = "results/patients/anna/anatomy.npz"
    done = snakemake(copy, *CHANGED, "--force", "--", target)
    assert done.returncode != 0
    assert "anna: " in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
