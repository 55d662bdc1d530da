"""A run in which everything varies, judged by numbers that nothing of einthoven computed.

`independent.recompute` says what disagrees; here are the run itself, faults planted in copies of
one patient that it must name, and the prediction of the test patient.
"""

import copy
import json

import numpy as np
import pytest
from helpers.workflow import ROOT
from independent import recompute

from einthoven.base.config import load
from einthoven.base.core.files import load_arrays

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def patient(varied):
    """The test patient."""
    return recompute.Patient(varied / "results/dataset/patients/p0002.zarr.zip")


def test_stored_numbers_agree_with_an_independent_computation(varied, coarse):
    assert recompute.disagreements(varied / "results/dataset") == {}


def usual(section):
    return getattr(load(ROOT / "config/ci-varied.yaml"), section)


def with_usual_conductivities(p):
    p.sigma = {name: getattr(usual("leadfield"), name) for name in p.sigma}


def with_setting(name, value):
    def change(p):
        p.settings[name] = value

    return change


def with_array(key, change):
    def changed(p):
        p.arrays[key] = change(p.arrays[key])

    return changed


def of_potentials(change):
    """The same of potentials and leads, so that they still fit each other."""

    def changed(p):
        for name in ("electrode_potential", "ecg"):
            p.arrays[f"ecg/{name}"] = change(p.arrays[f"ecg/{name}"])

    return changed


def exchanged(rows):
    """Exchange two rows of the last axis but one."""

    def change(values):
        values = values.copy()
        values[..., rows, :] = values[..., rows[::-1], :]
        return values

    return change


def backwards(values):
    return values[::-1]


FAULTS = {
    "usual conductivities in the lead fields": ("lead_fields", with_usual_conductivities),
    "usual conductivities in the ECG": ("ecgs", with_usual_conductivities),
    "lead fields in Ohm/mm": ("lead_fields", with_array("leadfield/lead_field", lambda z: 1e3 * z)),
    "lead fields upside down": ("lead_fields", with_array("leadfield/lead_field", np.negative)),
    "electrodes of lead fields in reverse": ("lead_fields", with_array(
        "leadfield/lead_field", backwards)),
    "usual speed of the trees": ("paths_in_trees", with_setting("purkinje_speed_mm_per_ms", 1.45)),
    "early sites in reverse": ("paths_in_trees", with_array("purkinje/root_times", backwards)),
    "usual speed along the fibres": ("arrival_times", with_setting("cv_fiber_mm_per_ms", 0.45)),
    "usual speed of the endocardium": ("arrival_times", with_setting(
        "cv_lv_endocardium_mm_per_ms", 0.87)),
    "activation in cs": ("arrival_times", with_array(
        "activation/activation_time", lambda tau: tau / 10)),
    "usual durations": ("ecgs", lambda p: p.settings.update(
        apd_mean_ms=300.0, apd_apex_to_base_ms=0.0)),
    "ECG upside down": ("ecgs", of_potentials(np.negative)),
    "ECG in uV": ("ecgs", of_potentials(lambda values: 1e3 * values)),
    "potentials of electrodes in reverse": ("ecgs", with_array(
        "ecg/electrode_potential", lambda phi: phi[:, ::-1])),
    "leads I and II exchanged": ("leads", with_array("ecg/ecg", exchanged([0, 1]))),
    "V1 for V2 in the pseudo-ECG": ("leads", with_array("ecg/ecg_pseudo", exchanged([6, 7]))),
    "gradients of electrodes in reverse": ("samples", with_array("field/field_grad", backwards)),
    "gradients in 1/m": ("samples", with_array("field/field_grad", lambda grad: 1e3 * grad)),
    "distances positive inside": ("samples", with_array("sdf/sdf", np.negative)),
    "sheets for normals": ("samples", with_array("fibers/n0", np.negative)),
}  # fmt: skip
"""Planted fault -> the check that must name it, and how it is made."""


@pytest.fixture(scope="module")
def light(patient):
    """The patient with one scenario, and a coarse sweep: enough for coarse faults."""
    p = copy.copy(patient)
    p.arrays = dict(p.arrays)
    for name in ("scenario", "electrode_potential", "electrode_potential_pseudo"):
        p.arrays[f"ecg/{name}"] = p.arrays[f"ecg/{name}"][:1]
    for key in ("sdf/sdf_points", "sdf/sdf"):
        p.arrays[key] = p.arrays[key][::10]
    return p


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(recompute, "STEP_MS", 0.5)


