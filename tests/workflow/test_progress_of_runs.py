"""The logger plugin in real runs of Snakemake: a small workflow that fails, is killed, goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.workflow import ROOT, environment, snakemake

from einthoven.app.cli import main
from einthoven.app.run.monitor.state import WorkflowRun, load

pytestmark = pytest.mark.workflow

SNAKEFILE = """
rule all:
    input: expand("results/b_{i}.txt", i=range(3))

rule a:
    output: "results/a_{i}.txt"
    log: "results/logs/a/{i}.log"
    benchmark: "results/benchmarks/a/{i}.tsv"
    shell: "echo begun > {log}; if [ -e slow ]; then sleep 3; fi; "
           "if [ -e broken_{wildcards.i} ]; then echo 'BadInput: it broke' >> {log}; exit 1; fi; "
           "touch {output}"

rule b:
    input: "results/a_{i}.txt"
    output: "results/b_{i}.txt"
    shell: "touch {output}"
"""
PROFILE = "cores: 2\nkeep-going: true\nretries: 1\nlogger: einthoven\nquiet: [rules, host]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A workflow of six short jobs, with a profile that sets the plugin."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(PROFILE)
    return tmp_path


def started(project: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Snakemake in the background, talking to out.txt; Ctrl-C reaches it without a terminal."""
    with (project / "out.txt").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--profile", "profile", *arguments],
            cwd=project,
            env=environment(ROOT),
            stdout=out,
            stderr=out,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


def ran(project: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a run."""
    done = snakemake(project, "--profile", "profile", *arguments, library=ROOT)
    return done.returncode, done.stdout + done.stderr


def running(project: Path) -> WorkflowRun:
    """The state as soon as jobs run."""
    deadline = time.time() + 60
    while time.time() < deadline:
        if (project / "results/progress.json").exists():
            run = load(project / "results")
            if run.state == "running" and run.running:
                return run
        time.sleep(0.1)
    raise AssertionError("no job within a minute")


def test_a_run_fails_and_goes_on_and_others_leave_its_state_alone(project):
    (project / "broken_1").touch()
    status, text = ran(project)
    run = load(project / "results")
    assert status == 1 and run.state == "failed"
    assert {name: (its.done, its.total) for name, its in run.rules.items()} == {
        "a": (2, 3), "b": (2, 3), "all": (0, 1)
    }  # fmt: skip
    [failure] = run.failures.values()
    assert (failure.rule, failure.name, failure.reason) == ("a", "1", "BadInput: it broke")
    assert run.rules["a"].retried == 1
    page = (project / "results/summary.txt").read_text()
    assert page.index("FAILED: 1") < page.index("rule ") and page.strip() in text
    assert "Finished jobid" not in text and "CalledProcessError" not in text
    (project / "broken_1").unlink()
    assert ran(project, *failure.again.split()[3:])[0] == 0
    assert (project / "results/a_1.txt").exists() and not (project / "results/b_1.txt").exists()
    assert ran(project)[0] == 0
    assert load(project / "results").state == "finished"
    before = (project / "results/progress.json").read_bytes()
    for arguments in (
        (),
        ("--dry-run", "--forceall"),
        ("--touch", "--forceall"),
        ("--mode", "remote", "--cores", "1", "--force", "--", "results/a_0.txt"),  # a cluster's job
    ):
        status, text = ran(project, *arguments)
        assert status == 0, text
        assert (project / "results/progress.json").read_bytes() == before, arguments


def test_ctrl_c_and_kill_are_told(project, capsys):
    (project / "slow").touch()
    process = started(project)
    assert len(running(project).running) == 2
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert load(project / "results").state == "stopped"
    text = (project / "out.txt").read_text()
    assert "stopped: 0 of 7 jobs (0%), 0 running, 0 failed" in text
    (project / "results/progress.json").unlink()
    process = started(project, "--rerun-incomplete")
    running(project)
    process.kill()
    process.wait(timeout=60)
    assert main(["progress", str(project / "results")]) == 0
    assert capsys.readouterr().out.startswith(f"KILLED, its process {process.pid} is gone")
