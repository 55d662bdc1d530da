"""A prediction file: gradients where the contract wants them, and the ECG that follows."""

import helpers_surrogate as balls
import numpy as np
import pytest
from einthoven.prediction.held_out import predict_patient
from helpers_fem import bare_heart

from einthoven.config.learning import MlpModel, RefractionModel
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.surrogate.ensemble import Surrogate
from einthoven.surrogate.train import train_surrogate

COMMON = dict(width=32, n_frequencies=4, epochs=2, points_per_batch=64, electrodes_per_batch=0,
              batch_patients=2)  # fmt: skip
CONFIGS = {"mlp": MlpModel(**COMMON), "refraction": RefractionModel(**COMMON, rank=8)}
TIME = np.arange(-10.0, 100.0, 2.0)
TEMPLATE = (np.arange(0.0, 60.0, 1.0), -80 + 100 * np.clip(np.arange(60.0) / 5, 0, 1))


@pytest.fixture(scope="module", params=["mlp", "refraction"])
def predicted(request, tmp_path_factory):
    """A trained model and its prediction for a one-cube heart."""
    root = tmp_path_factory.mktemp("predict")
    patients = [balls.ball_patient(i, n_points=120, n_electrodes=9) for i in range(4)]
    splits = ["train", "train", "train", "test"]
    encoder = balls.write_ball_store(root / "store.zarr.zip", patients, splits)
    model, store = request.param, root / "store.zarr.zip"
    train_surrogate(model, CONFIGS[model], encoder, store, root / "model")
    patient, folder = patients[3], root / "p0003"
    corners = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = patient["heart_origin"] + 10.0 * (corners - 0.5)
    cells = np.array([[0, 4, 6, 7], [0, 4, 5, 7], [0, 2, 6, 7], [0, 2, 3, 7], [0, 1, 5, 7],
                      [0, 1, 3, 7]])  # fmt: skip
    fiber = np.tile([0.0, 0.6, 0.8], (6, 1))
    save_arrays(folder / "anatomy.npz", {
        k: patient[k] for k in ("heart_rotation", "heart_origin", "torso_box")
        }, patient="p0003")  # fmt: skip
    save_arrays(folder / "mesh.npz", {"points": points, "cells": cells},
                n_heart_nodes=8, n_heart_cells=6)  # fmt: skip
    save_arrays(folder / "fibers.npz", {"f0": fiber})
    save_arrays(folder / "field.npz",
                {"field_points": patient["points"], "field_fiber": patient["fiber"],
                 "electrode_points": patient["electrode_points"],
                 "electrode_names": np.array(STANDARD_ELECTRODES)})  # fmt: skip
    for name, axis in (("sinus", 0), ("lbbb", 2)):
        tau = points[:, axis] - points[:, axis].min()
        save_arrays(folder / f"activation_{name}.npz", {"activation_time": tau})
    sigma_i = 0.03 * np.eye(3) + 0.27 * fiber[:, :, None] * fiber[:, None]
    arguments = dict(
        surrogate=Surrogate.of_folder(root / "model", request.param), encoder=encoder,
        model=request.param, patient_dir=folder,
        activation={n: folder / f"activation_{n}.npz" for n in ("sinus", "lbbb")},
        sigma_i=sigma_i, time=TIME, template=TEMPLATE,
    )  # fmt: skip
    predict_patient(out_path=root / "out.npz", **arguments)
    return root, arguments, points, cells


def test_ecg_is_the_forward_ecg_of_the_predicted_gradient(predicted) -> None:
    root, arguments, points, cells = predicted
    out = load_arrays(root / "out.npz")
    assert out["heart_grad"].shape == (9, 6, 3) and out["field_grad"].shape == (9, 120, 3)
    assert list(out["scenario"]) == ["sinus", "lbbb"]
    for k, path in enumerate(arguments["activation"].values()):
        tau = load_arrays(path)["activation_time"]
        potential = forward_potential(bare_heart(points, cells), arguments["sigma_i"], tau,
                                      out["heart_grad"], TIME, TEMPLATE)  # fmt: skip
        np.testing.assert_allclose(out["electrode_potential"][k], potential, rtol=1e-4, atol=1e-7)
        leads = twelve_lead(list(out["electrode_names"]), potential)
        np.testing.assert_allclose(out["ecg"][k], leads, rtol=1e-4, atol=1e-7)
    assert np.ptp(out["ecg"]) > 0


def test_timing_is_stated_with_its_parts(predicted) -> None:
    attrs = load_arrays(predicted[0] / "out.npz").attrs
    parts = attrs["seconds_inputs"] + attrs["seconds_network"]
    assert attrs["seconds_per_lead"] == pytest.approx(parts / 9)
    assert attrs["seconds_single_lead"] > attrs["seconds_inputs"] > 0
    assert attrs["n_points"] == 6 and attrs["threads"] == 1


def test_arrays_are_reproducible(predicted) -> None:
    root, arguments, *_ = predicted
    predict_patient(out_path=root / "again.npz", **arguments)
    first, again = load_arrays(root / "out.npz"), load_arrays(root / "again.npz")
    for name, values in first.items():
        np.testing.assert_array_equal(again[name], values)


def test_fibres_of_another_mesh_are_refused(predicted) -> None:
    root, arguments, *_ = predicted
    folder = root / "wrong"
    for file in ("anatomy", "mesh", "field"):
        arrays = load_arrays(arguments["patient_dir"] / f"{file}.npz")
        save_arrays(folder / f"{file}.npz", arrays, **arrays.attrs)
    save_arrays(folder / "fibers.npz", {"f0": np.zeros((5, 3))})
    with pytest.raises(BadInput, match="f0: shape"):
        predict_patient(out_path=root / "bad.npz", **(arguments | dict(patient_dir=folder)))
    assert not (root / "bad.npz").exists()
