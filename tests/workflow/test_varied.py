"""A run in which everything varies, judged by numbers that nothing of einthoven computed."""

import copy
import fcntl
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.workflow import copy_project, snakemake
from independent import recompute

from einthoven.base.core.files import load_arrays

pytestmark = pytest.mark.workflow

VARIED = ("--configfile", "config/ci-varied.yaml")
TARGETS = ("results/dataset/einthoven.zarr.zip", "results/cohort.csv",
           "results/predictions/operator/p0002.npz")  # fmt: skip


@pytest.fixture(scope="module")
def varied(tmp_path_factory) -> Path:
    """The project after a run of config/ci-varied.yaml."""
    folder = copy_project(tmp_path_factory.mktemp("varied") / "project")
    done = snakemake(folder, "--profile", "local", *VARIED, "--", *TARGETS, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def patients(varied):
    """Stores of all three patients."""
    stores = sorted((varied / "results/dataset/patients").glob("*.zarr.zip"))
    return [recompute.Patient(path) for path in stores]


def test_stored_numbers_agree_with_an_independent_computation(varied):
    assert recompute.disagreements(varied / "results/dataset") == {}
