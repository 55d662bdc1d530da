"""Copies of the project in which Snakemake is run, and what it plans there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "src")
CI = ("--configfile", "config/ci.yaml")
ORPHANS = ("cohort/p0099.json", "patients/p0099/anatomy.npz", "patients/p0099/leadfield_b0.npz",
           "patients/p0000/leadfield_b7.npz", "patients/p0000/activation_crt.npz",
           "encoders/deepsdf/chamfer/p0099.json", "predictions/pca-mlp/p0099.npz")  # fmt: skip
"""Left by a larger cohort, more batches and another scenario; junk, so reading them would fail."""


def copy_project(folder: Path, source: Path = ROOT) -> Path:
    """Copy everything that the workflow needs into an empty folder, with what numba compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("*.egg-info")
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part, ignore=ignored)
        else:
            shutil.copy(source / part, folder)
    for link in ("slurm", "local"):
        (folder / link).symlink_to(f"profiles/{link}")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Variables with which a copy imports its own library; without bytecode every job compiles."""
    ours = {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": ""}
    return {**os.environ, **ours, "PYTHONWARNINGS": "ignore"}


def snakemake(
    folder: Path, *arguments: str, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the copy of the workflow in a folder."""
    cores = () if {"--profile", "--cores"} & set(arguments) else ("--cores", "1")
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *cores, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Number of planned jobs of each rule."""
    done = snakemake(folder, "--dry-run", "--quiet", "rules", *arguments)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    stats = re.search(r"-+\s+-+\n(.*?)\ntotal", text, re.DOTALL)
    if not stats:
        return {}
    rows = (line.split() for line in stats[1].splitlines())
    return {rule: int(count) for rule, count in rows}
