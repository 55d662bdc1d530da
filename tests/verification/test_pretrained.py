"""From surfaces to lead fields, ECG and check by a packed model, in one command."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers_fem import bare_heart
from helpers_imported_hearts import (
    boundary_of_a_tetrahedral_heart,
    mean_of_a_real_atlas,
    write_dalhousie_patient,
)
from helpers_pretrained import COARSE, write_run

from einthoven.anatomy.body import build_anatomy
from einthoven.anatomy.population.cohort import draw_patient
from einthoven.cli import main
from einthoven.config.models import Anatomy, Cohort, Leadfield, SdfSamples
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, read_json, save_arrays
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.encoders.deepsdf.out_of_distribution import distance_limit
from einthoven.encoders.imported_code import ImportedCode
from einthoven.imported.anatomy import import_patient
from einthoven.leadfield.conductivity import intracellular
from einthoven.metrics.fields import angular_error_deg
from einthoven.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.patient.activation import Activation
from einthoven.patient.anatomy import Pose
from einthoven.prediction.pretrained import SHIPPED, Pretrained
from einthoven.prediction.torchscript import ABOUT_FILE
from einthoven.samples.sdf import sample_sdf
from einthoven.surrogate.inputs import patient_inputs


def _tool():
    path = Path(__file__).resolve().parents[2] / "tools/ship_model.py"
    spec = importlib.util.spec_from_file_location("ship_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ship_model"] = module
    spec.loader.exec_module(module)
    return module


tool = _tool()


def anatomy_of(index, coarse=False, **coeffs):
    """A new patient of the shape models."""
    config = Anatomy(pose="engblom", **COARSE["anatomy"] if coarse else {})  # the shipped model's
    return build_anatomy(replace(draw_patient(index, Cohort()), **coeffs), config)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    return tool.pack(run, tmp_path_factory.mktemp("packed") / "model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A patient with nothing but surfaces."""
    path = tmp_path_factory.mktemp("patient")
    anatomy_of(500, coarse=True).save(path / "anatomy.npz")
    return path


