"""Check a run's files against their records, and stores: bytes, structure, values.

Without logs beside it, a folder stands for every store in it.
"""

import argparse
from pathlib import Path

from einthoven.app.run.run_check import check


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = command.add_argument
    add("path", metavar="STORE|FOLDER", type=Path, help="a .zarr.zip file, or results/")
    add("--sweep", action="store_true", help="delete what killed jobs left")


def run(arguments: argparse.Namespace) -> None:
    """Print what is sound; raise BadInput with one line per fault."""
    check(arguments.path, arguments.sweep)
