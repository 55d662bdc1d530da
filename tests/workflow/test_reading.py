"""The data set of a finished run is read as the tutorial reads it."""

import numpy as np
from helpers.tutorials import run_tutorial


def test_tutorial_of_reading(finished, monkeypatch):
    monkeypatch.chdir(finished)
    found = run_tutorial("reading")
    assert found["ecg"].attrs["units"] == "mV"
    assert found["gradients"].shape[0] == len(found["electrodes"])
    assert np.isfinite(found["strength"]).all()
    example = found["example"]["field_grad"].numpy()
    assert example.shape == found["gradients"].shape[1:]
