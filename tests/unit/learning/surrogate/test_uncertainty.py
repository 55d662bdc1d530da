"""SD of an ensemble: closed forms, calibration of a known distribution, refusals."""

import importlib.util
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.surrogate import ball_patient, inputs_of, write_ball_store
from torch import nn

from einthoven.app.report.results import COLUMNS, uncertainty_sections
from einthoven.base.config.learning import RefractionSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.metrics.predicted_error import ECG_SD, SD
from einthoven.base.metrics.reliability import bound_ratio, calibration_metrics, reliability
from einthoven.base.plots.errors import reliability_figure
from einthoven.learning.surrogate.calibration import calibrate
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.members import (
    angular_deviation_deg,
    member_files,
    read_calibration,
)
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.split_samples import PatientSample, SplitSamples
from einthoven.numerics.training.tensors import save_model

CONFIG = RefractionSettings(width=8, rank=2)


class Tilted(nn.Module):
    """The direction to the electrode, turned by a fixed small vector (per point, per seed)."""

    pairs_per_block = 2**18

    def __init__(self, seed, scale=0.05):
        super().__init__()
        self.seed, self.scale = seed, scale

    def forward(self, inputs):
        u = inputs.electrodes[:, :, None] - inputs.points[:, None]
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(u.shape, generator=generator)
        return u + self.scale * u.norm(dim=-1, keepdim=True) * noise


def sample_of(index, seed):
    patient = ball_patient(index, n_points=300, n_electrodes=4)
    inputs = inputs_of(index, patient)
    inside = np.flatnonzero(patient["tissue"] == 1)
    heart = torch.as_tensor(inside)
    truth = Tilted(seed)(type(inputs).stack([inputs.at(heart)]))[0]
    grad = torch.zeros(4, 300, 3)
    grad[:, heart] = truth
    return PatientSample(inputs, grad, heart, heart[:0])


def test_deviation_is_the_angle_per_axis_and_knows_no_length():
    rng = np.random.default_rng(0)
    along = np.array([0.0, 0, 3.0])
    tilt = 3.0 * np.tan(np.radians(2.0)) * rng.normal(size=(4000, 50, 3)) * [1, 1, 0]
    grads = along + tilt
    np.testing.assert_allclose(angular_deviation_deg(grads), 2.0, rtol=0.03)
    lengths = np.linspace(0.5, 2, 5)[:, None, None]
    np.testing.assert_allclose(angular_deviation_deg(lengths * along[None, None]), 0, atol=1e-6)
    assert angular_deviation_deg(np.stack([grads[0], -grads[0]])).max() == 90.0


@pytest.mark.parametrize("n_members", [2, 3, 8])
def test_bounds_hold_for_truths_that_are_one_more_draw(n_members):
    """Angle to the members' mean, in units of the deviation of one draw from it."""
    rng = np.random.default_rng(1)
    members = rng.normal(size=(n_members, 40000, 2))
    truth = rng.normal(size=(40000, 2)) * np.sqrt(1 / (1 + 1 / n_members))
    error = np.linalg.norm(truth - members.mean(0) * np.sqrt(1 / (1 + 1 / n_members)), axis=1)
    sd = np.sqrt(np.square(members - members.mean(0)).sum((0, 2)) / (2 * (n_members - 1)))
    found = calibration_metrics(error, sd, n_members)
    assert found["coverage_50"] == pytest.approx(0.5, abs=0.01)
    assert found["coverage_90"] == pytest.approx(0.9, abs=0.01)


def test_calibration_finds_a_hidden_factor_and_serves_new_patients():
    members = SurrogateEnsemble([Tilted(seed, 0.02) for seed in (1, 2, 3, 4)])
    found = calibrate(members, [sample_of(i, seed=100 + i) for i in range(3)])
    assert found["factor"] == pytest.approx(2.5 * np.sqrt((1 + 0.16 / 4) / 1), rel=0.1)
    assert found["coverage_50"] == pytest.approx(0.5, abs=1e-3)
    calibrated = SurrogateEnsemble(members.networks, found["factor"])
    new = sample_of(7, seed=300)
    mean, sd = calibrated.predict(new.inputs.at(new.heart))
    error = angular_error_deg(mean, new.grad[:, new.heart].numpy())
    judged = calibration_metrics(error, sd, 4)
    assert judged["coverage_50"] == pytest.approx(0.5, abs=0.06)
    assert judged["coverage_90"] == pytest.approx(0.9, abs=0.04)
    assert reliability(error, sd, 4).shape == (2, 10)


def test_rank_correlation_and_groups_follow_the_sd():
    rng = np.random.default_rng(2)
    sd = rng.uniform(0.5, 5, 20000)
    error = sd * np.linalg.norm(rng.normal(size=(20000, 2)), axis=1)
    assert calibration_metrics(error, sd, 50)["sd_rank_correlation"] > 0.5
    unrelated = calibration_metrics(rng.permutation(error), sd, 50)["sd_rank_correlation"]
    assert abs(unrelated) < 0.05
    stated, measured = reliability(error, sd, 1000)
    np.testing.assert_allclose(measured, stated, rtol=0.06)


