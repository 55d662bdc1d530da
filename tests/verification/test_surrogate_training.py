"""Training on closed-form lead fields: what is learned, and what it depends on."""

import helpers.surrogate as balls
import numpy as np
import pytest
import torch

from einthoven.base.config.learning import MlpSettings, RefractionSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.fields import angular_error_deg, magnitude_error_rel
from einthoven.learning.surrogate.ensemble import predict_gradient
from einthoven.learning.surrogate.networks import NETWORKS, load_network
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.split_samples import SplitSamples
from einthoven.learning.surrogate.train import SurrogateTask, search_surrogate, train_surrogate
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE
from einthoven.numerics.training.schedule import Schedule

COMMON = dict(width=48, n_frequencies=8, epochs=3, points_per_batch=64, electrodes_per_batch=0,
              batch_patients=4)  # fmt: skip
CONFIGS = {"mlp": MlpSettings(**COMMON, lambda_cos=1.0),
           "refraction": RefractionSettings(**COMMON, rank=8, code_at_electrodes=True)}  # fmt: skip
MODELS = ("mlp", "refraction")
BEND = np.array([[0.9, 0.2, 0.0], [-0.1, 0.5, 0.15], [0.1, 0.0, 0.3]])


def store(folder, patients, splits):
    path = folder / "einthoven.zarr.zip"
    return path, balls.write_ball_store(path, patients, splits)


@pytest.fixture(scope="module")
def cohort():
    patients = [balls.ball_patient(i, n_points=200, n_electrodes=6, bend=BEND) for i in range(10)]
    return patients, ["train"] * 7 + ["val"] + ["test"] * 2


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(0.4 * np.eye(3), id="factor", marks=pytest.mark.slow),
        pytest.param(BEND, id="matrix"),
    ],
)
def test_refraction_learns_a_linear_map_of_the_incident_field(bend, tmp_path) -> None:
    """Held-out balls, turned at will: in the heart, grad Z = bend @ homogeneous closed form."""
    patients = [balls.ball_patient(i, n_points=300, n_electrodes=8, bend=bend) for i in range(14)]
    path, encoder = store(tmp_path, patients, ["train"] * 12 + ["test"] * 2)
    config = CONFIGS["refraction"].model_copy(update=dict(epochs=130, width=64))
    train_surrogate("refraction", config, encoder, path, tmp_path)
    net = load_network(tmp_path / "model.safetensors", "refraction")
    for sample in SplitSamples(path, encoder, "test"):
        inputs, true = sample.inputs.at(sample.heart), sample.grad[:, sample.heart].numpy()
        mine = predict_gradient(net, inputs)
        assert angular_error_deg(mine, true).mean() < 2.0
        assert magnitude_error_rel(mine, true).mean() < 0.05
        with torch.no_grad():
            tensor, _ = net.trunk_outputs(balls.Inputs.stack([inputs]))
        learned = tensor[0].mean(dim=0) * net.gain * 2 * np.pi * balls.SIGMA
        np.testing.assert_allclose(learned, bend, atol=0.08)


@pytest.mark.parametrize(
    ("model", "steps", "bound_deg"), [("mlp", 600, 2.0), ("refraction", 200, 0.5)]
)
def test_can_overfit_one_batch(model: str, steps: int, bound_deg: float, tmp_path) -> None:
    """32 points of one patient, again and again: the error all but vanishes."""
    patient = balls.ball_patient(0, n_points=32, n_electrodes=6, bend=BEND)
    path, encoder = store(tmp_path, [patient], ["train"])
    one = SplitSamples(path, encoder, "train")
    torch.manual_seed(0)
    changed = dict(width=128, rank=16, frequency_scale=1.0, points_per_batch=32)
    config = CONFIGS[model].model_copy(update=changed)
    net = NETWORKS[model](config, 5)
    net.fit_scales(one)
    task = SurrogateTask(net, one, one, config)
    with torch.no_grad():
        before = task.validate()["val_angular_error_deg"]
    fit(task, Schedule(steps, 0.003), TrainingRun("overfit", seed=0, validate_every=0))
    after = angular_error_deg(predict_gradient(net, one[0].inputs), one[0].grad.numpy()).mean()
    assert after < bound_deg and after < before / 5


