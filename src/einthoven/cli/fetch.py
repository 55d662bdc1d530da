"""Make an atlas file of a published atlas, downloaded or yours; without NAME list them."""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("name", metavar="NAME", nargs="?", help="of the atlas; default: list them")
    command.add_argument("--from", dest="source", metavar="FOLDER|FILE", type=Path,
                         help="files you have")  # fmt: skip
    command.add_argument("--to", metavar="FOLDER", type=Path, default=Path("atlases"),
                         help="default: %(default)s")  # fmt: skip
    command.add_argument("--phase", choices=["ED", "ES"], default="ED", help="default: %(default)s")
    command.add_argument("--modes", metavar="N", type=int, default=20,
                         help="default: %(default)s")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write the atlas file, or print the list."""
    from einthoven.atlases.fetch import fetch, table
    from einthoven.core.log import log_to

    if arguments.name is None:
        print(table())
        return
    log_to(None)
    path = fetch(arguments.name, arguments.source, arguments.to, arguments.phase, arguments.modes)
    print(f"{path}: written; set anatomy.heart_atlas or anatomy.torso_atlas to it")
