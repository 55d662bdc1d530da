"""The contract with fenicsx-ldrb, in a process of its own.

Once that package has run, torch operations in the same process end in a segmentation fault
(seen with fenicsx-ldrb 0.2.0 and torch 2.15), and other tests use torch. einthoven itself does
not import the package.
"""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("fibers_ldrb_package.py")


@pytest.mark.slow
def test_our_fibres_agree_with_the_package():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parents[2])
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout[-2000:]
