"""Makes `tests/` importable, for the helpers beside this file; one complete run for all tests."""

from pathlib import Path

import pytest
from helpers_workflow import CI, ORPHANS, copy_project, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The project after a complete run of config/ci.yaml among orphans; tests leave it as it is."""
    folder = copy_project(tmp_path_factory.mktemp("finished") / "project")
    for name in ORPHANS:
        path = folder / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"an orphan")
    done = snakemake(folder, "--profile", "local", *CI, timeout=1200)
    logs = "\n".join(p.read_text()[-400:] for p in (folder / "results/logs").rglob("*.log"))
    assert done.returncode == 0, done.stderr[-2000:] + logs[-4000:]
    return folder
