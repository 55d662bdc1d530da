"""From stage files to metrics.json: a small patient whose errors are known in advance."""

import json

import numpy as np
import pytest

from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.files import load_arrays, read_json, save_arrays
from einthoven.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.evaluation.evaluate import evaluate, pseudo_gain
from einthoven.evaluation.imported import imported_rows
from einthoven.evaluation.tables import table
from einthoven.geometry.simplex import cell_gradient, p1_gradients
from einthoven.report.imported import imported_sections

NAMES = np.array([*STANDARD_ELECTRODES, "A000"])
TIME = np.arange(0.0, 200.0, 1.0)


def turn(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def beat(amplitude: float = 1.0) -> np.ndarray:
    """[scenario, lead, time]: a triangular QRS from 50 to 130 ms."""
    shape = np.clip(1 - np.abs(TIME - 90) / 40, 0, None)
    return amplitude * np.outer(np.arange(1, 13), shape)[None].repeat(2, axis=0) / 10


ENERGY = 1e9
"""C_Vm, large enough for every error that these tests make."""


def potential(amplitude: float = 1.0) -> np.ndarray:
    """[scenario, electrode, time] mV."""
    shape = np.clip(1 - np.abs(TIME - 90) / 40, 0, None)
    return amplitude * np.broadcast_to(shape, (2, len(NAMES), len(TIME)))


def pseudo(points: np.ndarray, electrodes: np.ndarray) -> np.ndarray:
    """Stands in for formula (11): a constant field along x."""
    return np.broadcast_to([1e-4, 0, 0], (len(electrodes), len(points), 3))


def make_patient(root, name: str):
    """One cube of six tetrahedra; all lead fields have horizontal gradients."""
    rng = np.random.default_rng(int(name[1:]))
    points = 10.0 * np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cells = np.array([[0, 4, 6, 7], [0, 4, 5, 7], [0, 2, 6, 7], [0, 2, 3, 7], [0, 1, 5, 7],
                      [0, 1, 3, 7]])  # fmt: skip
    slopes = rng.normal(size=(len(NAMES), 2))
    z = 1e-4 * slopes @ points[:, :2].T  # linear: its gradient is exact
    grad = np.zeros((len(NAMES), 5, 3))
    grad[..., :2] = 1e-4 * slopes[:, None]
    folder = root / "patients" / name
    electrodes = rng.normal(size=(len(NAMES), 3)) + 50
    save_arrays(folder / "mesh.npz", {"points": points, "cells": cells},
                n_heart_nodes=8, n_heart_cells=6, patient=name)  # fmt: skip
    save_arrays(folder / "field.npz", {
        "field_points": rng.normal(size=(5, 3)), "field_grad": grad, "electrode_names": NAMES,
        "electrode_points": electrodes,
        "field_tissue": np.array([1, 1, 4, 4, 4]),
        "field_sdf": np.array([[-9, 3, 3, -1], [-9, 3, 3, -1], [-1, 30, 30, 9.9],
                               [-1, 30, 30, 10.1], [-1, 50, 50, 40]])})  # fmt: skip
    save_arrays(folder / "ecg.npz", {"ecg": beat(), "ecg_pseudo": beat(0.5), "time": TIME,
                "electrode_potential": potential(), "electrode_potential_pseudo": potential(0.5),
                "source_energy": np.array([ENERGY, ENERGY]),
                "lead": np.array(LEADS), "scenario": np.array(["sinus", "lbbb"])})  # fmt: skip
    save_arrays(folder / "leadfield_b0.npz", {"lead_field": z[:4], "electrode_names": NAMES[:4]})
    save_arrays(folder / "leadfield_b1.npz", {"lead_field": z[4:], "electrode_names": NAMES[4:]})
    return folder


def predict(root, method: str, folder, degrees: float, gain: float):
    """A prediction that is turned about z and scaled; field points of the torso are exact."""
    name = folder.name
    mesh, field = load_arrays(folder / "mesh.npz"), load_arrays(folder / "field.npz")
    z = np.concatenate([load_arrays(folder / f"leadfield_b{b}.npz")["lead_field"] for b in (0, 1)])
    grad = cell_gradient(p1_gradients(mesh["points"], mesh["cells"]), mesh["cells"], z)
    guess = field["field_grad"].copy()
    guess[:, :2] = gain * guess[:, :2] @ turn(degrees).T
    path = root / "predictions" / method / f"{name}.npz"
    save_arrays(path, {"heart_grad": gain * grad @ turn(degrees).T, "field_grad": guess,
                "ecg": gain * beat(), "electrode_potential": gain * potential(),
                "scenario": np.array(["sinus", "lbbb"]),
                "electrode_names": NAMES}, seconds_per_lead=0.25)  # fmt: skip
    return path


@pytest.fixture
def cohort(tmp_path):
    folders = [make_patient(tmp_path, name) for name in ("p0003", "p0007")]
    return tmp_path, folders, [[f / "leadfield_b0.npz", f / "leadfield_b1.npz"] for f in folders]


def run(cohort, predictions):
    root, folders, leadfields = cohort
    return evaluate(folders, leadfields, predictions, pseudo, 2.0, root / "metrics.json",
                    root / "curves.npz", {"pca": {"n_latent": 23}}, "raw")  # fmt: skip


def test_known_errors_come_out(cohort) -> None:
    root, folders, _ = cohort
    paths = [predict(root, "pca-mlp", f, degrees=10.0, gain=1.1) for f in folders]
    row = run(cohort, {"pca-mlp": paths})["methods"]["pca-mlp"]
    expected = {
        "angular_error_deg": 10.0,
        "angular_error_volume_weighted_deg": 10.0,
        "angular_error_precordial_deg": 10.0,
        "angular_error_heart10_deg": 10.0 * 2 / 3,  # two points turned, one at 9.9 mm exact
        "angular_error_torso_deg": 10.0 * 2 / 5,
        "magnitude_error_rel": np.sqrt(1 + 1.1**2 - 2.2 * np.cos(np.radians(10))),
        "ecg_rel_l2": 0.1,
        "ecg_rel_l2_lbbb": 0.1,
        "ecg_rel_mse": 0.01,
        "qrs_amplitude_error_mv": 0.1 * np.mean(np.arange(1, 13) / 10),
        "qrs_duration_error_ms": 0.0,
        "seconds_per_lead": 0.25,
    }
    for key, value in expected.items():
        assert row[key]["mean"] == pytest.approx(value, rel=2e-2, abs=1e-6), key
        assert row[key]["n_patients"] == 2 and row[key]["std"] < 1e-6
    assert json.loads((root / "metrics.json").read_text())["methods"]["pca-mlp"] == row


def test_pseudo_rows_and_curves(cohort) -> None:
    root, folders, _ = cohort
    paths = [predict(root, "pca-mlp", f, degrees=10.0, gain=1.0) for f in folders]
    report = run(cohort, {"pca-mlp": paths})
    plain, scaled = (report["methods"][m] for m in ("pseudo", "pseudo-scaled"))
    assert plain["ecg_rel_l2"]["mean"] == pytest.approx(0.5)
    assert scaled["ecg_rel_l2"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert plain["angular_error_deg"] == pytest.approx(scaled["angular_error_deg"])
    assert "seconds_per_lead" not in plain
    curves = load_arrays(root / "curves.npz")
    np.testing.assert_allclose(curves["electrode_deg/pca-mlp"], np.full((2, 10), 10.0))
    share = curves["cdf_heart_deg/pca-mlp"]
    assert share.shape == (2, len(curves["levels_deg"]))
    assert (share[:, curves["levels_deg"] < 9.9] == 0).all() and (share[:, -1] == 1).all()
    header, rows = table(report)
    assert all(len(row) == len(header) for row in rows) and len(rows) == 3


def test_missing_and_broken_predictions_are_named(cohort) -> None:
    root, folders, _ = cohort
    good = predict(root, "pca-mlp", folders[0], 10.0, 1.0)
    broken = root / "broken.npz"
    broken.write_bytes(b"not a zip")
    row = run(cohort, {"pca-mlp": [good, root / "absent.npz"],
                       "pca-refraction": [broken, good]})["methods"]  # fmt: skip
    assert row["pca-mlp"]["n_patients"] == 1 and row["pca-mlp"]["n_missing"] == 1
    assert "no such file" in row["pca-mlp"]["missing_patients"]["p0007"]
    assert "not readable" in row["pca-refraction"]["missing_patients"]["p0003"]
    curves = load_arrays(root / "curves.npz")
    assert np.isnan(curves["electrode_deg/pca-mlp"][1]).all()
    with pytest.raises(BadInput, match="no usable prediction of deepsdf-mlp"):
        run(cohort, {"deepsdf-mlp": [broken, broken]})


def test_disagreeing_files_are_refused(cohort) -> None:
    root, folders, leadfields = cohort
    with pytest.raises(BadInput, match="other electrodes"):
        evaluate(folders, [batches[:1] for batches in leadfields], {}, pseudo, 1.0,
                 root / "metrics.json", root / "curves.npz")  # fmt: skip


def test_pseudo_gain_is_the_ratio_of_lengths(cohort) -> None:
    _, folders, _ = cohort
    fields = [load_arrays(f / "field.npz")["field_grad"][:, :2] for f in folders]
    expected = np.mean([np.linalg.norm(g, axis=-1).mean() for g in fields]) / 1e-4
    assert pseudo_gain([f / "field.npz" for f in folders], pseudo) == pytest.approx(expected)


def test_same_inputs_same_bytes(cohort) -> None:
    root, folders, _ = cohort
    paths = [predict(root, "pca-mlp", f, degrees=3.0, gain=1.0) for f in folders]
    before = [run(cohort, {"pca-mlp": paths}) and (root / n).read_bytes()
              for n in ("metrics.json", "curves.npz")]  # fmt: skip
    run(cohort, {"pca-mlp": paths})
    assert before == [(root / n).read_bytes() for n in ("metrics.json", "curves.npz")]
    assert read_json(root / "metrics.json")["patients"] == ["p0003", "p0007"]


def test_an_ecg_that_its_gradients_cannot_explain_is_refused(cohort) -> None:
    root, folders, _ = cohort
    paths = [predict(root, "pca-mlp", f, degrees=0.0, gain=1.0 + 1e-9) for f in folders]
    found = dict(load_arrays(paths[0]))
    found["electrode_potential"] = found["electrode_potential"] + 1.0
    save_arrays(paths[0], found, **load_arrays(paths[0]).attrs)
    with pytest.raises(StepFailed, match="exceeds its bound"):
        run(cohort, {"pca-mlp": paths})


def test_a_stated_uncertainty_is_judged_and_an_imported_patients_verdict_told(cohort) -> None:
    """Errors are 10 degrees everywhere; for four of six cells a large spread is stated."""
    root, folders, leadfields = cohort
    check = {
        "in_distribution": False,
        "reasons": ["code_sd 9.0 (limit 5.0)"],
        "values": {},
        "limits": {},
    }
    paths = []
    for folder in folders:
        path = predict(root, "deepsdf-refraction", folder, degrees=10.0, gain=1.0)
        sd = np.tile(np.float32([20, 20, 20, 20, 1, 1]), (len(NAMES), 1))
        arrays = load_arrays(path)
        attrs = {"n_members": 3, "out_of_distribution": check}
        save_arrays(path, {**arrays, "heart_sd_deg": sd}, **attrs)
        paths.append(path)
    plain = [predict(root, "pca-refraction", f, degrees=10.0, gain=1.0) for f in folders]
    report = run(cohort, {"deepsdf-refraction": paths, "pca-refraction": plain})
    row = report["methods"]["deepsdf-refraction"]
    assert row["coverage_90"]["mean"] == pytest.approx(4 / 6)
    assert row["sd_deg"]["mean"] == pytest.approx(82 / 6)
    assert "coverage_90" not in report["methods"]["pca-refraction"]
    curves = load_arrays(root / "curves.npz")
    assert curves["reliability/deepsdf-refraction"].shape == (2, 2, 10)
    np.testing.assert_allclose(curves["reliability/deepsdf-refraction"][:, 1], 10.0)
    assert "reliability/pca-refraction" not in curves
    found = imported_rows(
        dict(zip(folders, leadfields)),
        {"deepsdf-refraction": {f.name: p for f, p in zip(folders, paths)}}, pseudo, 2.0, "raw",
    )  # fmt: skip
    assert found["out_of_distribution"]["p0003"] == {"deepsdf-refraction": check}
    imported = found | {"chamfer": []}
    (section,) = imported_sections({"imported": imported})
    assert section.content[2].rows[0] == [
        "p0003",
        "deepsdf-refraction",
        "no",
        check["reasons"][0],
    ]
