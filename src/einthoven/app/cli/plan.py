"""Tell what a run is going to do, and about how long it takes.

From nothing, at the speed of the jobs that were measured in RESULTS, or else of the demo's.
"""

import argparse
import os

from einthoven.app.cli.numbers import positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = command.add_argument
    add("config", metavar="CONFIG", nargs="?", default="config/config.yaml")
    add("--cores", metavar="N", type=positive_int, default=os.cpu_count(), help="of the run")
    add("--results", metavar="FOLDER", default="results")


def run(arguments: argparse.Namespace) -> None:
    """Print it."""
    from einthoven.app.run.announce import announcement
    from einthoven.app.run.plan import Plan
    from einthoven.base.config import load

    plan = Plan.of(load(arguments.config))
    print(announcement(plan, arguments.cores, arguments.results))
