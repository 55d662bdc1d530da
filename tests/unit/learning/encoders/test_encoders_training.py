"""Encoders from samples, stage files and stores; the PCA code, whose surfaces are given."""

import dataclasses

import numpy as np
import pytest
from helpers.dataset import write_patient
from helpers.encoders import CONFIG, nested_spheres, sphere_samples

from einthoven.base.config.section import Section
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.signed_distance import signed_distances, signed_distances_and_gradients
from einthoven.data.dataset.consolidate import consolidate
from einthoven.learning.encoders.base import Latents, virtual_patients
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.pca import PcaEncoder
from einthoven.learning.encoders.train import encoder_class, train_encoder


def pca_latents() -> Latents:
    codes = np.random.default_rng(0).uniform(-1, 1, (3, 23)).astype(np.float32)
    return Latents(("p0000", "p0001", "p0002"), ("train", "train", "test"), codes)


def test_pca_distances_and_gradients_are_those_of_the_surfaces(tmp_path) -> None:
    PcaEncoder(pca_latents()).save(tmp_path)
    encoder = PcaEncoder.load(tmp_path, lambda patient: nested_spheres())
    queries = np.random.default_rng(1).uniform(-90, 90, (300, 3))
    sdf, gradient = encoder.geometry("p0002").distances(queries)
    centres = np.array([(0, 0, 0), (-20, 0, 0), (20, 0, 0), (0, 0, 0)], float)
    away = queries[:, None] - centres
    radius = np.linalg.norm(away, axis=2)
    np.testing.assert_allclose(sdf, radius - [150, 12, 12, 50], atol=0.06)
    np.testing.assert_array_equal(sdf, encoder.signed_distances("p0002", queries))
    np.testing.assert_array_equal(sdf, signed_distances(nested_spheres(), queries))
    assert (gradient * away / radius[..., None]).sum(2).min() > 0.99
    assert np.array_equal(encoder.geometry("p0001").latent, pca_latents().latent[1])


def test_pca_without_surfaces_and_unknown_patients_are_refused() -> None:
    encoder = PcaEncoder(pca_latents())
    with pytest.raises(BadInput, match="surfaces"):
        encoder.signed_distances("p0000", np.zeros((1, 3)))
    with pytest.raises(BadInput, match="p0009"):
        encoder.latents.of("p0009")
    with pytest.raises(BadInput, match="NaN"):
        signed_distances_and_gradients(nested_spheres(), np.full((1, 3), np.nan))


# --- samples and store ----------------------------------------------------------------------
def test_samples_in_metres_or_with_the_other_sign_are_refused(tmp_path) -> None:
    samples = sphere_samples([40.0, 50.0], ["train", "train"], n=400)
    inverted = dataclasses.replace(samples, sdf=np.abs(samples.sdf))
    with pytest.raises(BadInput, match="sdf"):
        DeepSdfEncoder.of_samples(inverted, CONFIG, tmp_path)
    with pytest.raises(BadInput, match="at least two"):
        sphere_samples([40.0, 50.0], ["train", "test"], n=400)


def test_untrained_decoder_has_all_four_surfaces(tmp_path) -> None:
    samples = sphere_samples([40.0, 50.0], ["train", "train"], n=400)
    config = CONFIG.model_copy(update=dict(epochs=1, learning_rate=1e-6))
    encoder = DeepSdfEncoder.of_samples(samples, config, tmp_path)
    grid = Grid.around(np.array([[-165.0] * 3, [165.0] * 3]), 30)
    values = encoder.signed_distances("p0000", grid.points())
    assert (values.min(axis=0) < 0).all() and (values.max(axis=0) > 0).all()


def test_encoders_train_from_the_consolidated_store(tmp_path) -> None:
    """The whole path: stage files, patient stores, data set, encoder folder, reload."""
    stores = []
    for index, radius in enumerate([40.0, 50.0, 45.0, 42.0, 47.0, 44.0]):
        points, sdf = sphere_samples([radius, radius], ["train"] * 2, n=400, seed=index).of("train")
        change = {"sdf": {"sdf_points": points[0], "sdf": sdf[0]}}
        stores.append(write_patient(tmp_path, index, change))
    consolidate(tmp_path / "d.zarr.zip", stores, {})
    files = sorted(tmp_path.glob("p*/*.npz"))
    for stage, arrays in {"anatomy": ["latent_pca"], "sdf": ["sdf_points", "sdf"]}.items():
        stored = virtual_patients(tmp_path / "d.zarr.zip", stage, *arrays)
        given = virtual_patients(files, stage, *arrays)
        assert stored[:2] == given[:2] and len(given[0]) == 6
        for a, b in zip(stored[2], given[2], strict=True):
            np.testing.assert_array_equal(a, b)
    configs = {"pca": Section(), "deepsdf": CONFIG.model_copy(update=dict(epochs=2))}
    points = np.random.default_rng(0).uniform(-60, 60, (20, 3))
    for name, config in configs.items():
        trained = train_encoder(name, config, tmp_path / "d.zarr.zip", tmp_path / name)
        again = encoder_class(name).load(tmp_path / name, lambda patient: nested_spheres())
        assert again.latents.patient == trained.latents.patient
        assert again.n_latent == trained.n_latent
        assert np.array_equal(again.latents.of("p0004"), trained.latents.of("p0004"))
        assert again.signed_distances("p0004", points).shape == (20, 4)
    with pytest.raises(BadInput, match="expected pca or deepsdf"):
        train_encoder("vae", CONFIG, tmp_path / "d.zarr.zip", tmp_path)
