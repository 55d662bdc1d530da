"""Real runs of Snakemake whose jobs are forks: what they make, Ctrl-C, a killed job."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.workflow import ROOT, environment

pytestmark = pytest.mark.workflow
N = 5
SNAKEFILE = """
from pathlib import Path
from einthoven.app.run.forks import fork_scripts

onstart:
    if not Path("anew").exists():
        fork_scripts(workflow, Path("scripts"))

rule all:
    input: expand("results/a_{i}.txt", i=range(5))

rule a:
    output: "results/a_{i}.txt"
    log: "results/logs/a/{i}.log"
    benchmark: "results/benchmarks/a/{i}.tsv"
    threads: 1
    params: number="{i}"
    script: "scripts/a.py"
"""
SCRIPT = """
import os
import time
from pathlib import Path
from einthoven.app.run.job import run

def main(input, output, params, log):
    Path("begun").mkdir(exist_ok=True)
    (Path("begun") / f"{params.number}-{os.getpid()}-{os.getppid()}").touch()
    while Path("slow").exists():
        time.sleep(0.05)
    Path(output[0]).write_text(params.number + os.environ["OMP_NUM_THREADS"])
    print("printed")
    log.info("made %s", output[0])

if "snakemake" in globals():
    run(main, globals()["snakemake"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A workflow of five jobs of one script, which wait while the file slow is there."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/a.py").write_text(SCRIPT)
    return tmp_path


def start(project: Path) -> subprocess.Popen[bytes]:
    """Snakemake in a process group of its own, which Ctrl-C reaches as from a terminal."""
    with (project / "out.txt").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going"],
            cwd=project,
            env=environment(ROOT),
            stdout=out,
            stderr=out,
            process_group=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


def begun(project: Path, n: int, deadline_s: float = 60.0) -> list[tuple[str, int, int]]:
    """Number, process and parent of the jobs that have begun, once there are enough."""
    end = time.time() + deadline_s
    while time.time() < end:
        found = [path.name.split("-") for path in (project / "begun").glob("*")]
        if len(found) >= n:
            return [(number, int(pid), int(parent)) for number, pid, parent in found]
        time.sleep(0.05)
    raise AssertionError(f"not {n} jobs within {deadline_s} s: {(project / 'out.txt').read_text()}")


def ended(controller: subprocess.Popen[bytes], project: Path) -> str:
    """What the controller said, after its end."""
    controller.wait(timeout=120)
    return (project / "out.txt").read_text()


def made(project: Path) -> dict[str, str]:
    """Results of a run."""
    return {path.name: path.read_text() for path in sorted((project / "results").glob("*.txt"))}


def test_forks_make_what_jobs_of_their_own_make(project: Path):
    said = ended(start(project), project)
    results, jobs = made(project), begun(project, N)
    assert len(results) == N, said
    assert len({pid for _, pid, _ in jobs}) == N and len({parent for *_, parent in jobs}) == 1
    for number in range(N):
        log = (project / f"results/logs/a/{number}.log").read_text()
        assert "printed" in log and "einthoven-record" in log and "used 0." in log
        assert (project / f"results/benchmarks/a/{number}.tsv").read_text().startswith("s\t")
    for path in (project / "results").glob("*.txt"):
        path.unlink()
    (project / "anew").touch()
    ended(start(project), project)
    assert made(project) == results


def test_control_c_ends_forks_and_their_server(project: Path):
    (project / "slow").touch()
    controller = start(project)
    jobs = [psutil.Process(pid) for _, pid, _ in begun(project, 2)]
    server = jobs[0].parent()
    os.killpg(controller.pid, signal.SIGINT)
    said = ended(controller, project)
    assert controller.returncode == 1, said
    _, alive = psutil.wait_procs([*jobs, server], timeout=30)
    assert not alive and not made(project)
    logs = [path.read_text() for path in (project / "results/logs/a").glob("*.log")]
    assert logs and all("KeyboardInterrupt" in log for log in logs)


def test_a_killed_fork_is_a_failed_job(project: Path):
    (project / "slow").touch()
    controller = start(project)
    (number, pid, _), *_ = begun(project, 2)
    os.kill(pid, signal.SIGKILL)
    (project / "slow").unlink()
    said = ended(controller, project)
    assert controller.returncode == 1 and f"results/a_{number}.txt" in said
    assert made(project).keys() == {f"a_{n}.txt" for n in range(N)} - {f"a_{number}.txt"}
    ended(start(project), project)
    assert len(made(project)) == N
