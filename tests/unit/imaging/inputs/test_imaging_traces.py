"""Activation times and durations that are read from traces of the transmembrane potential."""

import numpy as np
from helpers.imaging_corpus import trace

from einthoven.imaging.inputs.traces import activation_index, apd90_of


def test_times_and_durations_of_traces():
    rng = np.random.default_rng(0)
    times, durations = rng.uniform(0, 120, (4, 75)), rng.uniform(150, 300, (4, 75))
    v_m = trace(times, durations)
    assert np.array_equal(activation_index(v_m), np.ceil(times))
    # from the first sample, and of the largest sample, which is at most 1 ms of the fall late
    assert np.abs(apd90_of(v_m) - (durations - (np.ceil(times) - times))).max() < 1.0
    never = np.full((1, 500), -80.0)
    assert activation_index(never) == 500 and np.isnan(apd90_of(never))
    assert np.isnan(apd90_of(trace(np.array([300.0]), np.array([400.0]))))
