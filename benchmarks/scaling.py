"""Cost of planning: a dry run for 10, 100 and 1,000 patients, and a run with nothing to do.

    python benchmarks/scaling.py --json scaling.json

Sizes are those of config/paper.yaml (109 electrodes, all of a patient in one job). The run with
nothing to do has made-up files of 110 patients with the metadata of a real run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "src")
N_NOTHING = 110


def timed(folder: Path, *arguments: str) -> dict[str, float]:
    """Seconds, processor seconds and peak memory of one Snakemake command.

    Raises:
        RuntimeError: the command failed; with what it printed.
    """
    variables = {"PYTHONPATH": str(folder / "src"), "PYTHONWARNINGS": "ignore"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
            cwd=folder, env=os.environ | variables, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        printed.seek(0)
        text = printed.read().decode()
    if status:
        raise RuntimeError(f"snakemake {' '.join(arguments)} failed:\n{text[-3000:]}")
    total = [int(line.split()[1]) for line in text.splitlines() if line.startswith("total ")]
    return {
        "jobs": total[0] if total else 0,
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss / 2**20,
    }


def configured(folder: Path, n_patients: int, **leadfield: int) -> tuple[str, str]:
    """Arguments for config/paper.yaml with another number of patients."""
    config = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    config["cohort"] |= {"n_patients": n_patients, "block_size": 10}
    config["leadfield"] |= leadfield
    path = folder / f"config/{n_patients}.yaml"
    path.write_text(yaml.safe_dump(config))
    return "--configfile", str(path)


def nothing_to_do(folder: Path) -> dict[str, float]:
    """A finished run of 110 patients is asked for again."""
    size = configured(folder, N_NOTHING)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *size]
    variables = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONWARNINGS": "ignore"}
    run = {"cwd": folder, "env": variables, "capture_output": True, "text": True, "check": True}
    summary = subprocess.run([*command, "--summary"], **run).stdout
    for line in summary.splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made up")
    subprocess.run([*command, "--touch", "--forceall"], **run)
    found = timed(folder, *size)
    if found["jobs"]:
        raise RuntimeError(f"{found['jobs']} jobs in a run that should have nothing to do")
    return found


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"electrodes": 109}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        for n in (10, 100, 1000):
            figures[f"dry_run_{n}"] = timed(folder, "--dry-run", "--quiet", "rules",
                                            *configured(folder, n))  # fmt: skip
            print(n, "patients:", figures[f"dry_run_{n}"], flush=True)
        figures["nothing_to_do_110"] = nothing_to_do(folder)
        print("nothing to do,", N_NOTHING, "patients:", figures["nothing_to_do_110"])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
