"""Tell what a run is going to do, and about how long it takes.

From nothing, at the speed of the jobs that were measured in RESULTS, or else of the demo's.
"""

import argparse
import os


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("config", metavar="CONFIG", nargs="?", default="config/config.yaml")
    command.add_argument("--cores", metavar="N", type=int, default=os.cpu_count(),
                         help="cores that the run may take")  # fmt: skip
    command.add_argument("--results", metavar="FOLDER", default="results")


def run(arguments: argparse.Namespace) -> None:
    """Print it."""
    from einthoven.config import load
    from einthoven.run.announce import announcement
    from einthoven.run.plan import Plan

    plan = Plan.of(load(arguments.config))
    print(announcement(plan, arguments.cores, arguments.results))
