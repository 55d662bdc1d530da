"""Nothing is lost: a run is killed at random moments, and bits of its files are flipped.

Each kill (of a job, of the controller, of a job in the middle of a write) is followed by the
commands of docs/how-to/recover-a-run.md; the data set must then be byte for byte that of the
undisturbed run. Each flipped bit must be found by `einthoven check`, with its file and its rule and
nothing else.

Usage: python studies/recovery.py [--json OUT] [--kills 30] [--flips 100] [--seed 1]
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.faults import Project, kill_tree, kill_writer, wait_for  # noqa: E402
from helpers.workflow import copy_project, environment  # noqa: E402

from einthoven.app.cli import main as einthoven  # noqa: E402
from einthoven.app.run.records import read_records  # noqa: E402

PATIENTS = ("p0000", "p0001", "p0002", "p0003")
LATEST = 0.9
"""A kill comes before this part of the undisturbed time has passed."""
BY_COMMAND = 20
"""Every so many flips the check is a process of its own, as the user starts it."""

BESIDES = {"curve.csv": "encoder", "validation.json": "encoder"}
"""Files that no rule declares as output, because not every encoder writes them."""

Controller = subprocess.Popen[str]


def redo(project: Project, patient: str) -> Controller:
    """Delete a patient's stages, its store and the data set; start to make them again."""
    results = project.folder / "results"
    shutil.rmtree(results / "patients" / patient, ignore_errors=True)
    for name in (f"patients/{patient}.zarr.zip", "einthoven.zarr.zip"):
        (results / "dataset" / name).unlink(missing_ok=True)
    return project.start("--", "dataset")


def a_job(project: Project, controller: Controller) -> bool:
    """Kill a job that runs, or else the next one, and all that it started."""
    jobs = wait_for(project.jobs, controller, every=0.01)
    for job in jobs[:1]:
        kill_tree(job)
    return bool(jobs)


def the_controller(_project: Project, controller: Controller) -> bool:
    """Kill Snakemake alone; its jobs go on."""
    runs = controller.poll() is None
    controller.kill()
    return runs


def a_write(project: Project, controller: Controller) -> bool:
    """Kill the next job that has a file under construction."""
    return bool(kill_writer(project, controller))


KILLS: tuple[Callable[[Project, Controller], bool], ...] = (a_job, the_controller, a_write)


def kill_once(project: Project, kind: Callable, seconds: float, rng: np.random.Generator) -> dict:
    """Kill at a random moment of a patient's run; again if the run was over before."""
    while True:
        patient, moment = str(rng.choice(PATIENTS)), float(rng.uniform(0, LATEST * seconds))
        controller = redo(project, patient)
        with contextlib.suppress(subprocess.TimeoutExpired):
            controller.wait(timeout=moment)
        if kind(project, controller):
            controller.wait()
            return {"kind": kind.__name__, "patient": patient, "moment_s": round(moment, 2)}
        controller.wait()


def recovers(project: Project, unlock: bool, expected: dict[str, str]) -> str:
    """Run the documented commands; what differs from the undisturbed run, or nothing."""
    if unlock:
        project.run("--unlock")
    status, said = project.run("--", "dataset")
    psutil.wait_procs(project.jobs(), timeout=300)  # orphans write the same files once more
    if status:
        return said[-2000:]
    found = project.sums("dataset")
    different = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
    return ", ".join(different) or "\n".join(faults_now(project))


def kill_trials(project: Project, n: int, rng: np.random.Generator) -> dict[str, Any]:
    """All kills, by kind in turn."""
    expected = project.sums("dataset")
    start = time.perf_counter()
    redo(project, PATIENTS[0]).wait()
    seconds = time.perf_counter() - start
    assert project.sums("dataset") == expected, "undisturbed runs differ"
    trials = []
    for index in range(n):
        start = time.perf_counter()
        trial = kill_once(project, KILLS[index % len(KILLS)], seconds, rng)
        trial["left"] = len(project.temporaries())
        trial["failure"] = recovers(project, trial["kind"] == "the_controller", expected)
        trial["seconds"] = round(time.perf_counter() - start, 1)
        trials.append(trial)
        print(f"kill {index + 1}: {trial}", flush=True)
    good = Counter(t["kind"] for t in trials if not t["failure"])
    return {
        "recovered": good.total(),
        "total": n,
        "kinds": {k: [good[k], c] for k, c in Counter(t["kind"] for t in trials).items()},
        "undisturbed_seconds": round(seconds, 1),
        "seconds": round(sum(t["seconds"] for t in trials), 1),
        "trials": trials,
    }


