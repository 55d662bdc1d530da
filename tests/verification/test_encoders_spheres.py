"""DeepSDF on spheres: what it must recover is known exactly."""

import dataclasses

import numpy as np
import pytest
import pyvista
import torch
from helpers.encoders import BODY_MM, CONFIG, nested_spheres, sphere_distances, sphere_samples

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.deepsdf.from_points import (
    SurfacePoints,
    code_from_points,
    code_from_surfaces,
    decoded_surfaces,
)

RADII = [38.0, 41.0, 44.0, 47.0, 50.0, 53.0, 56.0, 45.5, 52.0]
SPLITS = ["train"] * 7 + ["val", "test"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[DeepSdfEncoder, object]:
    folder = tmp_path_factory.mktemp("deepsdf")
    samples = sphere_samples(RADII, SPLITS)
    encoder = DeepSdfEncoder.of_samples(samples, CONFIG, folder)
    encoder.save(folder)
    return encoder, folder


@pytest.mark.parametrize(("patient", "radius"), [("p0007", 45.5), ("p0008", 52.0)])
def test_unseen_radius_is_recovered(trained, patient: str, radius: float) -> None:
    encoder, _ = trained
    grid = Grid.around(np.array([[-radius] * 3, [radius] * 3]), 40)
    heart = encoder.signed_distances(patient, grid.points())[:, 3]
    contour, _ = grid.contour(heart)
    found = np.linalg.norm(contour, axis=1)
    assert found.mean() == pytest.approx(radius, abs=0.5)
    assert found.std() < 1.0
    # what the training mean would give is off by more: the code carries the radius
    assert abs(found.mean() - np.mean(RADII[:7])) > 1.0


def test_gradients_match_differences_and_point_outwards(trained) -> None:
    encoder, _ = trained
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(200, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = 52.0 * direction
    _, gradient = encoder.geometry("p0008").distances(points)
    h = 0.05
    for axis in range(3):
        step = h * np.eye(3)[axis]
        ahead = encoder.signed_distances("p0008", points + step)
        behind = encoder.signed_distances("p0008", points - step)
        difference = (ahead.astype(float) - behind) / (2 * h)
        np.testing.assert_allclose(gradient[..., axis], difference, atol=5e-3)
    unit = gradient[:, 3] / np.linalg.norm(gradient[:, 3], axis=1, keepdims=True)
    assert np.mean(np.sum(unit * direction, axis=1)) > 0.99


def test_reload_gives_equal_outputs(trained) -> None:
    encoder, folder = trained
    again = DeepSdfEncoder.load(folder)
    points = np.random.default_rng(1).uniform(-100, 100, (500, 3))
    for patient in ("p0000", "p0008"):
        assert np.array_equal(
            encoder.signed_distances(patient, points), again.signed_distances(patient, points)
        )
    truth = sphere_distances(points.astype(np.float32), 47.5)
    assert np.array_equal(encoder.infer(points, truth), again.infer(points, truth))


def test_same_seed_same_bytes_and_no_leakage(tmp_path) -> None:
    """Other test and validation shapes change no byte of the model, only their own codes."""
    config = CONFIG.model_copy(update=dict(epochs=4, infer_points=64))
    samples = sphere_samples(RADII, SPLITS)
    altered = samples.sdf.copy()
    altered[7:] += 7.0
    points = samples.points.copy()
    points[7:] *= 1.1
    files, codes = [], []
    for run, data in enumerate(
        [samples, samples, dataclasses.replace(samples, sdf=altered, points=points)]
    ):
        folder = tmp_path / str(run)
        encoder = DeepSdfEncoder.of_samples(data, config, folder)
        encoder.save(folder)
        files.append((folder / "model.safetensors").read_bytes())
        codes.append(encoder.latents.latent)
    assert files[0] == files[1] == files[2]
    assert np.array_equal(codes[0], codes[1])
    assert np.array_equal(codes[0][:7], codes[2][:7])
    assert not np.array_equal(codes[0][7:], codes[2][7:])


def test_codes_of_training_patients_are_inferred_like_all_others(trained) -> None:
    encoder, _ = trained
    samples, n = sphere_samples(RADII, SPLITS), CONFIG.infer_points
    for row in (0, 8):
        inferred = encoder.infer(samples.points[row, :n], samples.sdf[row, :n])
        assert np.array_equal(inferred, encoder.latents.latent[row])


def test_further_shapes_teach_the_decoder_and_have_no_code(tmp_path) -> None:
    cohort = sphere_samples(RADII[:3], ["train", "train", "test"], n=800)
    more = sphere_samples(RADII[3:7], ["train"] * 4, n=600).of("train")
    config = CONFIG.model_copy(update=dict(epochs=2))
    with_shapes, alone = (
        DeepSdfEncoder.of_samples(cohort, config, tmp_path / str(k), shapes)
        for k, shapes in enumerate([more, None])
    )
    assert with_shapes.latents.patient == alone.latents.patient == cohort.patient
    assert (with_shapes.prior.n_codes, alone.prior.n_codes) == (6, 2)
    assert with_shapes.data_sha256 != alone.data_sha256


def test_another_seed_gives_another_model(tmp_path) -> None:
    samples = sphere_samples(RADII[:3], SPLITS[:3], n=500)
    configs = [CONFIG.model_copy(update=dict(epochs=2, seed=seed)) for seed in (1, 2)]
    encoders = [DeepSdfEncoder.of_samples(samples, config, tmp_path) for config in configs]
    codes = [encoder.latents.latent for encoder in encoders]
    assert not np.array_equal(codes[0], codes[1])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_do_not_depend_on_the_callers_autograd_mode(trained, context) -> None:
    encoder, _ = trained
    points = np.random.default_rng(3).normal(size=(50, 3)) * 40
    plain = encoder.geometry("p0007").distances(points)
    with context():
        inside = encoder.geometry("p0007").distances(points)
    for ours, theirs in zip(plain, inside):
        np.testing.assert_array_equal(ours, theirs)


# --- points on surfaces ---------------------------------------------------------------------
def points_on_spheres(radius, counts, seed=0, noise_mm=0.0) -> SurfacePoints:
    """So many points on body, LV, RV and heart of the sphere of that radius."""
    rng = np.random.default_rng(seed)
    centres = [(0, 0, 0), (-0.45 * radius, 0, 0), (0.45 * radius, 0, 0), (0, 0, 0)]
    radii = [BODY_MM, 0.3 * radius, 0.3 * radius, radius]
    found, names = [], []
    for name, count, centre, r in zip(("torso", "lv", "rv", "epi"), counts, centres, radii):
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        found.append(np.array(centre) + r * direction + rng.normal(0, noise_mm, (count, 3)))
        names += [name] * count
    return SurfacePoints(np.concatenate(found), np.array(names))


def heart_radius(encoder, latent) -> float:
    points, _ = decoded_surfaces(encoder, latent, 32)["epi"]
    return float(np.linalg.norm(points - points.mean(axis=0), axis=1).mean())


@pytest.mark.parametrize("counts", [(30, 30, 30, 30), (0, 0, 0, 40), (0, 40, 0, 0)])
def test_points_on_some_surfaces_give_the_whole(trained, counts) -> None:
    """Cavities and heart grow together in this cohort, so that either tells the other's size."""
    encoder, _ = trained
    found = code_from_points(encoder, points_on_spheres(53.0, counts), 0.0)
    assert heart_radius(encoder, found.latent) == pytest.approx(53.0, abs=1.5)
    assert set(found.misfit_mm) == {
        name for name, count in zip(("torso", "lv", "rv", "epi"), counts) if count
    }
    assert max(found.misfit_mm.values()) < 1.0


def test_the_noisier_the_points_the_nearer_the_mean(trained) -> None:
    """A strictly convex trade: the prior's share of the posterior falls as points get worse."""
    encoder, _ = trained
    given = points_on_spheres(55.0, (5, 5, 5, 5))
    away = []
    for noise in (0.0, 2.0, 10.0, 50.0):
        offset = code_from_points(encoder, given, noise).latent - encoder.prior.mean
        away.append(offset @ np.linalg.solve(encoder.prior.covariance, offset))
    assert all(a > b for a, b in zip(away, away[1:]))
    assert away[-1] < 0.2 * away[0]


def test_an_unknown_origin_is_found_with_the_code(trained) -> None:
    encoder, _ = trained
    given = points_on_spheres(47.5, (60, 40, 40, 60))
    origin = np.array([70.0, -30.0, 110.0])
    moved = SurfacePoints(given.points + origin, given.surface)
    found = code_from_points(encoder, moved, 0.5, free_origin=True)
    np.testing.assert_allclose(found.origin, origin, atol=1.5)
    assert heart_radius(encoder, found.latent) == pytest.approx(47.5, abs=1.0)


def test_encode_reads_points_writes_code_and_surfaces(trained, tmp_path, capsys) -> None:
    encoder, folder = trained
    given = points_on_spheres(50.0, (20, 20, 20, 20))
    rows = [f"{k}, {x}, {y}, {z}" for k, (x, y, z) in zip(given.surface, given.points)]
    path = tmp_path / "anna.csv"
    path.write_text("\n".join(["surface,x,y,z", *rows]))
    command = ["encode", str(path), "--encoder", str(folder), "--to", str(tmp_path / "code.npz"),
               "--noise-mm", "0.5", "--surfaces", str(tmp_path / "decoded")]  # fmt: skip
    assert main(command) == 0
    found = load_arrays(tmp_path / "code.npz", ["patient", "split", "latent"])
    assert found["patient"].tolist() == ["anna"]
    expected = code_from_points(encoder, SurfacePoints.read(path), 0.5).latent
    assert np.array_equal(found["latent"][0], expected)
    assert {p.name for p in (tmp_path / "decoded").iterdir()} == {
        "torso.vtp", "lv.vtp", "rv.vtp", "epi.vtp"
    }  # fmt: skip
    for file in (tmp_path / "decoded").iterdir():
        surface = pyvista.read(file)
        assert enclosed_volume(surface.points, surface.regular_faces) > 0, f"{file} is inside out"
    assert "anna: in distribution" in capsys.readouterr().out


def test_surfaces_have_a_code_however_few_points_the_encoder_takes(trained) -> None:
    encoder, folder = trained
    few = DeepSdfEncoder.load(folder)
    few.config = encoder.config.model_copy(update={"infer_points": 64})
    latent = code_from_surfaces(few, nested_spheres()).latent
    assert heart_radius(encoder, latent) == pytest.approx(50.0, abs=4.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,z\n1,2,3\n", "columns"),
        ("surface,x,y,z\nepi,1,two,3\n", "not numeric"),
        ("surface,x,y,z\n" + "endo,1,2,3\n" * 12, "endo"),
        ("surface,x,y,z\n" + "torso,1,2,3\n" * 50, "at least 10"),
    ],
)
def test_bad_points_are_one_line(trained, tmp_path, capsys, text: str, message: str) -> None:
    _, folder = trained
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        SurfacePoints.read(path)
    assert main(["encode", str(path), "--encoder", str(folder)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
