"""Costs of a run by rule, resources to ask for, and the costs of a larger run."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("results", metavar="RESULTS", nargs="?", default="results")
    command.add_argument("--config", metavar="FILE", help="config of a larger run")
    command.add_argument("--patients", metavar="N", type=int,
                         help="patients of a larger run")  # fmt: skip
    command.add_argument("--json", metavar="OUT", help="write the numbers to this file, too")


def run(arguments: argparse.Namespace) -> None:
    """Print the page; write its numbers."""
    from einthoven.core.files import write_json
    from einthoven.run.costs.page import costs_report

    text, data = costs_report(arguments.results, arguments.config, arguments.patients)
    print(text)
    if arguments.json:
        write_json(arguments.json, data)
