"""Argument types, whose errors argparse reports with the option's name."""

import argparse
import math


def positive_int(text: str) -> int:
    """Parse a count: 1, 2, ..."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number above zero, not {text!r}")


def natural(text: str) -> int:
    """Parse a count that may be zero."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"expected zero or a whole number above it, not {text!r}")


def positive(text: str) -> float:
    """Parse a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value < math.inf:
        return value
    raise argparse.ArgumentTypeError(f"expected a number above zero, not {text!r}")


def number(text: str) -> float:
    """Parse a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    raise argparse.ArgumentTypeError(f"expected a number, not {text!r}")