@pytest.mark.parametrize("model", MODELS)
def test_same_seed_same_bytes_and_other_seed_others(model: str, cohort, tmp_path) -> None:
    path, encoder = store(tmp_path, *cohort)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = CONFIGS[model].model_copy(update=dict(seed=seed))
        train_surrogate(model, config, encoder, path, tmp_path / name)
    read = lambda run, file: (tmp_path / run / file).read_bytes()  # noqa: E731
    for file in ("model.safetensors", "curve.csv"):
        assert read("a", file) == read("b", file) != read("c", file)


@pytest.mark.parametrize("model", MODELS)
def test_test_patients_leave_no_trace(model: str, cohort, tmp_path) -> None:
    """Other test (and validation) patients, bit-identical weights; other training patients, not."""
    patients, splits = cohort
    other = [balls.ball_patient(i, n_points=200, n_electrodes=6, seed=9) for i in range(10)]
    weights = {}
    for name, swapped in (("same", ()), ("test", ("val", "test")), ("train", ("train",))):
        mixed = [o if s in swapped else p for p, o, s in zip(patients, other, splits)]
        (tmp_path / name).mkdir()
        path, encoder = store(tmp_path / name, mixed, splits)
        train_surrogate(model, CONFIGS[model], encoder, path, tmp_path / name)
        weights[name] = (tmp_path / name / "model.safetensors").read_bytes()
    assert weights["same"] == weights["test"] != weights["train"]


@pytest.mark.parametrize("model", MODELS)
def test_loaded_network_predicts_what_the_trained_one_did(model: str, cohort, tmp_path) -> None:
    path, encoder = store(tmp_path, *cohort)
    train_surrogate(model, CONFIGS[model], encoder, path, tmp_path)
    sample = SplitSamples(path, encoder, "test")[0]
    first = load_network(tmp_path / "model.safetensors", model)
    again = load_network(tmp_path / "model.safetensors", model)
    out = predict_gradient(first, sample.inputs)
    np.testing.assert_array_equal(predict_gradient(again, sample.inputs), out)
    # and not an untrained one
    fresh = NETWORKS[model](CONFIGS[model], 5)
    assert not np.allclose(predict_gradient(fresh, sample.inputs), out, rtol=0.1)
    with pytest.raises(BadInput, match="expected"):
        load_network(tmp_path / "model.safetensors", "mlp" if model != "mlp" else "refraction")


def test_a_search_returns_the_best_of_its_trials(cohort, tmp_path) -> None:
    path, encoder = store(tmp_path, *cohort)
    config = CONFIGS["refraction"].model_copy(update=dict(epochs=1, width=8, rank=2))
    found = search_surrogate("refraction", config, encoder, path, 2, ONE_CORE)
    values = [trial.pop("value") for trial in found.trials]
    assert len(values) == 2 and found.value == min(values)
    best = found.trials[values.index(found.value)]
    assert found.config == config.model_copy(update=best)
    assert best.keys() == Refraction.search_space.keys()


def test_a_split_without_patients_is_refused(cohort, tmp_path) -> None:
    path, encoder = store(tmp_path, cohort[0], ["test"] * 10)
    with pytest.raises(BadInput, match="split train"):
        train_surrogate("mlp", CONFIGS["mlp"], encoder, path, tmp_path)


def test_nan_in_a_target_names_the_patient(cohort, tmp_path) -> None:
    patients = [dict(p) for p in cohort[0]]
    patients[3]["grad"] = np.full_like(patients[3]["grad"], np.nan)
    path, encoder = store(tmp_path, patients, cohort[1])
    with pytest.raises(BadInput, match="p0003: field_grad"):
        train_surrogate("mlp", CONFIGS["mlp"], encoder, path, tmp_path)


def test_a_store_of_another_kind_is_refused(cohort, tmp_path) -> None:
    from einthoven.data.dataset.store import new_store

    path = tmp_path / "other.zarr.zip"
    with new_store(path, {}) as root:
        root.create_group("field")
    with pytest.raises(BadInput, match=f"^{path}: has no variable split"):
        SplitSamples(path, balls.BallEncoder({}), "train")
