"""The CI workflow on a SLURM with the profile as it is, trainings on (fake) GPUs."""

import re
import shutil
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import zarr
from controller import Project
from helpers.workflow import CI, planned

from einthoven.app.cli import main as einthoven
from einthoven.data.dataset.store import open_store
from slurm import ask, job_table

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]
DATASET = "results/dataset/einthoven.zarr.zip"
PATIENT = "results/dataset/patients/p0000.zarr.zip"


@dataclass
class Run:
    """A finished run on the cluster."""

    project: Project
    jobs: list[dict[str, str]]
    gpus: dict[str, str] = field(default_factory=dict)
    """GPUs that SLURM allocated while it ran, by job."""


def run_on(slurm, project, *arguments):
    """Run a controller to its end and watch its jobs."""
    before, gpus = len(job_table("jobid")), {}
    with project.started(*arguments) as controller:
        while controller.poll() is None:
            for job in slurm.jobs("RUNNING"):
                details = ask("scontrol", "show", "job", "--details", job)
                if gpu := re.search(r"GRES=(gpu\S+)", details):
                    gpus[job] = gpu[1]
            time.sleep(1)
        project.finish(controller)
    return Run(project, job_table("jobid", "partition", "state", "comment")[before:], gpus)


def use_gpus(project):
    """Edit the profile as its last comment says."""
    profile = project.path("profiles/slurm/config.yaml")
    head, key, block = profile.read_text().partition("#set-resources:")
    lines = (key + block.replace("gpu:1", "gpu:fake:1")).splitlines()
    profile.write_text(head + "\n".join(line.removeprefix("#") for line in lines) + "\n")


WHOLE = {"patient": 4, "shapes": 1, "consolidate": 1, "encoder": 2, "surrogate": 2,
         "operator": 1, "predict": 1, "report": 1}  # fmt: skip
PART = {"surrogate": 1, "predict": 1, "report": 1}
"""SLURM jobs of each kind: a run from nothing, and one that has what `REMOVED` leaves."""
REMOVED = ("surrogates/pca-refraction", "predictions/pca-refraction",
           "report/metrics.json", "report/curves.npz", "report/index.html")  # fmt: skip


@pytest.fixture(scope="module", params=[PART, pytest.param(WHOLE, marks=pytest.mark.slow)],
                ids=["part", "whole"])  # fmt: skip
def complete(request, slurm, finished, tmp_path_factory):
    """A run of the whole workflow, or of its end: a training, predictions, the report."""
    made = finished if request.param is PART else None
    project = Project(tmp_path_factory.mktemp("on-slurm") / "project", made)
    for path in (project.path(f"results/{name}") for name in REMOVED if made):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    use_gpus(project)
    return request.param, run_on(slurm, project)


@pytest.fixture
def run(complete):
    return complete[1]


def test_every_job_succeeds_at_its_first_attempt(complete):
    expected, run = complete
    assert {job["state"] for job in run.jobs} == {"COMPLETED"}
    kinds = [re.match(r"rule_([a-z]+)", job["comment"])[1] for job in run.jobs]
    assert {kind: kinds.count(kind) for kind in kinds} == expected


def test_trainings_and_nothing_else_have_a_gpu(run):
    pattern = "rule_(encoder|surrogate|operator_train)"
    trainings = {job["jobid"] for job in run.jobs if re.match(pattern, job["comment"])}
    in_partition = {job["jobid"] for job in run.jobs if job["partition"] == "gpu"}
    assert in_partition == trainings == set(run.gpus)
    assert all(gpu.startswith("gpu:fake:1") for gpu in run.gpus.values())


def test_results_are_whole_and_nothing_is_left_to_do(run, capsys):
    folder = run.project.folder
    assert einthoven(["check", str(folder / "results")]) == 0, capsys.readouterr().err
    assert "<img" in (folder / "results/report/index.html").read_text()
    assert planned(folder, *CI) == {}


def test_results_are_those_of_a_local_run(run, finished):
    weights = [path.relative_to(finished) for path in (finished / "results").rglob("*.safetensors")]
    assert len(weights) == 5
    for name in (DATASET, *weights):
        assert run.project.path(name).read_bytes() == (finished / name).read_bytes(), name


@pytest.mark.slow
def test_electrodes_in_jobs_of_their_own_give_the_same_store(slurm, finished, tmp_path):
    """Settings of docs/how-to/run-on-slurm.md, but four electrodes a step: one costs a start of its
    own.

    Of a single electrode tests/verification/test_leadfield.py asks the same.
    """
    project = Project(tmp_path / "project", made=finished)
    apart = ["field_samples=rest", "ecg=rest", "patient_store=rest"]
    split_run = run_on(
        slurm, project, PATIENT, "--config", "leadfield={electrodes_per_job: 4}",
        "--groups", "leadfield=electrodes", *apart, "--group-components", "electrodes=2",
    )  # fmt: skip
    assert [job["state"] for job in split_run.jobs] == ["COMPLETED"] * 3
    together, in_parts = contents(finished / PATIENT), contents(project.path(PATIENT))
    assert together.keys() == in_parts.keys()
    for name, expected in together.items():
        if expected.dtype.kind == "f":
            # 1e-12 for residuals, which are round-off themselves
            atol = 1e-6 * np.abs(expected).max(initial=0) + 1e-12
            np.testing.assert_allclose(in_parts[name], expected, rtol=0, atol=atol, err_msg=name)
        else:
            np.testing.assert_array_equal(in_parts[name], expected, err_msg=name)


def contents(store):
    """Every array of a store: name -> values."""
    with open_store(store) as root:
        members = root.members(max_depth=None)
        return {name: each[...] for name, each in members if isinstance(each, zarr.Array)}
