"""Runs that are disturbed: start, kill, compare; for tests and studies/recovery.py."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from einthoven.base.core.files import temporaries
from helpers.workflow import CI, environment, snakemake


class Project:
    """A copy of the project, run with the local profile at CI size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake as a shell in a terminal would: in a process group of its own."""
        with open(self.folder / "controller.txt", "a") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--profile", "local", *CI, *arguments],
                cwd=self.folder,
                env=environment(self.folder),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                # a test in the background inherits SIGINT as ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run Snakemake to its end: exit status, and all that it said."""
        done = snakemake(self.folder, "--profile", "local", *CI, *arguments, timeout=600)
        return done.returncode, done.stdout + done.stderr

    def sums(self, *places: str) -> dict[str, str]:
        """SHA-256 of every file in some folders of results/."""
        found = [p for place in places for p in (self.folder / "results" / place).rglob("*")]
        return {
            str(p.relative_to(self.folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(found)
            if p.is_file()
        }

    def remove(self, names: Iterable[str]) -> None:
        """Delete files of results/."""
        for name in names:
            (self.folder / "results" / name).unlink()

    def jobs(self) -> list[psutil.Process]:
        """Scripts of this project that run at this moment, also orphans of a killed controller."""
        place = str(self.folder / ".snakemake/scripts")
        found = psutil.process_iter(["cmdline"])
        return [p for p in found if (p.info["cmdline"] or [""])[-1].startswith(place)]

    def temporaries(self) -> list[Path]:
        """Temporaries of writers of the data set, live or dead."""
        results = self.folder / "results"
        folders = [
            *results.glob("patients/*"),
            *results.glob("dataset"),
            *results.glob("*/patients"),
        ]
        return [found for folder in folders for found in temporaries(folder)]


def kill_tree(process: psutil.Process) -> None:
    """Kill a process and all that it started with -9."""
    try:
        for one in [process, *process.children(recursive=True)]:
            one.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        pass


def kill_writer(project: Project, controller: subprocess.Popen[str]) -> list[Path]:
    """Kill the next job that has a file under construction: what it left."""
    writing = wait_for(project.temporaries, controller, every=0.0005)
    for temporary in writing[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(temporary.name.split(".")[-2]), signal.SIGKILL)
    return [temporary for temporary in writing[:1] if temporary.exists()]


def wait_for[T](found: Callable[[], T], controller: subprocess.Popen[str], every: float) -> T:
    """The first thing found while a controller runs; otherwise nothing (the last, empty answer)."""
    while not (thing := found()) and controller.poll() is None:
        time.sleep(every)
    return thing
