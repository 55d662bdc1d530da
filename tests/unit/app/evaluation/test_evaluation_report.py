"""From stage files to metrics.json: a small patient whose errors are known in advance."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.fem import oriented

from einthoven.app.evaluation.evaluate import PseudoLeadField, by_method, evaluate, imported_rows
from einthoven.app.evaluation.patient_errors import (
    ANGLE_LEVELS,
    Prediction,
    ReferenceFields,
    patient_errors,
)
from einthoven.app.evaluation.tables import spread, table
from einthoven.app.report.imported import imported_sections
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.files import load_arrays, read_json, save_arrays
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples
from einthoven.data.patient.stages import Ecg

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


SIGMA_TORSO = 0.06


def make_patient(root, name: str) -> Path:
    """One cube of six tetrahedra; all lead fields have horizontal gradients."""
    rng = np.random.default_rng(int(name[1:]))
    points = 10.0 * np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cells = oriented(points, np.array([[0, 4, 6, 7], [0, 4, 5, 7], [0, 2, 6, 7], [0, 2, 3, 7],
                                       [0, 1, 5, 7], [0, 1, 3, 7]]))  # fmt: skip
    slopes = rng.normal(size=(len(NAMES), 2))
    z = 1e-4 * slopes @ points[:, :2].T  # linear: its gradient is exact
    grad = np.zeros((len(NAMES), 5, 3))
    grad[..., :2] = 1e-4 * slopes[:, None]
    folder, electrodes = root / "patients" / name, rng.normal(size=(len(NAMES), 3)) + 50
    sdf = np.array([[-9, 3, 3, -1], [-9, 3, 3, -1], [-1, 30, 30, 9.9], [-1, 30, 30, 10.1],
                    [-1, 50, 50, 40]])  # fmt: skip
    stages = [
        TetMesh(
            patient=name, points=points, cells=cells.astype(np.int32),
            cell_tags=np.ones(6, np.int8), facets=cells[:3, :3].astype(np.int32),
            facet_tags=np.array([Surface.EPI, Surface.LV_ENDO, Surface.BASE], np.int8),
            n_heart_nodes=8, n_heart_cells=6,
        ),
        FieldSamples(
            patient=name, field_points=rng.normal(size=(5, 3)).astype(np.float32),
            field_cell=np.zeros(5, int), field_tissue=np.array([1, 1, 4, 4, 4]), field_sdf=sdf,
            field_fiber=np.zeros((5, 3)), field_grad=grad, electrode_names=NAMES,
            electrode_points=electrodes,
        ),
        Ecg(
            patient=name, time=TIME, scenario=np.array(["sinus", "lbbb"]), lead=np.array(LEADS),
            electrode_names=NAMES, ecg=beat(), electrode_potential=potential(),
            ecg_pseudo=beat(0.5), electrode_potential_pseudo=potential(0.5),
            source_energy=np.array([ENERGY, ENERGY]),
        ),
    ]  # fmt: skip
    for stage in stages:
        stage.save(folder / f"{stage.stage}.npz")
    for batch, some in enumerate((slice(4), slice(4, None))):
        LeadFields(
            patient=name, lead_field=z[some], electrode_names=NAMES[some],
            electrode_points=electrodes[some], residual=np.zeros(len(NAMES[some])),
        ).save(folder / f"leadfield_b{batch}.npz")  # fmt: skip
    return folder


def predict(root, method: str, folder, degrees: float, gain: float, **more):
    """A prediction that is turned about z and scaled; field points of the torso are exact."""
    patient = Patient.open(folder)
    grad = patient.lead_fields.gradients(patient.heart, "raw").grad
    guess = patient.field.field_grad.copy()
    guess[:, :2] = gain * guess[:, :2] @ turn(degrees).T
    path = root / "predictions" / method / f"{folder.name}.npz"
    arrays = {"heart_grad": gain * grad @ turn(degrees).T, "field_grad": guess,
              "ecg": gain * beat(), "electrode_potential": gain * potential(),
              "scenario": np.array(["sinus", "lbbb"]), "electrode_names": NAMES}  # fmt: skip
    attrs = more.pop("attrs", {"seconds_per_lead": 0.25})
    save_arrays(path, arrays | more, **attrs)
    return path


@pytest.fixture
def cohort(tmp_path):
    return tmp_path, [make_patient(tmp_path, name) for name in ("p0003", "p0007")]


def run(cohort, paths, gain=2.0):
    """metrics.json of prediction files {method}/{patient}.npz."""
    root, folders = cohort
    pseudo = PseudoLeadField(SIGMA_TORSO, gain)
    found = evaluate(map(Patient.open, folders), by_method(paths), pseudo, "raw")
    found.save(root / "metrics.json", root / "curves.npz", encoders={"pca": {"n_latent": 23}})
    return found.metrics


def test_known_errors_come_out(cohort) -> None:
    root, folders = cohort
    paths = [predict(root, "pca-mlp", f, degrees=10.0, gain=1.1) for f in folders]
    row = run(cohort, paths)["methods"]["pca-mlp"]
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
    stored = json.loads((root / "metrics.json").read_text())
    assert stored["methods"]["pca-mlp"] == row and stored["encoders"] == {"pca": {"n_latent": 23}}


def test_pseudo_rows_and_curves(cohort) -> None:
    root, folders = cohort
    paths = [predict(root, "pca-mlp", f, degrees=10.0, gain=1.0) for f in folders]
    report = run(cohort, paths)
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
    root, folders = cohort
    good = predict(root, "pca-mlp", folders[0], 10.0, 1.0)
    broken = root / "predictions/pca-refraction/p0003.npz"
    broken.parent.mkdir()
    broken.write_bytes(b"not a zip")
    other = predict(root, "pca-refraction", folders[1], 10.0, 1.0)
    row = run(cohort, [good, broken, other])["methods"]
    assert row["pca-mlp"]["n_patients"] == 1 and row["pca-mlp"]["n_missing"] == 1
    assert row["pca-mlp"]["missing_patients"] == {"p0007": "no prediction"}
    assert "not readable" in row["pca-refraction"]["missing_patients"]["p0003"]
    curves = load_arrays(root / "curves.npz")
    assert np.isnan(curves["electrode_deg/pca-mlp"][1]).all()
    with pytest.raises(BadInput, match="no usable prediction of pca-refraction"):
        run(cohort, [good, broken])


def test_disagreeing_files_are_refused(cohort) -> None:
    root, folders = cohort
    path = predict(root, "pca-mlp", folders[0], 10.0, 1.0)
    found = load_arrays(path)
    found["electrode_names"] = NAMES[::-1]
    save_arrays(path, found)
    second = predict(root, "pca-mlp", folders[1], 10.0, 1.0)
    missing = run(cohort, [path, second])["methods"]["pca-mlp"]["missing_patients"]
    assert "other electrode_names than the reference" in missing["p0003"]
    (folders[0] / "leadfield_b1.npz").unlink()
    with pytest.raises(BadInput, match="lead field and field name other electrodes"):
        run(cohort, [])


def test_pseudo_factor_is_the_ratio_of_mean_lengths_in_training_hearts(cohort) -> None:
    _, folders = cohort
    fields = [Patient.open(folder).field for folder in folders]
    true, formula = [], []
    for field in fields:
        for electrode, grad in zip(field.electrode_points, field.field_grad):
            for point, its in zip(field.field_points[:2], grad[:2]):  # those in the muscle
                true.append(np.linalg.norm(its))
                distance = np.linalg.norm(electrode - point)
                formula.append(1 / (4 * np.pi * SIGMA_TORSO * distance**2))
    found = PseudoLeadField.fitted(fields, SIGMA_TORSO)
    assert found.gain == pytest.approx(np.mean(true) / np.mean(formula), rel=1e-6)
    assert found.sigma_torso == SIGMA_TORSO
    with pytest.raises(BadInput, match="no training patients"):
        PseudoLeadField.fitted([], SIGMA_TORSO)


def test_every_error_against_plain_loops() -> None:
    """All numbers of a patient, with errors that differ by cell, electrode, lead and scenario."""
    rng = np.random.default_rng(11)
    n_cells, n_points, chest = 7, 6, [3, 4, 5, 6, 7, 8]
    true, body = (1e-4 * rng.normal(size=(10, n, 3)) for n in (n_cells, n_points))
    guess = true * (1 + 0.3 * rng.normal(size=true.shape))
    body_guess = body * (1 + 0.3 * rng.normal(size=body.shape))
    ecg = beat() * (1 + [[[0.1]], [[0.3]]] * rng.uniform(-1, 1, size=(2, 12, 1)))
    near = np.array([True, False, True, True, False, False])
    points = rng.normal(size=(4 * n_cells, 3))
    cells = oriented(points, np.arange(4 * n_cells).reshape(n_cells, 4))
    none = np.empty((0, 3), int)
    field = FieldSamples(
        patient="p0000", field_points=rng.normal(size=(n_points, 3)),
        field_cell=np.zeros(n_points, int), field_tissue=np.array([1, 4, 4, 4, 4, 4]),
        field_sdf=np.where(near, [[20.0], [20.0], [-5.0], [20.0]], 20.0).T,
        field_fiber=np.zeros((n_points, 3)), field_grad=body, electrode_names=NAMES,
        electrode_points=50 * rng.normal(size=(10, 3)),
    )  # fmt: skip
    measured = Ecg(
        patient="p0000", time=TIME, scenario=np.array(["sinus", "lbbb"]), electrode_names=NAMES,
        lead=np.array(LEADS), electrode_potential=potential(), ecg=beat(),
        source_energy=np.array([ENERGY, ENERGY]),
    )  # fmt: skip
    reference = ReferenceFields(Heart(points, cells, none, none[:, 0]), field, measured, true)
    prediction = Prediction(
        heart_grad=guess, field_grad=body_guess, ecg=ecg, potential=potential(1.01)
    )
    values = patient_errors(reference, prediction)

    def angle(a, b):
        return np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))

    angles = np.array([[angle(a, b) for a, b in zip(*rows)] for rows in zip(guess, true)])
    around = np.array([[angle(a, b) for a, b in zip(*rows)] for rows in zip(body_guess, body)])
    away, size = np.linalg.norm(guess - true, axis=2), np.linalg.norm(true, axis=2)
    leads = np.sqrt(((ecg - beat()) ** 2).sum(axis=2) / (beat() ** 2).sum(axis=2))
    peaks = np.ptp(ecg, axis=2) - np.ptp(beat(), axis=2)
    expected = {
        "angular_error_deg": angles.mean(),
        "angular_error_volume_weighted_deg": np.average(
            angles.mean(axis=0), weights=reference.heart.volumes
        ),
        "angular_error_precordial_deg": angles[chest].mean(),
        "angular_error_heart10_deg": around[:, near].mean(),
        "angular_error_torso_deg": around.mean(),
        "magnitude_error_kohm_per_mm": away.mean(),
        "magnitude_error_rel": (away / size).mean(),
        "ecg_rel_l2": leads.mean(),
        "ecg_rel_l2_sinus": leads[0].mean(),
        "ecg_rel_l2_lbbb": leads[1].mean(),
        "ecg_rel_mse": (leads**2).mean(),
        "qrs_amplitude_error_mv": np.abs(peaks).mean(),
    }
    assert set(expected) == set(values.values) - {"bound_sharpness_max", "qrs_duration_error_ms"}
    for key, value in expected.items():
        rel = 0.05 if "amplitude" in key else 1e-6  # the QRS is cut at a slope
        assert values.values[key] == pytest.approx(value, rel=rel), key
    np.testing.assert_allclose(values.electrode_deg, angles.mean(axis=1), rtol=1e-6)
    share = values.distributions["heart_deg"]
    assert share[np.searchsorted(ANGLE_LEVELS, np.median(angles))] == pytest.approx(0.5, abs=0.05)


def test_spread_is_that_of_the_population() -> None:
    assert spread([1.0, 3.0, 8.0]) == {
        "mean": 4.0,
        "std": pytest.approx(np.sqrt(26 / 3)),
        "n_patients": 3,
    }


def test_same_inputs_same_bytes(cohort) -> None:
    root, folders = cohort
    paths = [predict(root, "pca-mlp", f, degrees=3.0, gain=1.0) for f in folders]
    before = [run(cohort, paths) and (root / n).read_bytes()
              for n in ("metrics.json", "curves.npz")]  # fmt: skip
    run(cohort, paths)
    assert before == [(root / n).read_bytes() for n in ("metrics.json", "curves.npz")]
    assert read_json(root / "metrics.json")["patients"] == ["p0003", "p0007"]


def test_an_ecg_that_its_gradients_cannot_explain_is_refused(cohort) -> None:
    root, folders = cohort
    paths = [predict(root, "pca-mlp", f, degrees=0.0, gain=1.0 + 1e-9) for f in folders]
    found = dict(load_arrays(paths[0]))
    found["electrode_potential"] = found["electrode_potential"] + 1.0
    save_arrays(paths[0], found, **load_arrays(paths[0]).attrs)
    with pytest.raises(StepFailed, match="exceeds its bound"):
        run(cohort, paths)


def test_a_stated_uncertainty_is_judged_and_an_imported_patients_verdict_told(cohort) -> None:
    """Errors are 10 degrees everywhere; for four of six cells a large spread is stated."""
    root, folders = cohort
    check = {
        "in_distribution": False,
        "reasons": ["code_sd 9.0 (limit 5.0)"],
        "values": {},
        "limits": {},
    }
    sd = np.tile(np.float32([20, 20, 20, 20, 1, 1]), (len(NAMES), 1))
    attrs = {"n_members": 3, "out_of_distribution": check}
    told = [predict(root, "deepsdf-refraction", f, 10.0, 1.0, heart_sd_deg=sd, attrs=attrs)
            for f in folders]  # fmt: skip
    plain = [predict(root, "pca-refraction", f, degrees=10.0, gain=1.0) for f in folders]
    report = run(cohort, told + plain)
    row = report["methods"]["deepsdf-refraction"]
    assert row["coverage_90"]["mean"] == pytest.approx(4 / 6)
    assert row["sd_deg"]["mean"] == pytest.approx(82 / 6)
    assert "coverage_90" not in report["methods"]["pca-refraction"]
    curves = load_arrays(root / "curves.npz")
    assert curves["reliability/deepsdf-refraction"].shape == (2, 2, 10)
    np.testing.assert_allclose(curves["reliability/deepsdf-refraction"][:, 1], 10.0)
    assert "reliability/pca-refraction" not in curves
    pseudo = PseudoLeadField(SIGMA_TORSO, 2.0)
    found = imported_rows(map(Patient.open, folders), by_method(told), pseudo, "raw")
    assert found["out_of_distribution"]["p0003"] == {"deepsdf-refraction": check}
    imported = found | {"chamfer": []}
    (section,) = imported_sections(report | {"imported": imported})
    assert section.content[2].rows[0] == [
        "p0003",
        "deepsdf-refraction",
        "no",
        check["reasons"][0],
    ]
