"""Makes `tests/` importable, for the helpers beside this file; one complete run for all tests."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.workflow import CI, ORPHANS, copy_project, run_varied, snakemake
from xdist.scheduler import LoadFileScheduling

NICENESS = 5
"""Share of the other workers: they get a third of what the first one gets where both could run."""


class Files(LoadFileScheduling):
    """A file is one worker's, and all files that start a SLURM: a machine has one /etc/slurm."""

    def _split_scope(self, nodeid: str) -> str:
        return "slurm" if nodeid.startswith("tests/cluster/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> Files:
    """Distribution of tests to workers, whatever --dist says."""
    return Files(config, log)


def pytest_configure() -> None:
    """The first worker goes first: it has the longest chain, the shared run and then the SLURM."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        os.nice(NICENESS)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The project after a complete run of config/ci.yaml among orphans; nobody changes it.

    With pytest-xdist the first worker that asks makes it, and the others wait for it.
    """
    return _shared(tmp_path_factory, "finished", _run)


@pytest.fixture(scope="session")
def varied(tmp_path_factory) -> Path:
    """The project after the data set and an operator of config/ci-varied.yaml; nobody changes it.

    `make mutants` makes it once, and names it in $EINTHOVEN_VARIED.
    """
    if made := os.environ.get("EINTHOVEN_VARIED"):
        return Path(made)
    return _shared(tmp_path_factory, "varied", run_varied)


def _shared(tmp_path_factory, name: str, run: Callable[[Path], str]) -> Path:
    """A folder that one worker fills, and all others wait for."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, verdict = shared / name, shared / f"{name}.txt"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not verdict.exists():
            verdict.write_text(run(folder))
    assert not verdict.read_text(), verdict.read_text()
    return folder


def _run(folder: Path) -> str:
    """Make a copy of the project and run it: what went wrong."""
    copy_project(folder)
    for name in ORPHANS:
        path = folder / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"an orphan")
    done = snakemake(folder, "--profile", "local", *CI, timeout=1800)
    logs = "\n".join(p.read_text()[-400:] for p in (folder / "results/logs").rglob("*.log"))
    return done.stderr[-2000:] + logs[-4000:] if done.returncode else ""
