"""Costs of a run by rule, resources to ask for, and the costs of a larger run."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = command.add_argument
    add("results", metavar="RESULTS", nargs="?", default="results")
    add("--config", metavar="FILE", help="config of a larger run")
    add("--patients", metavar="N", type=int, help="patients of a larger run")
    add("--json", metavar="OUT", help="write the numbers to this file, too")


def run(arguments: argparse.Namespace) -> None:
    """Print the page; write its numbers."""
    from einthoven.app.run.costs.costs_page import costs_report
    from einthoven.base.core.files import write_json

    text, data = costs_report(arguments.results, arguments.config, arguments.patients)
    print(text)
    if arguments.json:
        write_json(arguments.json, data)