def faults_now(project: Project, by_command: bool = False) -> list[str]:
    """The lines of faults that `einthoven check results` prints."""
    if by_command:
        done = subprocess.run(
            [sys.executable, "-m", "einthoven.app.cli", "check", "results"],
            cwd=project.folder,
            env=environment(project.folder),
            capture_output=True,
            text=True,
        )
        status, error = done.returncode, done.stderr
    else:
        with (
            contextlib.chdir(project.folder),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as said,
        ):
            status = einthoven(["check", "results"])
        error = said.getvalue()
    assert (status == 2) == error.startswith("einthoven: "), (status, error)
    return error.removeprefix("einthoven: ").splitlines()[:-1]  # the last says what to do next


@contextlib.contextmanager
def flipped(path: Path, byte: int, bit: int) -> Iterator[None]:
    """A file with one bit flipped, and its old time; restored afterwards."""
    was, data = path.stat(), path.read_bytes()
    try:
        wrong = bytearray(data)
        wrong[byte] ^= 1 << bit
        path.write_bytes(wrong)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        yield
    finally:
        path.write_bytes(data)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def rules_of(project: Project) -> dict[str, str]:
    """Recorded file -> rule as Snakemake knows it, or of what an encoder writes besides."""
    rows = [line.split("\t") for line in project.run("--summary")[1].splitlines()]
    known = {row[0]: row[2] for row in rows if row[0].startswith("results/")}
    root = project.folder
    names = [str(path.relative_to(root)) for path in read_records(root / "results")]
    return {name: known[name] if name in known else BESIDES[Path(name).name] for name in names}


def flip_trials(project: Project, n: int, rng: np.random.Generator) -> dict[str, Any]:
    """All flips: a file at random, a bit in it at random."""
    assert not faults_now(project), "the run has faults before any flip"
    rules = rules_of(project)
    assert len(rules) > 50, "a run without records"
    trials, start = [], time.perf_counter()
    for index in range(n):
        name = str(rng.choice(sorted(rules)))
        path = project.folder / name
        byte, bit = int(rng.integers(path.stat().st_size)), int(rng.integers(8))
        with flipped(path, byte, bit):
            lines = faults_now(project, by_command=index % BY_COMMAND == 0)
        right = len(lines) == 1 and lines[0].startswith(f"{name}: ")
        found = right and f"; rule {rules[name]}; repair: " in lines[0]
        trial = {"file": name, "kind": path.suffix, "byte": byte, "bit": bit, "found": found}
        trials.append(trial)
        if not found:
            print(f"flip {index + 1}: {trial}: {lines}", flush=True)
    good = Counter(t["kind"] for t in trials if t["found"])
    return {
        "found": good.total(),
        "total": n,
        "kinds": {k: [good[k], c] for k, c in Counter(t["kind"] for t in trials).items()},
        "by_command": len(range(0, n, BY_COMMAND)),
        "files": len(rules),
        "seconds": round(time.perf_counter() - start, 1),
        "missed": [t for t in trials if not t["found"]],
    }


def main() -> None:
    """Make a run, disturb it, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory(prefix="einthoven-recovery-") as folder:
        project = Project(copy_project(Path(folder) / "project"))
        status, said = project.run()
        assert status == 0, said[-3000:]
        flips = flip_trials(project, options.flips, rng)
        kills = kill_trials(project, options.kills, rng)
    print(f"kills: {kills['recovered']} of {kills['total']} recovered, {kills['kinds']}")
    print(f"flips: {flips['found']} of {flips['total']} found, {flips['kinds']}")
    result = {
        "kills": kills,
        "flips": flips,
        "recovered": kills["recovered"],
        "total": kills["total"],
        "found": flips["found"],
        "flips_total": flips["total"],
    }
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
