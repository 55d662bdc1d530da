"""From surfaces to lead fields, ECG and check by a packed model, in one command."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.fem import bare_heart
from helpers.pretrained import COARSE, write_run

from einthoven.app.cli import main
from einthoven.base.config.load import load
from einthoven.base.config.models import AnatomySettings, CohortSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, read_json
from einthoven.base.core.tags import Surface
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck, hotelling_limit
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.data.patient.anatomy import Electrodes, Pose
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.prepare import prepared
from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
from einthoven.learning.prediction.torchscript import ABOUT_FILE
from einthoven.learning.samples.sdf import sdf_samples
from einthoven.learning.surrogate.inputs import patient_inputs
from einthoven.learning.surrogate.operator.inputs import HeartPoints, OperatorInputs
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.people_beats import shipped_beats
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.solve import solve_lead_fields


def _tool():
    path = Path(__file__).resolve().parents[2] / "tools/ship_model.py"
    spec = importlib.util.spec_from_file_location("ship_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ship_model"] = module
    spec.loader.exec_module(module)
    return module


tool = _tool()


@pytest.fixture(scope="module")
def shipped():
    return Pretrained.load()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Coarse meshes, a homogeneous heart, in a file as a user has it."""
    sections = json.loads(json.dumps(COARSE))
    sections["mesh"]["heart_edge_mm"] = 6.0
    sections["ecg"]["scenarios"] = ["sinus", "lbbb"]
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(yaml.safe_dump(sections))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A patient with nothing but surfaces."""
    path = tmp_path_factory.mktemp("patient")
    settings = AnatomySettings(**COARSE["anatomy"])
    build_anatomy(draw_patient(500, CohortSettings()), settings).save(path / "anatomy.npz")
    return path


@pytest.fixture(scope="module")
def predicted(config, folder, tmp_path_factory):
    """The command by the shipped model on the surfaces, with a check of all that it predicts."""
    to = tmp_path_factory.mktemp("first")
    command = ["predict", str(folder), "--to", str(to), "--grid", "1", "--config", str(config)]
    assert main([*command, "--check", "10"]) == 0
    shutil.copyfile(folder / "anatomy.npz", to / "anatomy.npz")
    return to


@pytest.fixture(scope="module")
def patient(predicted):
    return Patient.open(predicted)


def test_what_is_missing_is_made_and_files_are_as_stated(predicted):
    made = {file.name for file in predicted.iterdir()}
    stages = {"mesh", "fibers", "purkinje", "activation_sinus", "activation_lbbb", "prediction"}
    assert made >= {f"{stage}.npz" for stage in stages}
    assert made >= {"out_of_distribution.json", "check.json", "ecg_sinus.png"}
    assert "sdf.npz" not in made  # that is for a model with a code
    seconds = load_arrays(predicted / "prediction.npz").attrs
    assert all(seconds[f"seconds_{step}"] > 0 for step in ("mesh", "activations", "inputs", "ecg"))


def test_the_ecg_is_that_of_solved_lead_fields(predicted, patient):
    """Signs, units and frames of the whole path, against finite elements on the same mesh."""
    out, names = load_arrays(predicted / "prediction.npz"), patient.anatomy.site_names[:10]
    assert sorted(out["scenario"]) == ["lbbb", "sinus"] and out["ecg_sd"].min() >= 0
    electrodes = Electrodes(names, patient.anatomy.site_points[:10])
    assert out["electrode_names"].tolist() == names.tolist()
    solved = solve_lead_fields(patient, electrodes, LeadFieldSettings())
    true = solved.gradients(patient.heart).grad
    assert angular_error_deg(out["heart_grad"], true).mean() < 4  # on 6 mm hearts
    tau = patient.activation("sinus").activation_time
    muscle = bare_heart(patient.heart.points, patient.heart.cells)
    sigma = intracellular(patient.fibers.f0, LeadFieldSettings())
    potential = forward_potential(muscle, sigma, tau, true, out["time"], template(ECG_STEP_MS))
    leads = twelve_lead(names.tolist(), potential)
    found = out["ecg"][out["scenario"].tolist().index("sinus")]
    assert np.corrcoef(found.ravel(), leads.ravel())[0, 1] > 0.99
    relative = np.linalg.norm(found - leads, axis=1) / np.linalg.norm(leads, axis=1)
    check = read_json(predicted / "check.json")
    assert check["ecg_rel_l2"]["sinus"] == pytest.approx(relative.mean(), rel=1e-3)
    angle = angular_error_deg(out["heart_grad"], true).mean()
    assert check["angle_deg"] == pytest.approx(angle, rel=1e-3)
    assert sorted(check["electrodes"]) == sorted(names.tolist())


def test_gradients_sd_and_check_are_those_of_the_model(predicted, patient, shipped):
    out, electrodes = load_arrays(predicted / "prediction.npz"), patient.anatomy.site_points[:10]
    inputs = OperatorInputs.of(
        patient.anatomy, HeartPoints.of_cells(patient), electrodes, LeadFieldSettings()
    )
    grad, sd = shipped.operator.predict(inputs)
    grad = grad @ patient.anatomy.heart_rotation.T / LeadFieldSettings().sigma_torso_s_per_m
    np.testing.assert_allclose(out["heart_grad"], grad, rtol=0, atol=1e-5 * np.abs(grad).max())
    np.testing.assert_allclose(out["heart_sd_deg"], sd, rtol=1e-3)
    check = out.attrs["out_of_distribution"]
    stated = {"patient": "p0500", "expected_ecg": out.attrs["expected_ecg"]}
    assert read_json(predicted / "out_of_distribution.json") == check | stated
    assert check["values"]["sd_deg"] == pytest.approx(sd.mean(), rel=1e-4)


def test_a_tree_without_a_mesh_is_attached_to_a_new_one(predicted, config, tmp_path):
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    for stage in ("anatomy", "purkinje"):
        shutil.copyfile(predicted / f"{stage}.npz", source / f"{stage}.npz")
    made = prepared(source, to, load(config), ("mesh", "fibers"), fine=True).patient
    before, tree = Patient.open(predicted), Patient.open(to).purkinje
    assert len(made.heart.cells) > 2 * len(before.heart.cells)
    assert np.array_equal(tree.tree_points, before.purkinje.tree_points)
    ends = made.heart.surface_nodes(Surface.LV_ENDO)
    assert np.isin(tree.pmj_nodes[tree.pmj_side < 0], ends).all()
    times = made.activation("sinus").activation_time
    assert times.max() == pytest.approx(before.activation("sinus").activation_time.max(), rel=0.15)


def test_a_fine_mesh_is_refused_where_there_is_a_mesh(predicted, config, tmp_path):
    with pytest.raises(BadInput, match="has a mesh.npz, which is used as it is; --fine needs"):
        prepared(predicted, tmp_path / "to", load(config), ("mesh", "fibers"), fine=True)
    assert not (tmp_path / "to").exists()


def test_electrodes_of_a_file_are_moved_onto_the_skin_or_refused(predicted, tmp_path, capsys):
    body = load_arrays(predicted / "anatomy.npz")
    x, y, z = body["site_points"][4] + [0, -6, 0]
    csv = tmp_path / "places.csv"
    csv.write_text(f"name,x,y,z\nmine,{x},{y},{z}\n")
    command = ["predict", str(predicted), "--to", str(tmp_path), "--electrodes", str(csv)]
    assert main(command) == 0
    out = load_arrays(tmp_path / "prediction.npz")
    assert out["electrode_names"].tolist() == ["mine"] and "ecg" not in out
    assert 2 < np.linalg.norm(out["electrode_points"][0] - [x, y, z]) < 6.1
    csv.write_text(f"name,x,y,z\nmine,{x},{y - 60},{z}\n")
    assert main(command) == 2
    assert "mine lie up to" in capsys.readouterr().err
    assert main(["predict", str(predicted), "--to", str(tmp_path), "--code", "code.npz"]) == 2
    assert "takes no code of the anatomy" in capsys.readouterr().err


@pytest.mark.slow
def test_the_usual_beat_is_like_people_s_and_is_left_in_the_folder(predicted, config, tmp_path):
    to = tmp_path / "usual"
    command = ["predict", str(predicted), "--to", str(to), "--grid", "0", "--config", str(config)]
    assert main([*command, "--usual-beat"]) == 0
    before = (to / "activation_sinus.npz").read_bytes()
    assert main(["predict", str(to), "--to", str(to), "--usual-beat"]) == 2
    assert (to / "activation_sinus.npz").read_bytes() == before
    made, out = Patient.open(to), load_arrays(to / "prediction.npz")
    sinus, lbbb = (made.activation(name).activation_time for name in ("sinus", "lbbb"))
    np.testing.assert_array_equal(sinus, made.beat.fitted_time)
    np.testing.assert_array_equal(lbbb, Patient.open(predicted).activation("lbbb").activation_time)
    ecg = out["ecg"][out["scenario"].tolist().index("sinus")]
    qrs, own = shipped_beats().usual({}).window(0.0, 90), np.arange(-20.0, 100.0)
    leads = np.array([np.interp(own, out["time"], lead) for lead in ecg])
    alike = [np.corrcoef(qrs.ravel(), leads[:, k : k + 90].ravel())[0, 1] for k in range(30)]
    assert max(alike) > 0.95 and made.beat.qrs_correlation > 0.97


def test_the_usual_beat_is_refused_before_anything_is_predicted(
    predicted, config, tmp_path, monkeypatch, capsys
):
    def never(*given):
        raise AssertionError("it was predicted")

    monkeypatch.setattr("einthoven.learning.prediction.new_patient.predict_new", never)
    file = tmp_path / "few.csv"
    place = Patient.open(predicted).anatomy.electrodes(0, 1).points[0]
    file.write_text("name,x,y,z\nV1,{:.3f},{:.3f},{:.3f}\n".format(*place))
    command = ["predict", str(predicted), "--to", str(tmp_path / "to"), "--config", str(config)]
    assert main([*command, "--usual-beat", "--electrodes", str(file)]) == 2
    assert "needs the nine electrodes of the ECG" in capsys.readouterr().err


# --- packing ----------------------------------------------------------------------------------
def test_the_shipped_model_is_small_and_its_card_up_to_date(shipped):
    assert tool.size_mb(SHIPPED) < tool.LIMIT_MB
    assert f"{tool.BEGIN}{tool.section(shipped)}{tool.END}" in tool.CARD.read_text()


def test_an_operator_is_packed_with_its_figures(shipped, tmp_path):
    source = tmp_path / "trained"
    shutil.copytree(SHIPPED / "surrogate", source)
    (source / "curve.csv").write_text("epoch,loss,val_angular_error_deg\n1,0.5,\n2,0.25,3.5\n")
    row = {"angle_deg": 1.0, "rel": 0.05, "in_distribution": True}
    real = {"angle_deg": 4.0, "in_distribution": True}
    rows = {"p0001": row, "p0002": row | {"angle_deg": 2.0}, "anna": real}
    figures = {"n_train": 7, "patients": rows}
    found = tool.pack_operator(source, tmp_path / "packed", shipped.card["config"], figures)
    assert found.card["validation"]["val_angular_error_deg"] == 3.5
    assert found.config == shipped.config
    text = tool.section(found)
    assert "| 2 virtual bodies | 1.50 ± 0.71 | 0.050 ± 0.000 | 1.00 ± 0.00 |" in text
    assert "| anna | 4.00 | – | 1.00 |" in text
    card = tmp_path / "card.md"
    card.write_text(f"before\n{tool.BEGIN}old\n{tool.END}after\n")
    tool.write_card(found, card)
    assert card.read_text() == f"before\n{tool.BEGIN}{text}{tool.END}after\n"
    card.write_text("no markers")
    with pytest.raises(BadInput, match="has no markers"):
        tool.write_card(found, card)


# --- a model with a code ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def pair(run, tmp_path_factory):
    return tool.pack(run, tmp_path_factory.mktemp("packed") / "model")


def test_a_pair_is_asked_for_the_same_patient(pair, patient):
    assert pair.stages == ("mesh", "fibers", "sdf")
    known = patient.with_stages(sdf_samples(patient.anatomy, pair.config.sdf_samples))
    electrodes = patient.anatomy.electrodes(0, 3)
    found = pair.predict(known, electrodes, pair.config.leadfield)
    geometry = pair.encoder.geometry_of(found.latent)
    inputs = patient_inputs(geometry, patient.anatomy.pose, patient.heart.centroids,
                            patient.fibers.f0, electrodes.points)  # fmt: skip
    grad, sd = pair.surrogate.predict(inputs)
    np.testing.assert_array_equal(found.heart_grad, grad)
    np.testing.assert_array_equal(found.heart_sd_deg, sd)
    assert found.out_of_distribution["values"]["sd_deg"] == pytest.approx(sd.mean())
    with pytest.raises(BadInput, match="supports only the conductivities"):
        pair.predict(known, electrodes, LeadFieldSettings(sigma_torso_s_per_m=0.1))


def test_a_torchscript_file_gives_the_same_gradients(run, pair, folder, tmp_path, capsys):
    path = tmp_path / "model.pt"
    surrogate = run / "surrogates/deepsdf-refraction"
    assert main(["export-model", str(surrogate), "--to", str(path)]) == 0
    about = {ABOUT_FILE: ""}
    module = torch.jit.load(str(path), _extra_files=about)
    assert b'"model": "refraction"' in about[ABOUT_FILE]
    body, rng = load_arrays(folder / "anatomy.npz"), np.random.default_rng(0)
    code = pair.encoder.latents.latent[0]
    pose = Pose(*(body[key] for key in Pose._fields))
    for n_points, n_electrodes in ((700, 200), (1, 1), (65, 9)):  # the first in several blocks
        points = body["heart_origin"] + rng.uniform(-40, 40, (n_points, 3))
        fiber = rng.normal(size=(n_points, 3))
        fiber[::2] = 0.0
        electrodes = body["site_points"][:n_electrodes]
        inputs = patient_inputs(pair.encoder.geometry_of(code), pose, points, fiber, electrodes)
        expected, _ = pair.surrogate.predict(inputs)
        given = (points, fiber, electrodes, code, *pose)
        tensors = [torch.as_tensor(np.asarray(value, np.float32)) for value in given]
        found = module(*tensors).numpy()
        error = np.linalg.norm(found - expected, axis=-1)
        assert (error <= 1e-5 * np.linalg.norm(expected, axis=-1).mean()).all()
    with torch.no_grad(), pytest.raises(torch.jit.Error, match="outside of no_grad"):
        module(*tensors)
    assert main(["export-model", str(run / "surrogates/pca-refraction"), "--to", str(path)]) == 2
    assert "whose code decodes" in capsys.readouterr().err


def test_packing_a_pair_copies_only_what_the_model_needs(run, pair, tmp_path):
    files = {str(file.relative_to(pair.folder)) for file in pair.folder.rglob("*.*")}
    assert files == {
        "card.json", "encoder/model.safetensors", "encoder/latents.npz", "encoder/validation.json",
        "surrogate/model.safetensors", "surrogate/member1/model.safetensors",
        "surrogate/uncertainty.json",
    }  # fmt: skip
    assert pair.encoder.latents.split == ("train",) * 3
    assert pair.card["validation"]["val_angular_error_deg"] == 3.5
    assert pair.config.mesh.heart_edge_mm == COARSE["mesh"]["heart_edge_mm"]
    (tmp_path / "mine.txt").write_text("not a model")
    with pytest.raises(BadInput, match="is not empty and holds no packed model"):
        tool.pack(run, tmp_path)
    with pytest.raises(BadInput, match="no packed model"):
        Pretrained.load(tmp_path)
    (tmp_path / "card.json").write_text('{"model": "oracle"}')
    with pytest.raises(BadInput, match="'oracle' is none of operator, refraction, mlp"):
        Pretrained.load(tmp_path)
    damaged = pair.folder.parent / "damaged"
    tool.pack(run, damaged)
    file = damaged / "surrogate/model.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\1\1\1\1")
    with pytest.raises(BadInput, match="checksum"):
        Pretrained.load(damaged)


# --- verdicts ---------------------------------------------------------------------------------
@pytest.mark.parametrize("d, n", [(4, 12), (8, 40)])
def test_the_limit_of_the_distance_holds_for_new_codes(d, n):
    """99 % of draws beside n known ones; chi-square's limit would hold for far fewer."""
    rng = np.random.default_rng(0)
    below = []
    for _ in range(4000):
        codes, new = rng.normal(size=(n, d)), rng.normal(size=d)
        away = new - codes.mean(axis=0)
        below.append(away @ np.linalg.solve(np.cov(codes.T), away) <= hotelling_limit(d, n) ** 2)
    assert np.mean(below) == pytest.approx(0.99, abs=0.005)
    assert hotelling_limit(d, 10**6) == pytest.approx(hotelling_limit(d, d), rel=1e-3)  # chi-square


def test_a_check_names_what_exceeds_its_limit():
    limits = {"code_sd": 5.0, "misfit_lv_mm": 1.0}
    check = OutOfDistributionCheck({"code_sd": 3.0, "misfit_lv_mm": 0.5}, limits)
    assert check.in_distribution
    told = check.with_sd(7.0, 2.0)
    assert not told.in_distribution and told.reasons == ["sd_deg 7.0 (limit 4.0)"]
    assert OutOfDistributionCheck.from_json(told.to_json()) == told
    assert not check.with_sd(7.0, float("nan")).in_distribution  # an unknown limit is none
