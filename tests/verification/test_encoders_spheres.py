"""DeepSDF on spheres: what it must recover is known exactly."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers_encoders import SECTION, sphere_distances, sphere_samples

from einthoven.encoders.chamfer import Grid
from einthoven.encoders.deepsdf import DeepSdfEncoder
from einthoven.encoders.train import train_deepsdf

RADII = [38.0, 41.0, 44.0, 47.0, 50.0, 53.0, 56.0, 45.5, 52.0]
SPLITS = ["train"] * 7 + ["val", "test"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[DeepSdfEncoder, object]:
    folder = tmp_path_factory.mktemp("deepsdf")
    samples = sphere_samples(RADII, SPLITS)
    encoder = train_deepsdf(samples, SECTION, folder)
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
    _, gradient = encoder.signed_distances_and_gradients("p0008", points)
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
    section = {**SECTION, "epochs": 4}
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
        encoder = train_deepsdf(data, section, folder)
        encoder.save(folder)
        files.append((folder / "model.safetensors").read_bytes())
        codes.append(encoder.latents.latent)
    assert files[0] == files[1] == files[2]
    assert np.array_equal(codes[0], codes[1])
    assert np.array_equal(codes[0][:7], codes[2][:7])
    assert not np.array_equal(codes[0][7:], codes[2][7:])


def test_another_seed_gives_another_model(tmp_path) -> None:
    samples = sphere_samples(RADII[:3], SPLITS[:3], n=500)
    codes = [
        train_deepsdf(samples, {**SECTION, "epochs": 2, "seed": seed}, tmp_path).latents.latent
        for seed in (1, 2)
    ]
    assert not np.array_equal(codes[0], codes[1])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_do_not_depend_on_the_callers_autograd_mode(trained, context) -> None:
    encoder, _ = trained
    points = np.random.default_rng(3).normal(size=(50, 3)) * 40
    plain = encoder.signed_distances_and_gradients("p0007", points)
    with context():
        inside = encoder.signed_distances_and_gradients("p0007", points)
    for ours, theirs in zip(plain, inside):
        np.testing.assert_array_equal(ours, theirs)
