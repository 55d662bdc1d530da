"""Options that several commands share, and argument types.

argparse reports an error of a type with the option's name.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einthoven.base.config import Config

RUN_CONFIG = "config/config.yaml"
BUILT_IN = f"default: {RUN_CONFIG} where there is one, else the built-in values"


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that states the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        silent = action.default in (None, "", False, argparse.SUPPRESS) or action.default == []
        return text if silent or "default:" in text else f"{text}; default: %(default)s"


def add_recording(command: argparse.ArgumentParser) -> None:
    """Add a 12-lead recording with its sampling rate and unit."""
    about = "recording of twelve leads (docs/how-to/my-recordings.md)"
    command.add_argument("ecg", metavar="ECG", type=Path, help=about)
    add_declared(command)


def add_declared(command: argparse.ArgumentParser) -> None:
    """Add what a recording's file may not state."""
    command.add_argument("--rate-hz", metavar="HZ", type=positive,
                         help="samples per second, if the file states none")  # fmt: skip
    command.add_argument("--unit", choices=["mV", "uV", "V"],
                         help="unit, if the file states none; default: by the QRS")  # fmt: skip


def add_folder(command: argparse.ArgumentParser, default: str) -> None:
    """Add the folder that a command writes."""
    command.add_argument("--to", metavar="FOLDER", type=Path, default=Path(default),
                         help="folder to write")  # fmt: skip


def add_run_config(command: argparse.ArgumentParser) -> None:
    """Add the config of the run that made a patient."""
    command.add_argument("--config", metavar="FILE", type=Path,
                         help=f"config of the run that made the patient; {BUILT_IN}")  # fmt: skip


def config_of(file: Path | None) -> "Config":
    """Settings of a file; None: of the clone in which the command runs, else the built-in ones.

    Raises:
        BadInput: the file is missing or wrong.
    """
    from einthoven.base.config import Config, load

    if file is None and not Path(RUN_CONFIG).exists():
        return Config()
    return load(file or RUN_CONFIG)


def positive_int(text: str) -> int:
    """Parse a count: 1, 2, ..."""
    return _count(text, 1, "a whole number above zero")


def natural(text: str) -> int:
    """Parse a count that may be zero."""
    return _count(text, 0, "zero or a whole number above it")


def positive(text: str) -> float:
    """Parse a finite number above zero."""
    return _finite(text, 0.0, "a number above zero")


def number(text: str) -> float:
    """Parse a finite number."""
    return _finite(text, -math.inf, "a number")


def _count(text: str, least: int, expected: str) -> int:
    if text.isascii() and text.isdigit() and int(text) >= least:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")


def _finite(text: str, above: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if above < value < math.inf:
        return value
    raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")
