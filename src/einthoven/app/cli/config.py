"""Check a config file; with --full print it with all defaults and comments.

Names every unknown key and every value out of its range. The units are in the names of the keys.

    einthoven config config/config.yaml --full > complete.yaml
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        help="config to check; without it the built-in defaults are printed",
    )
    add("--full", action="store_true", help="print the complete config")


def run(arguments: argparse.Namespace) -> None:
    """Print the complete config, or one line on a valid file."""
    from einthoven.base.config import Config, load
    from einthoven.base.config.load import render

    file = arguments.file
    if file is None:
        print(render(Config(), "The default: laptop size."), end="")
        return
    checked = load(file)
    if arguments.full:
        first = file.read_text().partition("\n")[0]
        title = first.lstrip("# ") if first.startswith("#") else file.stem
        print(render(checked, title), end="")
    else:
        print(f"{file}: ok, {checked.cohort.n_patients} patients")
