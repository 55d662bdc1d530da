"""Check a run or a store: files against their records, bytes, structure, values.

Takes results/, a store (.zarr.zip) or a published folder. In a folder without logs every store is
checked. Prints what is sound, and one line per fault.

    einthoven check results
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add(
        "path",
        metavar="STORE|FOLDER",
        type=Path,
        help="results/, a published folder, or a .zarr.zip file",
    )
    add("--sweep", action="store_true", help="delete temporary files of killed jobs")


def run(arguments: argparse.Namespace) -> None:
    """Print what is sound; raise BadInput with one line per fault."""
    from einthoven.app.run.run_check import check

    check(arguments.path, arguments.sweep)
