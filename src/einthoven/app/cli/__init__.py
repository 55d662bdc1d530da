"""Simulate, predict and analyse ECGs of virtual and imported patients; inspect runs and data."""

import argparse
import re
import sys
from collections.abc import Sequence

from einthoven.app.cli import (
    audit,
    check,
    config,
    costs,
    encode,
    explain,
    export,
    export_model,
    fetch,
    image,
    import_,
    inverse,
    plan,
    predict,
    progress,
    schema,
    score,
    sensitivity,
    twin,
    verify,
    view,
)
from einthoven.app.cli.options import Help
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.version import __version__

MODULES = (audit, check, config, costs, encode, explain, export, export_model, import_, fetch,
           image, inverse, plan, predict, progress, schema, score, verify, sensitivity,
           twin, view)  # fmt: skip
COMMANDS = {
    module.__name__.rpartition(".")[2].strip("_").replace("_", "-"): module for module in MODULES
}
"""Name -> module with `add_arguments(parser)` and `run(arguments)`; its docstring is the help."""


def build_parser() -> argparse.ArgumentParser:
    """The command line; every command has --help."""
    parser = argparse.ArgumentParser(prog="einthoven", description=__doc__, formatter_class=Help)
    parser.add_argument("--version", action="version", version=f"einthoven {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = str(module.__doc__).strip()
        summary = text.partition("\n")[0].rstrip(".")
        about, *examples = re.split(r"\n\n *(?=einthoven )", text, maxsplit=1)
        command = commands.add_parser(name, description=about, formatter_class=Help,
                                      epilog="\n  ".join(["example:", *examples]) if examples else None,
                                      help=summary[0].lower() + summary[1:])  # fmt: skip
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 after one line on bad input."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except EinthovenError as error:
        print(f"einthoven: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `einthoven schema | head`
        sys.stderr.close()
        return 1
    except OSError as error:  # a file that cannot be read, or a folder that cannot be written
        if error.filename is None:
            raise
        print(f"einthoven: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
