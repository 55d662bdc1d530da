"""The tests' own SLURM: it schedules, hands out GPUs, and is the only one."""

import pytest

from slurm import ask, job_table, wait_until, why_not

pytestmark = pytest.mark.slurm


def test_jobs_run_and_say_how_they_ended(slurm):
    submit = ("sbatch", "--parsable", "--mem=100", "--output=/dev/null", "--wrap")
    good, bad = ask(*submit, "true"), ask(*submit, "false")
    wait_until(lambda: not slurm.jobs(), "two short jobs")
    states = {job["jobid"]: job["state"] for job in job_table("jobid", "state")}
    assert (states[good], states[bad]) == ("COMPLETED", "FAILED")


def test_a_gpu_is_handed_out(slurm):
    show = ("sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
    assert ask("srun", "--mem=100", "--partition=gpu", "--gres=gpu:fake:1", *show) == "0"
    assert ask("srun", "--mem=100", "--partition=gpu", *show) == ""


def test_an_impossible_request_is_refused_at_once(slurm):
    assert ask("sbatch", "--parsable", "--mem=1T", "--wrap=true") == ""


def test_a_second_slurm_is_refused(slurm):
    assert "belongs to another SLURM" in why_not()
