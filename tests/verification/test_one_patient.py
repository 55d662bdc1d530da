"""The README's patient, from coefficients to a 12-lead ECG, is physiological."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from einthoven.config import Config
from einthoven.core.names import LEADS
from einthoven.ecg.intervals import qrs_duration
from einthoven.ecg.simulate import simulate_ecg
from einthoven.electrophysiology.scenarios import activate

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
    config, p = Config(), patient["patient"]
    beat = activate(p, "lbbb", config.activation)
    found = simulate_ecg(p, patient["lead_fields"], beat, config.ecg, config.leadfield)
    ecg, time = found.ecg[0], found.time
    assert qrs_duration(ecg, time) > 120
    r, s = precordial(ecg, time)
    assert s[0] > r[0] and r[5] > s[5]  # deep S in V1, broad R in V6
