"""The networks of Zhu 2025 once, with one noise and one seed."""

import subprocess
import sys

from einthoven.app.run.job import run
from einthoven.base.core.errors import StepFailed


def main(input, output, params, log):
    sizes = {"first": params.repeat, "repeats": 1, "nodes": params.section["n_heart_nodes"],
             "steps": params.section["steps"], "tolerance": params.section["tolerance"],
             "data": params.section["geometry"], "json": output[0]}  # fmt: skip
    options = [f"--{name}={value}" for name, value in sizes.items()]
    command = [sys.executable, input.study, *options, "--experiments"]
    done = subprocess.run([*command, *params.section["experiments"]], stdout=sys.stderr)
    if done.returncode:
        raise StepFailed(f"{input.study} ended with {done.returncode}; its messages are in the log")


if "snakemake" in globals():
    run(main, globals()["snakemake"])