@pytest.fixture(scope="module")
def predicted(packed, folder, tmp_path_factory):
    """The command on the surfaces; then on what it made, with an activation."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    model = ["--model", str(packed.folder)]
    assert main(["predict", str(folder), "--to", str(first), "--grid", "3", *model]) == 0
    mesh = load_arrays(first / "mesh.npz")
    anatomy = load_arrays(folder / "anatomy.npz")
    save_arrays(first / "anatomy.npz", anatomy, **anatomy.attrs)
    z = mesh["points"][: mesh.attrs["n_heart_nodes"], 2]
    Activation(patient="p0500", scenario="sinus", activation_time=z - z.min(),
               source_nodes=np.array([z.argmin()]), source_times=np.zeros(1)).save(
        first / "activation_sinus.npz")  # fmt: skip
    assert main(["predict", str(first), "--to", str(second), "--grid", "3", *model]) == 0
    return first, second


def test_what_is_missing_is_made_and_files_are_as_stated(predicted):
    first, second = predicted
    made = {file.name for file in first.iterdir()}
    assert made >= {"mesh.npz", "fibers.npz", "prediction.npz", "out_of_distribution.json",
                    "uncertainty.png"}  # fmt: skip
    assert "ecg" not in load_arrays(first / "prediction.npz")
    assert not (second / "mesh.npz").exists() and (second / "ecg_sinus.png").stat().st_size > 5000
    a, b = (load_arrays(path / "prediction.npz") for path in predicted)
    np.testing.assert_array_equal(a["heart_grad"], b["heart_grad"])


def test_gradients_sd_and_ecg_are_those_of_the_model(predicted, packed):
    first, second = predicted
    out, body = load_arrays(second / "prediction.npz"), load_arrays(first / "anatomy.npz")
    mesh, f0 = load_arrays(first / "mesh.npz"), load_arrays(first / "fibers.npz")["f0"]
    points = mesh["points"][: mesh.attrs["n_heart_nodes"]]
    cells = mesh["cells"][: mesh.attrs["n_heart_cells"]]
    geometry = packed.encoder.geometry_of(out["latent"])
    pose = Pose(*(body[key] for key in Pose._fields))
    electrodes = body["site_points"][:12]
    inputs = patient_inputs(geometry, pose, points[cells].mean(axis=1), f0, electrodes)
    grad, sd = packed.surrogate.predict(inputs)
    np.testing.assert_array_equal(out["heart_grad"], grad)
    np.testing.assert_array_equal(out["heart_sd_deg"], sd)
    tau = load_arrays(first / "activation_sinus.npz")["activation_time"]
    muscle = bare_heart(points, cells)
    potential = forward_potential(muscle, intracellular(f0, Leadfield()), tau, grad,
                                  out["time"], template(ECG_STEP_MS))  # fmt: skip
    leads = twelve_lead(list(out["electrode_names"]), potential)
    np.testing.assert_allclose(out["ecg"][0], leads, rtol=1e-4, atol=1e-6)
    check = out.attrs["out_of_distribution"]
    assert read_json(second / "out_of_distribution.json") == check | {"patient": "p0500"}
    assert check["values"]["sd_deg"] == pytest.approx(sd.mean())


def test_electrodes_of_a_file_are_moved_onto_the_skin_or_refused(
    predicted, packed, tmp_path, capsys
):
    folder = predicted[0]
    body = load_arrays(folder / "anatomy.npz")
    x, y, z = body["site_points"][4] + [0, -6, 0]
    csv = tmp_path / "places.csv"
    csv.write_text(f"name,x,y,z\nmine,{x},{y},{z}\n")
    command = ["predict", str(folder), "--to", str(tmp_path), "--electrodes", str(csv),
               "--model", str(packed.folder)]  # fmt: skip
    assert main(command) == 0
    out = load_arrays(tmp_path / "prediction.npz")
    assert out["electrode_names"].tolist() == ["mine"] and "ecg" not in out
    assert 2 < np.linalg.norm(out["electrode_points"][0] - [x, y, z]) < 6.1
    csv.write_text(f"name,x,y,z\nmine,{x},{y - 60},{z}\n")
    assert main(command) == 2
    assert "mine lie up to" in capsys.readouterr().err


def test_a_torchscript_file_gives_the_same_gradients(run, packed, folder, tmp_path, capsys):
    path = tmp_path / "model.pt"
    surrogate = run / "surrogates/deepsdf-refraction"
    assert main(["export-model", str(surrogate), "--to", str(path)]) == 0
    about = {ABOUT_FILE: ""}
    module = torch.jit.load(str(path), _extra_files=about)
    assert b'"model": "refraction"' in about[ABOUT_FILE]
    body, rng = load_arrays(folder / "anatomy.npz"), np.random.default_rng(0)
    code = packed.encoder.latents.latent[0]
    pose = Pose(*(body[key] for key in Pose._fields))
    for n_points, n_electrodes in ((700, 200), (1, 1), (65, 9)):  # the first in several blocks
        points = body["heart_origin"] + rng.uniform(-40, 40, (n_points, 3))
        fiber = rng.normal(size=(n_points, 3))
        fiber[::2] = 0.0
        electrodes = body["site_points"][:n_electrodes]
        inputs = patient_inputs(packed.encoder.geometry_of(code), pose, points, fiber, electrodes)
        expected, _ = packed.surrogate.predict(inputs)
        given = (points, fiber, electrodes, code, *pose)
        tensors = [torch.as_tensor(np.asarray(value, np.float32)) for value in given]
        found = module(*tensors).numpy()
        error = np.linalg.norm(found - expected, axis=-1)
        assert (error <= 1e-5 * np.linalg.norm(expected, axis=-1).mean()).all()
    with torch.no_grad(), pytest.raises(torch.jit.Error, match="outside of no_grad"):
        module(*tensors)
    assert main(["export-model", str(run / "surrogates/pca-refraction"), "--to", str(path)]) == 2
    assert "whose code decodes" in capsys.readouterr().err


def test_packing_copies_only_what_the_model_needs(run, packed, tmp_path):
    files = {str(file.relative_to(packed.folder)) for file in packed.folder.rglob("*.*")}
    assert files == {
        "card.json", "encoder/model.safetensors", "encoder/latents.npz", "encoder/validation.json",
        "surrogate/model.safetensors", "surrogate/member1/model.safetensors",
        "surrogate/uncertainty.json",
    }  # fmt: skip
    assert packed.encoder.latents.split == ("train",) * 3
    assert packed.card["validation"]["val_angular_error_deg"] == 3.5
    assert packed.config.mesh.heart_edge_mm == COARSE["mesh"]["heart_edge_mm"]
    (tmp_path / "mine.txt").write_text("not a model")
    with pytest.raises(BadInput, match="is not empty and holds no packed model"):
        tool.pack(run, tmp_path)
    with pytest.raises(BadInput, match="no packed model"):
        Pretrained.load(tmp_path)
    damaged = packed.folder.parent / "damaged"
    tool.pack(run, damaged)
    file = damaged / "surrogate/model.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\1\1\1\1")
    with pytest.raises(BadInput, match="checksum"):
        Pretrained.load(damaged)


def test_the_card_is_written_between_its_markers(packed, tmp_path):
    card = tmp_path / "card.md"
    card.write_text(f"before\n{tool.BEGIN}old\n{tool.END}after\n")
    tool.write_card(packed, card)
    text = card.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| **shipped model** | 1.25 ± 0.50 | – | – | 1.2500 ± 0.5000 |" in text
    assert "the mean of 2 networks" in text and "lv 0.50 ± 0.10" in text
    card.write_text("no markers")
    with pytest.raises(BadInput, match="has no markers"):
        tool.write_card(packed, card)


# --- verdicts ---------------------------------------------------------------------------------
@pytest.mark.parametrize("d, n", [(4, 12), (8, 40)])
def test_the_limit_of_the_distance_holds_for_new_codes(d, n):
    """99 % of draws beside n known ones; chi-square's limit would hold for far fewer."""
    rng = np.random.default_rng(0)
    below = []
    for _ in range(4000):
        codes, new = rng.normal(size=(n, d)), rng.normal(size=d)
        away = new - codes.mean(axis=0)
        below.append(away @ np.linalg.solve(np.cov(codes.T), away) <= distance_limit(d, n) ** 2)
    assert np.mean(below) == pytest.approx(0.99, abs=0.005)
    assert distance_limit(d, 10**6) == pytest.approx(distance_limit(d, d), rel=1e-3)  # chi-square


