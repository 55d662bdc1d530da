"""A run with drawn beats: what the patients have, and what another setting makes anew."""

import numpy as np
import pytest
from helpers.workflow import CI, copy_project, planned, snakemake

from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_mixtures import BodyBeats
from einthoven.imaging.corpus.simulations import Simulations

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


def test_beats_for_imaging_are_fitted_once_and_mixed(tmp_path):
    copy_project(tmp_path)
    imaging = "simulations_per_patient: 20, people: true, forward_models: [fem], paced_share: 0.2"
    with_beats = [*PEOPLE, f"imaging={{{imaging}, drawn_beats: 1}}"]
    target = "results/imaging/simulations/p0000.npz"
    done = snakemake(tmp_path, target, *CI, *with_beats, timeout=900)
    assert done.returncode == 0, done.stderr
    patient = Patient.open(tmp_path / "results/patients/p0000")
    beats = BodyBeats.load(
        tmp_path / "results/imaging/beats/p0000.npz", len(patient.heart.points)
    ).beats
    assert len(beats) == 1 and beats[0].qrs_correlation > 0.95
    found = Simulations.load(tmp_path / target)
    mixed = np.isnan(found.parameters[:, found.parameter_names.index("apd_mean_ms")])
    waves = np.isnan(found.parameters[:, found.parameter_names.index("cv_fiber")])
    assert 4 <= mixed.sum() <= 16 and (waves <= mixed).all()
    assert set(found.pattern[waves]) == {"sinus"} and np.isfinite(found.ecg).all()
    again = [*PEOPLE, f"imaging={{{imaging}, drawn_beats: 2}}"]
    plan = planned(tmp_path, "--cores", "1", target, *CI, *again)
    assert plan.keys() == {"imaging_beats", "imaging_simulate"}
    other = [*PEOPLE, f"imaging={{{imaging}, drawn_beats: 1, sinus_share: 0.9}}"]
    plan = planned(tmp_path, "--cores", "1", target, *CI, *other)
    assert plan.keys() == {"imaging_simulate"}
