"""Simulate, predict and analyse ECGs of virtual and imported patients; inspect runs and data."""

import argparse
import signal
import sys
import textwrap
import warnings
from collections.abc import Sequence
from types import ModuleType

from einthoven.app.cli import (
    audit,
    calibrate,
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
    realism,
    schema,
    score,
    sensitivity,
    twin,
    verify,
    view,
)
from einthoven.app.cli.options import Help
from einthoven.base.core.errors import EinthovenError, extras_named
from einthoven.base.core.version import __version__

GROUPS = {
    "a patient of your own": (import_, predict, encode),
    "from a recording": (image, twin, inverse),
    "look at a patient, and export it": (
        view,
        export,
        explain,
        audit,
        realism,
        sensitivity,
        verify,
    ),
    "a run of the workflow": (config, schema, plan, progress, costs, check, calibrate),
    "atlases, trained models, the benchmark": (fetch, export_model, score),
}
"""Task of a user -> modules with `add_arguments(parser)` and `run(arguments)`; the docstring of a
module is its help. `--help` imports all of them, so they import the library in `run`."""
EXTRAS = {"learn": (predict, encode, image, twin, export_model)}
"""Extra of pyproject.toml -> commands that need all of it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell's: 128 + SIGINT."""
COMMANDS = {
    module.__name__.rpartition(".")[2].strip("_").replace("_", "-"): module
    for modules in GROUPS.values()
    for module in modules
}
EXAMPLE = """example:
  einthoven predict sheet.csv anna     # lead fields and 12-lead ECG of your own heart
  einthoven COMMAND --help             # the options of a command, and an example"""


def help_of(module: ModuleType) -> tuple[str, str, str]:
    """Summary, description and examples: the first line, all, and what is indented at the end."""
    text = str(module.__doc__).strip()
    about, _, examples = text.partition("\n\n    ")
    shown = textwrap.indent(textwrap.dedent(f"    {examples}"), "  ")
    return text.partition("\n")[0].rstrip("."), about, f"example:\n{shown}" if examples else ""


def overview() -> str:
    """All commands with their summaries, grouped by what one wants."""
    lines = []
    for title, modules in GROUPS.items():
        lines += ["", f"{title}:"]
        for name in (name for name, module in COMMANDS.items() if module in modules):
            summary = help_of(COMMANDS[name])[0]
            said = f"{summary[0].lower()}{summary[1:]}"
            first, others = f"  {name:14s}", " " * 16
            lines += textwrap.wrap(said, 84, initial_indent=first, subsequent_indent=others)
    return "\n".join(lines[1:])


def build_parser() -> argparse.ArgumentParser:
    """The command line; every command has --help."""
    parser = argparse.ArgumentParser(prog="einthoven", description=f"{__doc__}\n\n{overview()}",
                                     epilog=EXAMPLE, formatter_class=Help)  # fmt: skip
    parser.add_argument("--version", action="version", version=f"einthoven {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", help="one of the above")
    for name, module in COMMANDS.items():
        _, about, examples = help_of(module)
        command = commands.add_parser(
            name, description=about, epilog=examples, formatter_class=Help
        )
        module.add_arguments(command)
        needed = next((extra for extra, modules in EXTRAS.items() if module in modules), "")
        command.set_defaults(run=module.run, called=name, extra=needed)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments; None: those of the program, which ends after this.

    Returns:
        Exit status: 0; 2 after one line on bad input; 130 after Ctrl-C.
    """
    try:
        return _status(build_parser().parse_args(argv))
    except KeyboardInterrupt:  # before the command, or while it ends
        print("\neinthoven: interrupted", file=sys.stderr)
        return INTERRUPTED
    finally:
        if argv is None:  # an interpreter that ends takes Ctrl-C for a signal that kills it
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _status(arguments: argparse.Namespace) -> int:
    """Run one command; exit status as of `main`."""
    try:
        _run(arguments)
    except EinthovenError as error:
        print(f"einthoven: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\neinthoven: {arguments.called} was interrupted; no file is incomplete",
              file=sys.stderr)  # fmt: skip
        return INTERRUPTED
    except BrokenPipeError:  # `einthoven schema | head`
        sys.stderr.close()
        return 1
    except OSError as error:  # a file that cannot be read, or a folder that cannot be written
        if error.filename is None:
            raise
        print(f"einthoven: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _run(arguments: argparse.Namespace) -> None:
    """Run a command with a line of progress, and without advice of other libraries to us."""
    command = f"einthoven {arguments.called}"
    with warnings.catch_warnings(), extras_named(command, arguments.extra):
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        from einthoven.base.core.log import progress_line

        with progress_line(command):
            arguments.run(arguments)
