"""Makes `tests/` importable, for the helpers beside this file; one complete run for all tests."""

import fcntl
import os
from pathlib import Path

import pytest
from helpers_workflow import CI, ORPHANS, copy_project, snakemake


def pytest_itemcollected(item: pytest.Item) -> None:
    """With `--dist loadgroup` a file is one worker's, and all files that start a SLURM, too.

    A machine has one /etc/slurm. Later than here, pytest-xdist has read the groups already.
    """
    group = "slurm" if "cluster" in item.path.parts else item.path.stem
    item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The project after a complete run of config/ci.yaml among orphans; nobody changes it.

    With pytest-xdist the first worker that asks makes it, and the others wait for it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, verdict = shared / "finished", shared / "finished.txt"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not verdict.exists():
            verdict.write_text(_run(folder))
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
