"""Faults of jobs, nodes and controllers: each run ends with the bytes of an undisturbed one.

The disturbed job is the cheapest of the workflow. It is stopped before the fault, as a job that
ends in a second could end before it.
"""

import re
import signal

import psutil
import pytest
from controller import PROFILE, Project
from helpers.workflow import CI, snakemake

from slurm import ask, job_table, wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]
TARGET = "results/patients/p0000/sdf.npz"
RULE = "sdf_samples"


@pytest.fixture(scope="module")
def shared(slurm, finished, tmp_path_factory):
    return Project(tmp_path_factory.mktemp("faults") / "project", made=finished)


@pytest.fixture
def project(shared, finished):
    """A project that lacks one file, and afterwards must have it again."""
    shared.path(TARGET).unlink(missing_ok=True)
    yield shared
    assert shared.path(TARGET).read_bytes() == (finished / TARGET).read_bytes()
    assert not list(shared.path(".snakemake").glob("locks/*"))


def first_running(slurm):
    """The job that runs now."""
    wait_until(lambda: slurm.jobs("RUNNING"), "a running job")
    (job,) = slurm.jobs("RUNNING")
    return job


def processes(job):
    """All processes of a SLURM job."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SLURM_JOB_ID") == job:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass
    return found


def stop(job):
    """Stop a job in its tracks; SLURM goes on to count its time."""
    wait_until(lambda: processes(job), "processes")
    for process in processes(job):
        process.suspend()


@pytest.fixture
def since(slurm):
    """Number of jobs before a test."""
    return len(job_table("jobid"))


def history(since):
    """Outcome of each job after the first `since`: state, memory, minutes, restarts."""
    return job_table("state", "minmemory", "timelimit", "restartcnt", "nodelist")[since:]


def test_out_of_memory(project, since):
    """The controller says why and names SLURM's log, and the next attempt gets more."""
    output = project.run(TARGET, "--set-resources", f"{RULE}:mem_mb=100 * 20 ** (attempt - 1)")
    killed, done = history(since)
    assert (killed["minmemory"], done["minmemory"]) == ("100M", "2000M")
    assert done["state"] == "COMPLETED" != killed["state"]
    assert f"results/slurm/group_patient_{RULE}/" in output
    assert re.search(r"exceeded (job )?memory limit", output, re.IGNORECASE)


@pytest.mark.slow
def test_time_limit(slurm, project, since):
    with project.started(TARGET, "--set-resources", f"{RULE}:runtime=attempt") as controller:
        stop(first_running(slurm))
        output = project.finish(controller)
    killed, done = history(since)
    assert (killed["state"], done["state"]) == ("TIMEOUT", "COMPLETED")
    assert (killed["timelimit"], done["timelimit"]) == ("1:00", "2:00")
    assert "DUE TO TIME LIMIT" in output


def test_a_cancelled_job(slurm, project, since):
    with project.started(TARGET) as controller:
        job = first_running(slurm)
        stop(job)
        ask("scancel", job)
        project.finish(controller)
    assert [job["state"] for job in history(since)] == ["CANCELLED", "COMPLETED"]


def test_a_node_goes_down(slurm, project, since):
    """SLURM itself starts the job again; its two minutes of waiting are skipped here."""
    with project.started(TARGET) as controller:
        job = first_running(slurm)
        stop(job)
        node = ask("squeue", "--noheader", f"--jobs={job}", "--format=%N")
        ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        try:
            wait_until(lambda: job in slurm.jobs("PENDING"), "the job back in the queue")
            ask("scontrol", "update", f"JobId={job}", "StartTime=now")
            project.finish(controller)
        finally:
            ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    jobs = history(since)
    assert [(job["state"], job["restartcnt"]) for job in jobs] == [("COMPLETED", "1")]
    assert jobs[0]["nodelist"] not in ("", node)


def test_ctrl_c_of_the_controller(slurm, project, since):
    """Before its first question to SLURM: while it asks, Snakemake knows of no job to cancel."""
    late = ("--slurm-init-seconds-before-status-checks", "20")
    with project.started(TARGET, *late) as controller:
        stop(first_running(slurm))
        wait_until(lambda: not psutil.Process(controller.pid).children(), "the end of sbatch")
        controller.send_signal(signal.SIGINT)
        assert controller.wait(60) != 0
    wait_until(lambda: not slurm.jobs(), "its jobs cancelled")
    project.run(TARGET)
    assert [job["state"] for job in history(since)] == ["CANCELLED", "COMPLETED"]


def test_a_killed_controller(slurm, project, since):
    with project.started(TARGET) as controller:
        orphan = first_running(slurm)
        stop(orphan)
        controller.kill()
        controller.wait()
    assert slurm.jobs() == [orphan]
    with pytest.raises(RuntimeError, match="locked"):
        project.run(TARGET)
    unlocked = snakemake(project.folder, *PROFILE, *CI, "--unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    with project.started(TARGET) as controller:
        wait_until(lambda: len(slurm.jobs()) == 2, "a job beside the orphan")
        for process in processes(orphan):
            process.resume()
        project.finish(controller)
    wait_until(lambda: not slurm.jobs(), "the orphan's end")
    assert [job["state"] for job in history(since)] == ["COMPLETED"] * 2