def test_a_check_names_what_exceeds_its_limit():
    limits = {"code_sd": 5.0, "misfit_lv_mm": 1.0}
    check = OutOfDistributionCheck({"code_sd": 3.0, "misfit_lv_mm": 0.5}, limits)
    assert check.in_distribution
    told = check.with_sd(7.0, 2.0)
    assert not told.in_distribution and told.reasons == ["sd_deg 7.0 (limit 4.0)"]
    assert OutOfDistributionCheck.from_json(told.to_json()) == told
    assert not check.with_sd(7.0, float("nan")).in_distribution  # an unknown limit is none


@pytest.fixture(scope="module")
def shipped():
    if not SHIPPED.exists():
        pytest.skip("no model is packed yet: python tools/ship_model.py results")
    return Pretrained.load()


def check_of(model, anatomy):
    samples = sample_sdf(anatomy.surfaces, np.random.default_rng(0), SdfSamples())
    return ImportedCode.of_samples(model.encoder, *samples).check


def test_the_shipped_model_is_small_and_its_card_up_to_date(shipped):
    assert tool.size_mb(SHIPPED) < tool.LIMIT_MB
    assert f"{tool.BEGIN}{tool.section(shipped)}{tool.END}" in tool.CARD.read_text()


def test_bfloat16_changes_hundredths_of_a_degree_and_neither_code_nor_check(
    predicted, shipped, tmp_path
):
    command = ["predict", str(predicted[0]), "--grid", "40"]
    for name, options in (("exact", []), ("fast", ["--fast"])):
        assert main([*command, "--to", str(tmp_path / name), *options]) == 0
    exact, fast = (load_arrays(tmp_path / name / "prediction.npz") for name in ("exact", "fast"))
    np.testing.assert_array_equal(fast["latent"], exact["latent"])
    assert fast.attrs["out_of_distribution"] == exact.attrs["out_of_distribution"]
    angle = angular_error_deg(fast["heart_grad"], exact["heart_grad"])
    assert 0.005 < angle.mean() < 0.15
    away = np.linalg.norm(fast["heart_grad"] - exact["heart_grad"], axis=-1)
    assert away.mean() < 0.003 * np.linalg.norm(exact["heart_grad"], axis=-1).mean()


@pytest.mark.slow
@pytest.mark.parametrize("index", range(900, 906))
def test_new_draws_of_the_shape_models_are_in_distribution(shipped, index):
    check = check_of(shipped, anatomy_of(index))
    assert check.in_distribution, check.reasons


@pytest.mark.slow
@pytest.mark.parametrize("signs", [(1, 1, 1, 1, 1), (1, -1, 1, -1, 1)])
def test_an_anatomy_at_three_standard_deviations_is_not(shipped, signs):
    """In the torso's first modes and in the heart's size; more modes at once make no heart."""
    torso = {"torso_coeffs": [3.0 * sign for sign in signs] + [0.0] * 5}
    heart = {"heart_coeffs": [3.0] + [0.0] * 9}
    assert not check_of(shipped, anatomy_of(900, **torso, **heart)).in_distribution


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bai", "llnl"])
def test_real_hearts_in_the_dalhousie_torso_are_not(shipped, tmp_path, name):
    """There the demo's refraction model errs by 20 degrees and more."""
    heart = {
        "bai": mean_of_a_real_atlas, "llnl": lambda: (*boundary_of_a_tetrahedral_heart(), None),
    }[name]()  # fmt: skip
    row = write_dalhousie_patient(tmp_path, heart)
    anatomy = import_patient(row, tmp_path / "defect.png", Anatomy())
    check = check_of(shipped, anatomy)
    assert not check.in_distribution
    assert {reason.split()[0] for reason in check.reasons} >= {"code_sd", "misfit_torso_mm"}
