"""Show what a run has done, what runs, what failed, and how long the rest may take."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("results", metavar="RESULTS", nargs="?", default="results")
    command.add_argument("--follow", action="store_true", help="again every two seconds")


def run(arguments: argparse.Namespace) -> None:
    """Print one screen, or one after the other."""
    from einthoven.run.monitor.follow import show

    show(arguments.results, arguments.follow)
