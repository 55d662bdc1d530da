"""Copies of the project in which Snakemake is run, and what it plans there."""

import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "src")
CI = ("--configfile", "config/ci.yaml")
VARIED = ("--configfile", "config/ci-varied.yaml")
VARIED_FILES = ("results/dataset/einthoven.zarr.zip", "results/cohort.csv",
                "results/predictions/operator/p0002.npz")  # fmt: skip
ORPHANS = ("cohort/p0099.json", "patients/p0099/anatomy.npz", "patients/p0099/leadfield_b0.npz",
           "patients/p0000/leadfield_b7.npz", "patients/p0000/activation_crt.npz",
           "encoders/deepsdf/chamfer/p0099.json", "predictions/operator/p0099.npz")  # fmt: skip
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
    folder: Path, *arguments: str, timeout: float = 120, library: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the copy of the workflow in a folder.

    In a process forked from one that has imported Snakemake, which is most of a dry run's time.
    Runs that are killed, watched or on a cluster are started as a user starts them. The library is
    that of the folder, or of another.
    """
    cores = () if {"--profile", "--cores"} & set(arguments) else ("--cores", "1")
    with tempfile.TemporaryDirectory() as streams:
        files = [Path(streams) / name for name in ("out", "err")]
        given = ((*cores, *arguments), folder, environment(library or folder), files)
        process = FORKS.Process(target=_snakemake, args=given)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["snakemake", *arguments], timeout)
        out, err = (file.read_text() for file in files)
    return subprocess.CompletedProcess(["snakemake", *arguments], process.exitcode, out, err)


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["snakemake.cli", "nbformat", "pydantic"])


def _snakemake(arguments: list[str], folder: Path, variables: dict, streams: list[Path]) -> None:
    """Equivalent of `python -m snakemake` in this process."""
    for descriptor, path in zip((1, 2), streams):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:0] = [str(folder), variables["PYTHONPATH"]]
    sys.argv = ["snakemake", *arguments]
    sys.dont_write_bytecode = False
    warnings.simplefilter("ignore")
    from snakemake.cli import main

    main()


def run_varied(folder: Path) -> str:
    """Make the data set and an operator of config/ci-varied.yaml in a copy: what went wrong."""
    copy_project(folder)
    done = snakemake(folder, "--profile", "local", *VARIED, "--", *VARIED_FILES, timeout=1800)
    said = f"exit status {done.returncode}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return said if done.returncode else ""


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
