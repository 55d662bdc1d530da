"""The README's patient, from coefficients to a 12-lead ECG, is physiological."""

import numpy as np
import pytest
from helpers.tutorials import run_tutorial

import einthoven as ei
from einthoven.app.analysis.contributions import contributions
from einthoven.base.core.names import LEADS
from einthoven.data.patient.segments import (
    AHA_SEGMENTS,
    LEVELS,
    SEGMENTS,
    ventricular_segments,
    ventricular_walls,
)

QRS_MS = 120.0


@pytest.fixture(scope="module")
def patient():
    return run_tutorial("one_patient")


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
    ecg = ei.simulate_ecg(everyone, patient["lead_fields"], blocked, patient["settings"])
    assert ei.qrs_duration(ecg.ecg[0], ecg.time) > 120
    r, s = precordial(ecg.ecg[0], ecg.time)
    assert s[0] > r[0] and r[5] > s[5]  # deep S in V1, broad R in V6


def test_prediction_without_solving_is_near_the_solution():
    found = run_tutorial("without_solving")
    predicted, solved = found["predicted"], found["solved"]
    assert predicted.out_of_distribution["in_distribution"]
    difference = np.linalg.norm(predicted.ecg[0] - solved.ecg[0]) / np.linalg.norm(solved.ecg[0])
    assert difference < 0.15  # the reference has a 4 mm heart, the model speaks of finer ones


def test_segments_lie_where_a_cardiologist_looks_for_them(patient):
    """Axes x to the left, y to the back, z to the head, without using coordinates."""
    heart = patient["patient"].heart
    segments = ventricular_segments(patient["patient"])
    middle = {}
    for name in SEGMENTS:
        cells = segments.cells(name)
        middle[name] = np.average(heart.centroids[cells], axis=0, weights=heart.volumes[cells])
    for level in LEVELS:
        up = middle[f"{level} anterior"] - middle[f"{level} inferior"]
        assert up[2] > 15 and up[1] < 0  # above and in front of the inferior wall
        up = middle[f"RV {level} anterior"] - middle[f"RV {level} inferior"]
        assert up[2] > 10
    for level in LEVELS[:2]:
        to_the_left = middle[f"{level} anterolateral"] - middle[f"{level} inferoseptal"]
        assert to_the_left[0] > 15
    down = middle["apex"] - middle["basal anterior"]
    assert down[0] > 0 and down[1] < 0 and down[2] < -20  # left, front, down
    right = middle["RV mid lateral"]
    assert all(right[0] < middle[name][0] for name in AHA_SEGMENTS if name.startswith("mid"))


def test_segments_of_a_wall_have_similar_sizes(patient):
    heart = patient["patient"].heart
    segments = ventricular_segments(patient["patient"])
    ml = np.array([heart.volumes[segments.cells(name)].sum() for name in SEGMENTS]) / 1000
    assert ml.min() > 0.3
    for ring in (slice(0, 6), slice(6, 12), slice(12, 16), slice(17, 22), slice(22, 27)):
        assert ml[ring].max() < 3 * ml[ring].min()


def test_regions_of_the_solved_lead_fields_add_up(patient):
    everyone, settings = patient["patient"], patient["settings"]
    regions = ventricular_walls(everyone)
    fields, activation = patient["lead_fields"], patient["activation"]
    found = contributions(everyone, fields, activation, regions, settings)
    scale = np.abs(patient["ecg"].ecg).max()
    np.testing.assert_allclose(found.values.sum(axis=0), patient["ecg"].ecg[0], atol=2e-6 * scale)


def test_high_electrodes_shrink_the_r_wave_of_v1_and_v2():
    r_wave = run_tutorial("own_electrodes")["r_wave"]
    assert np.all(r_wave["high"] < r_wave["usual"])
    assert r_wave["usual"][1] > 0.1


def test_an_anterior_scar_takes_the_r_wave_of_v3_and_makes_q_waves():
    found = run_tutorial("scar")
    healthy, scar = (found["ecgs"][name] for name in ("healthy", "scar"))
    early = found["ecg"].time < 60.0
    row = LEADS.index("V3")
    assert healthy[row, early].max() > 0.5 and scar[row, early].max() < 0.1
    assert scar[LEADS.index("V4"), early].min() < -0.3  # a Q wave, or QS
