"""Tutorials as the tests run them: what they print and draw is what the site shows.

With EINTHOVEN_SHOW=write the stored output is written instead of compared.
"""

import contextlib
import io
import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
NUMBER, SECONDS = re.compile(r"\d+(?:\.\d+)?"), re.compile(r"\d+(?:\.\d+)? s\b")
RELATIVE = 0.1
"""Numbers may differ by that between machines; the tests of a tutorial hold its results closer."""


def run_tutorial(name: str, relative: float = RELATIVE) -> dict[str, Any]:
    """Names of a tutorial after it was run; its output is compared with docs/tutorials/NAME.txt.

    Numbers may differ by the share `relative`.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found = runpy.run_path(str(TUTORIALS / f"{name}.py"))
    text, stored = printed.getvalue(), TUTORIALS / f"{name}.txt"
    if os.environ.get("EINTHOVEN_SHOW") == "write":
        stored.write_text(text)
        if (figure := found.get("figure")) is not None:
            figure.savefig(stored.with_suffix(".png"), dpi=90, metadata={"Software": None})
    assert_same_output(text, stored.read_text(), relative)
    return found


def assert_same_output(printed: str, stored: str, relative: float = RELATIVE) -> None:
    """The same words, and numbers that agree within a share, those of seconds apart."""
    printed, stored = (SECONDS.sub("some s", text) for text in (printed, stored))
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", stored)
    numbers = [[float(x) for x in NUMBER.findall(text)] for text in (printed, stored)]
    assert numbers[0] == pytest.approx(numbers[1], rel=relative, abs=0.05)
