"""Score submissions to the lead-field benchmark by their errors on the test patients.

Prints a table with one row per submission (docs/how-to/submit-to-the-benchmark.md). A submission
that breaks a rule is refused with the file, the field and the cause.

    einthoven score submission published
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("submissions", metavar="SUBMISSION", type=Path, nargs="+", help="folder with card.json")
    add("dataset", metavar="DATASET", type=Path, help="the published folder, or its "
        "einthoven.zarr.zip alone: without patients/ ECGs are not scored")  # fmt: skip
    add("--json", metavar="OUT", type=Path, help="also write all scores, patient by patient")


def run(arguments: argparse.Namespace) -> None:
    """Print the table; with one submission also write its scores, with several a list of them."""
    from einthoven.app.evaluation.benchmark.score import score_submission, table
    from einthoven.app.evaluation.benchmark.submission import Submission
    from einthoven.app.evaluation.benchmark.task import BenchmarkTask
    from einthoven.base.core.files import write_json

    benchmark = BenchmarkTask.open(arguments.dataset)
    opened = [Submission.open(folder, benchmark) for folder in arguments.submissions]
    scored = [score_submission(submission, benchmark) for submission in opened]
    if arguments.json:
        write_json(arguments.json, scored[0] if len(scored) == 1 else scored)
    print(table(scored))