@pytest.mark.parametrize("check", sorted({check for check, _ in FAULTS.values()} - {"leads"}))
def test_without_a_fault_nothing_is_named(light, coarse, check):
    assert getattr(recompute, check)(light) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(light, coarse, fault):
    check, change = FAULTS[fault]
    damaged = copy.copy(light)
    damaged.arrays, damaged.settings = dict(light.arrays), dict(light.settings)
    change(damaged)
    assert getattr(recompute, check)(damaged)


def test_mixed_splits_and_equal_patients_are_named(varied, patient, tmp_path):
    dataset = varied / "results/dataset/einthoven.zarr.zip"
    stores = sorted((varied / "results/dataset/patients").glob("*.zarr.zip"))
    patients = [recompute.Patient(path) for path in stores]
    patients[1].attrs["split"] = "train"
    named = " ".join(recompute.consolidated(dataset, patients))
    assert "split of p0001: val for train" in named and "splits ['train', 'train'" in named
    patients[0].arrays["field/field_grad"] = patients[2].arrays["field/field_grad"]
    assert "field/field_grad: the row of p0000" in " ".join(
        recompute.consolidated(dataset, patients)
    )
    patients[1].sigma = patients[0].sigma
    patients[2].settings["cv_fiber_mm_per_ms"] += 0.01
    named = " ".join(recompute.drawn(patients, varied / "results/cohort.csv"))
    assert "sigma_il_s_per_m is the same" in named and "p0002: cv_fiber_mm_per_ms" in named
    data = bytearray(patient.path.read_bytes())
    data[1000] ^= 1
    (tmp_path / "damaged.zip").write_bytes(data)
    assert recompute.seal(tmp_path / "damaged.zip") and not recompute.seal(patient.path)


@pytest.fixture(scope="module")
def prediction(varied):
    return load_arrays(varied / "results/predictions/operator/p0002.npz")


def leads_of(phi):
    """The twelve leads of potentials [electrode, time] of RA, LA, LL, V1 ... V6."""
    right, left, foot = phi[:3]
    limb = [left - right, foot - right, foot - left, right - (left + foot) / 2,
            left - (right + foot) / 2, foot - (left + right) / 2]  # fmt: skip
    return np.array([*limb, *(phi[3:9] - phi[:3].mean(axis=0))])


def test_ecg_of_a_prediction_is_that_of_its_gradients(prediction, patient, coarse):
    """By eq. (3) with the conductivities and durations that were drawn for the patient."""
    some = prediction["time"] < 150
    time, tau = (
        prediction["time"][some][::5],
        patient["activation/activation_time"][0].astype(float),
    )
    phi = recompute.potentials(patient, prediction["heart_grad"].astype(float), tau, time)
    found = prediction["electrode_potential"][0][:, some][:, ::5]
    assert np.abs(found - phi).max() < 0.03 * np.abs(phi).max()
    assert prediction["electrode_names"][:9].tolist() == "RA LA LL V1 V2 V3 V4 V5 V6".split()
    assert recompute.far(prediction["ecg"][0][:, some][:, ::5], leads_of(found)) < 1e-4


def test_sd_of_a_prediction_is_that_of_its_members_times_the_calibration(
    varied, prediction, patient, coarse
):
    from einthoven.base.config.models import LeadFieldSettings
    from einthoven.data.patient.patient import Patient
    from einthoven.learning.prediction.operator_predictor import OperatorPredictor
    from einthoven.learning.surrogate.operator.operator import OperatorEnsemble

    folder = varied / "results/surrogates/operator"
    stages = {k: varied / f"results/patients/p0002/{k}.npz" for k in ("anatomy", "mesh", "fibers")}
    body = Patient.of_files(**stages)
    sigma = LeadFieldSettings(**patient.sigma)
    one, other = (
        OperatorPredictor(OperatorEnsemble.load([folder / f"{member}model.safetensors"]))
        .predict(body, body.anatomy.electrodes(0, 10), sigma).heart_grad.astype(float)
        for member in ("", "member1/")
    )  # fmt: skip
    known = json.loads((folder / "uncertainty.json").read_text())
    mean, half = (one + other) / 2, (one - other) / 2
    assert recompute.far(prediction["heart_grad"], mean) < 1e-4
    across = np.linalg.norm(np.cross(mean, half), axis=2) / (mean**2).sum(axis=2)
    sd = np.minimum(known["factor"] * np.minimum(np.degrees(across), 90), 90)
    found = prediction["heart_sd_deg"]
    assert np.median(found / sd) == pytest.approx(1, rel=1e-2)
    time, tau = prediction["time"][25:60:5], patient["activation/activation_time"][0].astype(float)
    apart = leads_of(recompute.potentials(patient, one - other, tau, time)) / np.sqrt(2)
    ecg_sd = known["ecg_factor"] * np.abs(apart)
    assert recompute.far(prediction["ecg_sd"][0][:, 25:60:5], ecg_sd) < 0.05
