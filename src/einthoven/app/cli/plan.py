"""Show what a run will do and estimate how long it will take.

The estimate is for a run from scratch, at the speed of the jobs of an earlier run in FOLDER, or
else of the demo's jobs.

    einthoven plan config/config.yaml --cores 8
"""

import argparse
import os
from pathlib import Path

from einthoven.app.cli.options import BUILT_IN, config_of, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("config", metavar="CONFIG", nargs="?", type=Path,
        help=f"config of the run; {BUILT_IN}")  # fmt: skip
    add("--cores", metavar="N", type=positive_int, default=os.cpu_count(),
        help="cores that the run may use; default: those of this machine, %(default)s")  # fmt: skip
    add("--results", metavar="FOLDER", default="results",
        help="results of an earlier run, whose jobs were measured")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Print the plan."""
    from einthoven.app.run.announce import announcement
    from einthoven.app.run.plan import Plan

    plan = Plan.of(config_of(arguments.config))
    print(announcement(plan, arguments.cores, arguments.results))
