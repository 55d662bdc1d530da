"""Make an atlas file of a published atlas, downloaded or yours; without NAME list them."""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add, shown = command.add_argument, "default: %(default)s"
    add("name", metavar="NAME", nargs="?", help="of the atlas; default: list them")
    add("--from", dest="source", metavar="FOLDER|FILE", type=Path, help="files you have")
    add("--to", metavar="FOLDER", type=Path, default=Path("atlases"), help=shown)
    add("--phase", choices=["ED", "ES"], default="ED", help=shown)
    add("--modes", metavar="N", type=int, default=20, help=shown)


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
