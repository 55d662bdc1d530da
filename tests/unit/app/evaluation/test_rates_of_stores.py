"""Rates and ages that a consolidated store states for its patients."""

import json

import numpy as np
import pytest
import zarr

from einthoven.app.evaluation.ecg_files import _cycles_and_ages

CONFIG = json.dumps({"scenarios": {"defined": {}}})


def store(settings, values):
    root = zarr.open_group({}, mode="w", attributes={"config": CONFIG})
    group = root.create_group("physiology")
    group.create_array("setting", data=np.array(settings, dtype="U20"))
    group.create_array("value", data=np.array(values))
    return root


@pytest.mark.filterwarnings("ignore")
def test_patients_have_their_own_rate_unless_the_scenario_states_one():
    root = store(["apd_mean_ms", "cycle_length_ms", "age_years"],
                 [[280.0, 812.0, 30.0], [290.0, 950.0, 60.0]])  # fmt: skip
    cycles, ages = _cycles_and_ages(root, ["sinus", "sinus-600", "unknown"], 2)
    assert cycles == [[812.0, 600.0, 812.0], [950.0, 600.0, 950.0]]
    assert ages == [30.0, 60.0]


@pytest.mark.filterwarnings("ignore")
def test_without_people_a_beat_is_a_single_one():
    cycles, ages = _cycles_and_ages(store(["apd_mean_ms"], [[280.0], [290.0]]), ["sinus"], 2)
    assert cycles == [[None], [None]] and ages == [None, None]