def test_one_network_states_no_uncertainty():
    with pytest.raises(BadInput, match="one network has no SD"):
        bound_ratio(0.5, 1)
    with pytest.raises(BadInput, match="one network has no SD"):
        calibrate(SurrogateEnsemble([Tilted(1)]), [sample_of(0, 1)])
    inputs = inputs_of(0, ball_patient(0, n_points=20))
    assert SurrogateEnsemble([Tilted(1)]).predict(inputs)[1] is None


def test_an_ensemble_comes_from_its_folder_with_its_factor(tmp_path):
    with pytest.raises(BadInput, match="no such model"):
        SurrogateEnsemble.of_folder(tmp_path, "refraction")
    with pytest.raises(BadInput, match="no file of a network"):
        SurrogateEnsemble.load([], "refraction")
    for folder in (tmp_path, tmp_path / "member1", tmp_path / "member3"):
        network = Refraction(CONFIG, 5)
        save_model(folder / "model.safetensors", network.state_dict(), kind="refraction",
                   config=CONFIG.model_dump(), data_sha256="",
                   package="einthoven.learning.surrogate", n_latent=5, encoder="balls",
                   constants=network.constants)  # fmt: skip
    assert len(member_files(tmp_path)) == 2  # member2 is not there
    write_json(tmp_path / "uncertainty.json", {"n_members": 2, "factor": 2.0, "sd_deg": 1})
    assert SurrogateEnsemble.of_folder(tmp_path, "refraction").factor == 2.0
    write_json(tmp_path / "uncertainty.json", {"n_members": 3, "factor": 2.0})
    with pytest.raises(BadInput, match="calibrated with 3 networks, here are 2"):
        SurrogateEnsemble.of_folder(tmp_path, "refraction")


@pytest.mark.parametrize("entry, other", [("error", "ecg_error"), ("ecg_error", "error")])
def test_exchanged_errors_of_directions_and_ecgs_are_refused(tmp_path, entry, other):
    numbers = {"slope": 1.0, "intercept": 0.0, "low": -0.1, "high": 0.1}
    known = {"error": numbers | {"sd": SD, "limits": {SD: 4.0}},
             "ecg_error": numbers | {"sd": ECG_SD, "limits": {ECG_SD: 0.2}}}  # fmt: skip
    found = {"n_members": 3, "factor": 2.0, "sd_deg": 1.0}
    write_json(tmp_path / "right.json", found | known)
    assert read_calibration(tmp_path / "right.json", 3).ecg_error.sd == ECG_SD
    write_json(tmp_path / "wrong.json", found | {entry: known[other]})
    with pytest.raises(BadInput, match=f"wrong.json: {entry}: errors by '{known[other]['sd']}'"):
        read_calibration(tmp_path / "wrong.json", 3)


def test_report_has_the_section_only_where_something_is_stated():
    rng = np.random.default_rng(3)
    row = {key: {"mean": 1.0, "std": 0.1} for key in COLUMNS.values()}
    metrics = {"methods": {"deepsdf-refraction": row, "pseudo": {}}}
    assert uncertainty_sections(metrics, {"levels_deg": np.zeros(3)}) == []
    curves = {"reliability/deepsdf-refraction": rng.uniform(1, 2, (3, 2, 10))}
    (section,) = uncertainty_sections(metrics, curves)
    assert len(section.content[0].rows) == 1 and section.content[0].rows[0][1] == "1 ± 0.1"
    line = reliability_figure({"x": curves["reliability/deepsdf-refraction"]}).axes[0].lines[-1]
    stated = curves["reliability/deepsdf-refraction"][:, 0].mean(axis=0)
    np.testing.assert_allclose(line.get_xdata(), stated)


def test_script_calibrates_on_validation_patients_alone(tmp_path, monkeypatch):
    """Three splits whose errors differ: the factor is that of the second."""
    patients = [ball_patient(i, n_points=100, n_electrodes=4) for i in range(3)]
    for scale, patient in zip((0.01, 0.1, 0.4), patients):
        rng = np.random.default_rng(1)
        size = np.linalg.norm(patient["grad"], axis=-1, keepdims=True)
        patient["grad"] = patient["grad"] + scale * size * rng.normal(size=patient["grad"].shape)
    encoder = write_ball_store(tmp_path / "store.zarr.zip", patients, ["train", "val", "test"])
    path = Path(__file__).parents[4] / "workflow/scripts/uncertainty.py"
    spec = importlib.util.spec_from_file_location("uncertainty_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    members = SurrogateEnsemble([Tilted(seed) for seed in (1, 2, 3)])
    monkeypatch.setattr(script, "encoder_class", lambda _: SimpleNamespace(load=lambda *_: encoder))
    monkeypatch.setattr(script, "SurrogateEnsemble", SimpleNamespace(load=lambda *_: members))
    files = SimpleNamespace(
        anatomies=["patients/p0001/anatomy.npz"], encoder="encoders/balls/model.safetensors",
        surrogate=[], store=tmp_path / "store.zarr.zip",
    )  # fmt: skip
    params, log = SimpleNamespace(encoder="balls", model="x"), logging.getLogger("test")
    script.main(files, [tmp_path / "out.json"], params, log)
    by_split = {
        split: calibrate(members, SplitSamples(files.store, encoder, split))
        for split in ("train", "val", "test")
    }
    found = read_json(tmp_path / "out.json")
    assert found == by_split["val"] and found["n_patients"] == 1
    factors = [its["factor"] for its in by_split.values()]
    assert factors[0] != pytest.approx(factors[1], rel=0.02) != factors[2]
