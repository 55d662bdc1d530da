"""Types of arguments: argparse names the option when one of them raises."""

import argparse
import math


def positive_int(text: str) -> int:
    """A count: 1, 2, ..."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number above zero, not {text!r}")


def natural(text: str) -> int:
    """A count that may be zero."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"expected zero or a whole number above it, not {text!r}")


def positive(text: str) -> float:
    """A finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value < math.inf:
        return value
    raise argparse.ArgumentTypeError(f"expected a number above zero, not {text!r}")


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    raise argparse.ArgumentTypeError(f"expected a number, not {text!r}")
