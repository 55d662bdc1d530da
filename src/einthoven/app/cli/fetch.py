"""Download a published atlas, or read your copy, and make an atlas file of it.

Without NAME the known atlases are listed. Set anatomy.heart_atlas or anatomy.torso_atlas to the
file.

    einthoven fetch bai-2015 --modes 20
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import add_folder, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("name", metavar="NAME", nargs="?", help="name of the atlas; default: list all")
    add(
        "--from",
        dest="source",
        metavar="FOLDER|FILE",
        type=Path,
        help="your copy of the files, in place of a download",
    )
    add_folder(command, "atlases")
    add("--phase", choices=["ED", "ES"], default="ED",
        help="end-diastole or end-systole")  # fmt: skip
    add("--modes", metavar="N", type=positive_int, default=20,
        help="number of modes to keep")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write the atlas file, or print the list."""
    from einthoven.base.core.log import log_to_stderr
    from einthoven.body.atlases.fetch import fetch, table

    if arguments.name is None:
        print(table())
        return
    log_to_stderr()
    path = fetch(arguments.name, arguments.source, arguments.to, arguments.phase, arguments.modes)
    print(f"{path}: written; set anatomy.heart_atlas or anatomy.torso_atlas to it")
