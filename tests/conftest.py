"""Makes `tests/` importable, for the helpers beside this file; one complete run for all tests."""

from pathlib import Path

import pytest
from helpers_workflow import CI, copy_project, snakemake

ORPHANS = ("cohort/p0099.json", "patients/p0099/anatomy.npz", "patients/p0099/leadfield_b0.npz",
           "patients/p0000/leadfield_b7.npz", "patients/p0000/activation_crt.npz",
           "encoders/deepsdf/chamfer/p0099.json", "predictions/pca-paper/p0099.npz")  # fmt: skip
"""Left by a larger cohort, more batches and another scenario; junk, so reading them would fail."""


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
