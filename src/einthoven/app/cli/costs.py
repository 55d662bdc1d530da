"""Report the costs of a run by rule, resources to request, and the costs of a larger run.

Prints core-hours, memory in MB and minutes for each rule.

    einthoven costs results --patients 1000
"""

import argparse

from einthoven.app.cli.options import positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("results", metavar="RESULTS", nargs="?", default="results",
        help="folder of a run, with its benchmarks")  # fmt: skip
    add("--config", metavar="FILE", help="config of a larger run to estimate")
    add("--patients", metavar="N", type=positive_int,
        help="number of patients of a larger run to estimate")  # fmt: skip
    add("--json", metavar="OUT", help="also write the numbers to this file")


def run(arguments: argparse.Namespace) -> None:
    """Print the page; write its numbers."""
    from einthoven.app.run.costs.costs_page import costs_report
    from einthoven.base.core.files import write_json

    text, data = costs_report(arguments.results, arguments.config, arguments.patients)
    print(text)
    if arguments.json:
        write_json(arguments.json, data)
