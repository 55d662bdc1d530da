"""The README's patient, from coefficients to a 12-lead ECG, is physiological."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import einthoven as ei
from einthoven.core.names import LEADS

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "one_patient.py"
QRS_MS = 120.0


@pytest.fixture(scope="module")
def patient():
    return runpy.run_path(str(TUTORIAL))


def precordial(ecg, time):
    """R and S amplitudes of V1 to V6 within the QRS, mV."""
    rows = [LEADS.index(f"V{k}") for k in range(1, 7)]
    during = ecg[rows][:, time < QRS_MS]
    return during.max(axis=1), -during.min(axis=1)


def test_sinus_qrs_lasts_70_to_110_ms(patient):
    assert 70 <= patient["qrs"] <= 110


def test_r_waves_progress_and_have_the_size_of_real_ones(patient):
    r, s = precordial(patient["ecg"].ecg[0], patient["ecg"].time)
    share = r / (r + s)
    assert share[0] < 0.5 < share[5]  # V1 mostly down, V6 mostly up
    assert share[1] < 0.7  # V2 still has an S wave
    assert np.corrcoef(np.arange(6), share)[0, 1] > 0.7
    assert np.all((r + s > 0.5) & (r + s < 5.0))
    assert 0.5 < np.median(r) < 3.0


def test_silent_left_tree_widens_the_qrs_beyond_120_ms(patient):
    everyone, config = patient["patient"], patient["config"]
    blocked = ei.activate(everyone, "lbbb", config.activation)
    ecg = ei.simulate_ecg(everyone, patient["lead_fields"], blocked, config.ecg, config.leadfield)
    assert ei.qrs_duration(ecg.ecg[0], ecg.time) > 120
    r, s = precordial(ecg.ecg[0], ecg.time)
    assert s[0] > r[0] and r[5] > s[5]  # deep S in V1, broad R in V6


def test_prediction_without_solving_is_near_the_solution(patient):
    predicted, solved = patient["predicted"], patient["ecg"]
    assert predicted.out_of_distribution["in_distribution"]
    difference = np.linalg.norm(predicted.ecg[0] - solved.ecg[0]) / np.linalg.norm(solved.ecg[0])
    assert difference < 0.2  # the reference has a 4 mm heart, the model learned from 2.2 mm


def test_front_door_gives_what_it_lists_and_nothing_else():
    for name in ei.__all__:
        assert getattr(ei, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ei.nothing
