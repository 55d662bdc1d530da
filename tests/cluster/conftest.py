"""A SLURM for each module of tests: it starts in half a second, and others may want to."""

import os

import pytest

from slurm import Slurm, why_not


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A running cluster of two nodes; where none can be had, tests are skipped or must fail."""
    if reason := why_not():
        if os.environ.get("EINTHOVEN_REQUIRE_SLURM") == "1":
            pytest.fail(f"EINTHOVEN_REQUIRE_SLURM=1, but no SLURM: {reason}")
        pytest.skip(f"no SLURM: {reason}")
    with Slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
