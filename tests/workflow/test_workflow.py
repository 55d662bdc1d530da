"""The workflow as a whole, without running a job: plans, lint, bad configs, what re-runs."""

import subprocess
import sys

import pytest
from helpers_workflow import CI, PARTS, ROOT, copy_project, planned, snakemake

from einthoven.config import load
from einthoven.run.plan import planned_jobs

__all__ = ["PARTS", "ROOT", "planned", "snakemake"]
pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("workflow") / "project")


@pytest.mark.parametrize("name, n_patients, n_test", [("config", 32, 4), ("paper", 110, 10)])
def test_config_plans_every_rule(copy, name, n_patients, n_test):
    jobs = planned(copy, "--configfile", f"config/{name}.yaml")
    for rule in ("cohort", "anatomy", "mesh", "fibers", "purkinje", "leadfield", "ecg"):
        assert jobs[rule] == n_patients
    assert jobs["activation"] == 3 * n_patients
    assert (jobs["encoder"], jobs["surrogate"], jobs["predict"]) == (2, 4, 4 * n_test)
    assert jobs["consolidate"] == jobs["evaluate"] == jobs["report"] == jobs["calibration"] == 1


def test_electrodes_per_job_makes_batches(copy):
    small = "leadfield={electrodes_per_job: 10}"
    jobs = planned(copy, "--configfile", "config/paper.yaml", "--config", small, "--", "dataset")
    assert jobs["leadfield"] == 110 * 11
    assert "encoder" not in jobs


def test_an_ensemble_trains_more_refraction_models_and_calibrates_them(copy):
    jobs = planned(copy, *CI, "--config", "learning={ensemble: 3}")
    assert jobs["surrogate"] == 2 + 2 * 3 and jobs["uncertainty"] == 2
    assert "uncertainty" not in planned(copy, *CI)
    config = load(copy / "config/ci.yaml")
    learning = config.learning.model_copy(update={"ensemble": 3})
    counted = planned_jobs(config.model_copy(update={"learning": learning}))
    assert all(counted[rule] == n for rule, n in jobs.items() if rule != "all")


def test_lint_is_clean(copy):
    done = snakemake(copy, "--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakefmt_is_clean():
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("mesh={heart_edge: 4.0}", "did you mean 'heart_edge_mm'?"),
        ("deepsdf={learning_rate: 1e-3}", "'1e-3' is text, not a number"),
        ("cohort={n_patients: 0}", "cohort.n_patients"),
        ("leadfield={sigma_il_s_per_m: 3.0}", "is this S/m or mS/cm?"),
        ("cohort={n_patients: 3}", "no patient of split"),
    ],
)
def test_bad_config_ends_before_any_job(copy, wrong, message):
    done = snakemake(copy, "--config", wrong)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("einthoven:")]
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in done.stderr and "Building DAG" not in done.stderr


def test_a_missing_atlas_ends_before_any_job(copy):
    atlas = copy / "src/einthoven/anatomy/shape/data/torso_atlas.npz"
    aside = atlas.rename(atlas.with_suffix(".aside"))
    try:
        done = snakemake(copy, "--dry-run")
    finally:
        aside.rename(atlas)
    assert done.returncode == 2
    line = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "torso_atlas.npz" in line and "tools/build_torso_atlas.py" in line
