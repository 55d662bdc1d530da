"""The workflow as a whole, without running a job: plans, lint, bad configs, what re-runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "src")

pytestmark = pytest.mark.workflow


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake on the copy of the workflow in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Number of planned jobs of each rule."""
    done = snakemake(folder, "--dry-run", "--quiet", "rules", *arguments)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    stats = re.search(r"-+\s+-+\n(.*?)\ntotal", text, re.DOTALL)
    if not stats:
        return {}
    rows = (line.split() for line in stats[1].splitlines())
    return {rule: int(count) for rule, count in rows}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, folder)
    return folder


@pytest.mark.parametrize("name, n_patients, n_test", [("config", 32, 4), ("paper", 110, 10)])
def test_config_plans_every_rule(copy, name, n_patients, n_test):
    jobs = planned(copy, "--configfile", f"config/{name}.yaml")
    for rule in ("cohort", "anatomy", "mesh", "fibers", "purkinje", "leadfield", "ecg"):
        assert jobs[rule] == n_patients
    assert jobs["activation"] == 3 * n_patients
    assert (jobs["encoder"], jobs["surrogate"], jobs["predict"]) == (2, 4, 4 * n_test)
    assert jobs["consolidate"] == jobs["evaluate"] == jobs["report"] == 1


def test_electrodes_per_job_makes_batches(copy):
    small = "leadfield={electrodes_per_job: 10}"
    jobs = planned(copy, "--configfile", "config/paper.yaml", "--config", small, "--", "dataset")
    assert jobs["leadfield"] == 110 * 11
    assert "encoder" not in jobs


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
    atlas = copy / "src/einthoven/anatomy/data/torso_atlas.npz"
    aside = atlas.rename(atlas.with_suffix(".aside"))
    try:
        done = snakemake(copy, "--dry-run")
    finally:
        aside.rename(atlas)
    assert done.returncode == 2
    line = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "torso_atlas.npz" in line and "tools/build_torso_atlas.py" in line


@pytest.fixture(scope="module")
def finished(copy):
    """A copy of the CI run in which every file exists, with the metadata of a real run."""
    small = ("--configfile", "config/ci.yaml")
    summary = snakemake(copy, *small, "--summary").stdout.splitlines()
    for line in summary[1:]:
        path = copy / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made up")
        os.utime(path, (1_700_000_000, 1_700_000_000))
    done = snakemake(copy, *small, "--touch", "--forceall")
    assert done.returncode == 0, done.stderr
    assert planned(copy, *small) == {}
    return copy


LEARNING = {"encoder", "surrogate", "predict", "reconstruct", "evaluate", "report"}


def test_a_larger_cohort_runs_the_new_patients_only(finished):
    more = ("--configfile", "config/ci.yaml", "--config", "cohort={n_patients: 5}")
    jobs = planned(finished, *more)
    for rule in ("cohort", "anatomy", "mesh", "fibers", "patient_store"):
        assert jobs[rule] == 1
    assert jobs["leadfield"] == 2  # config/ci.yaml: eleven electrodes, eight a job
    assert jobs["consolidate"] == 1


def test_an_excluded_patient_makes_a_new_data_set_only(finished):
    less = ("--configfile", "config/ci.yaml", "--config", "dataset={exclude: [p0000]}")
    jobs = planned(finished, *less)
    assert set(jobs) - LEARNING - {"all"} == {"consolidate"}


def test_a_changed_key_reaches_its_rule_and_what_follows(finished):
    change = ("--configfile", "config/ci.yaml", "--config", "activation={cv_fiber_mm_per_ms: 0.7}")
    jobs = planned(finished, *change)
    assert not set(jobs) & {"anatomy", "mesh", "fibers", "purkinje", "leadfield"}
    assert {"activation", "ecg", "patient_store", "consolidate"} <= set(jobs)


def test_an_edited_module_reaches_the_rules_that_import_it(finished):
    module = finished / "src/einthoven/leadfield/neumann.py"
    original = module.read_text()
    try:
        module.write_text(original + "\n# a comment changes nothing\n")
        assert planned(finished, "--configfile", "config/ci.yaml") == {}
        module.write_text(original + "\nEDITED = True\n")
        jobs = planned(finished, "--configfile", "config/ci.yaml")
    finally:
        module.write_text(original)
    assert not set(jobs) & {"anatomy", "mesh", "fibers", "purkinje", "activation", "sdf_samples"}
    assert {"leadfield", "field_samples", "ecg", "patient_store"} <= set(jobs)
