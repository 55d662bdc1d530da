"""A run with drawn beats: what the patients have, and what another setting makes anew."""

import numpy as np
import pytest
from helpers.workflow import CI, copy_project, planned, snakemake

from einthoven.data.patient.patient import Patient

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PEOPLE = ("--config", "variation={people: true, beats: people}", "purkinje={backend: sites}",
          "repolarisation={field: gradients}", "atria={enabled: true}")  # fmt: skip
TARGETS = ("results/patients/p0000/ecg.npz", "results/cohort.csv")


def test_each_patient_has_a_beat_of_its_own_and_its_ecg_is_of_it(tmp_path):
    copy_project(tmp_path)
    done = snakemake(tmp_path, *TARGETS, *CI, *PEOPLE, timeout=900)
    assert done.returncode == 0, done.stderr
    patient = Patient.open(tmp_path / "results/patients/p0000")
    fitted = patient.beat
    np.testing.assert_array_equal(patient.activation("sinus").activation_time, fitted.fitted_time)
    assert fitted.qrs_correlation > 0.95 and fitted.t_rms_mv < 0.06
    row = patient.ecg.scenario.tolist().index("sinus")
    features = dict(zip(patient.ecg.feature.tolist(), patient.ecg.ecg_features[row]))
    assert 65 < features["qrs_ms"] < 130 and features["t_mv_v5"] > 0
    again = [*PEOPLE]
    again[1] = "variation={people: true}"
    plan = planned(tmp_path, "--cores", "1", *TARGETS, *CI, *again)
    assert plan.keys() == {"activation", "ecg"}
