"""Lipschitz bound, eq. (7) in closed form, Chamfer on known pairs, checkpoints, search."""

import dataclasses
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import pyvista
import torch
from helpers_dataset import write_patient
from helpers_encoders import CONFIG, sphere_samples

from einthoven.config.learning import DeepSdf
from einthoven.config.section import Section
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.tags import Surface
from einthoven.dataset.consolidate import consolidate
from einthoven.encoders.base import Latents
from einthoven.encoders.deepsdf.branches import SplitDecoder
from einthoven.encoders.deepsdf.decoder import (
    N_HIDDEN,
    N_POSE,
    Decoder,
    SurfaceDecoder,
    rotation,
)
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.infer import CodePrior, infer_code
from einthoven.encoders.deepsdf.lipschitz import LipschitzLinear
from einthoven.encoders.pca import PcaEncoder
from einthoven.encoders.train import load_encoder, train_encoder
from einthoven.geometry.contouring import Grid
from einthoven.geometry.signed_distance import signed_distances_and_gradients
from einthoven.geometry.surfaces import Surfaces
from einthoven.metrics.surfaces import chamfer, interior_chamfer, surface_chamfer
from einthoven.training.fit import Run, fit
from einthoven.training.machine import Machine
from einthoven.training.schedule import Schedule
from einthoven.training.search import Span, search
from einthoven.training.task import Task, seeded
from einthoven.training.tensors import load_model, save_model
from einthoven.training.tracking import tracked


# --- Lipschitz ------------------------------------------------------------------------------
def test_layer_starts_linear_and_keeps_its_bound() -> None:
    with seeded(0, "layer"):
        layer = LipschitzLinear(20, 30)
        x = torch.randn(500, 20)
    plain = torch.nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), plain)
    with torch.no_grad():
        layer.raw_bound.fill_(-1.0)
        layer.weight.mul_(50.0)
    bound = layer.bound().item()
    assert layer.normalised_weight().abs().sum(1).max().item() == pytest.approx(bound, rel=1e-5)
    change = (layer(x[:250]) - layer(x[250:])).abs().amax(1)
    assert (change <= bound * (x[:250] - x[250:]).abs().amax(1) * (1 + 1e-5)).all()


def decoder_config(n_latent: int, activation: str = "silu", pose: bool = True) -> DeepSdf:
    return DeepSdf(n_latent=n_latent, width=16, n_frequencies=4, activation=activation, pose=pose)


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("pose", [True, False])
def test_decoder_bound_holds_for_random_pairs_of_codes(activation: str, pose: bool) -> None:
    with seeded(3, "decoder"):
        decoder = Decoder(decoder_config(10, activation, pose))
        points, first = 100 * torch.randn(1, 50, 3), torch.randn(200, 10)
        second = first + torch.randn(200, 10) * torch.logspace(-3, 1, 200)[:, None]
    if pose:
        second[:, :N_POSE] = first[:, :N_POSE]
    points = points.expand(200, -1, -1)
    with torch.no_grad():
        change = (decoder(points, first) - decoder(points, second)).abs().amax((1, 2))
    ratio = change / (first - second).abs().amax(1)
    slope = {"relu": 1.0, "silu": 1.0999}[activation] ** N_HIDDEN
    # the skip passes coordinates, not the code
    bound = decoder.lipschitz_product() * slope * decoder.output_mm.max()
    assert ratio.max().item() <= bound.item()
    assert ratio.max().item() > 0


def test_rotation_turns_x_to_y() -> None:
    turned = rotation(torch.tensor([[0.0, 0.0, np.pi / 2]]))[0] @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_pose_entries_move_the_heart_rigidly() -> None:
    """Coordinates of a moved heart at the moved code equal those of the unmoved one."""
    with seeded(1, "pose"):
        decoder = Decoder(decoder_config(8)).double()
        points = 50 * torch.randn(1, 40, 3, dtype=torch.float64)
    turn, shift = torch.tensor([[0.3, -0.7, 0.5]]).double(), torch.tensor([[1.0, 0.5, -2.0]])
    code = torch.cat([turn, shift.double(), torch.zeros(1, 2)], dim=1)
    moved = points @ rotation(0.2 * turn)[0].T + 10.0 * shift
    own = decoder.heart_coordinates(points, torch.zeros(1, 8).double())
    torch.testing.assert_close(decoder.heart_coordinates(moved, code), own)


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("pose", [True, False])
def test_gradients_by_hand_are_those_of_autograd(activation: str, pose: bool) -> None:
    with seeded(2, "split"):
        decoder = SplitDecoder(decoder_config(13, activation, pose)).double()
        points, code = 60 * torch.randn(50, 3).double(), torch.randn(13).double()
    decoder.heart_centre.copy_(torch.tensor([10.0, -20.0, 5.0]))
    decoder.output_mm.copy_(torch.tensor([50.0, 10.0, 20.0, 30.0]))
    decoder.radius_mm.copy_(torch.tensor([200.0, 30.0, 25.0, 60.0]))
    for ours, theirs in zip(
        decoder.with_gradients(points, code), SurfaceDecoder.with_gradients(decoder, points, code)
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_torso_and_heart_have_codes_of_their_own() -> None:
    """Entries of one part move nothing of the other; the pose moves the heart alone."""
    with seeded(2, "split"):
        decoder = SplitDecoder(decoder_config(13))
        points, code = 60 * torch.randn(1, 50, 3), torch.randn(1, 13)
    for entry in range(13):
        moved = code.clone()
        moved[0, entry] += 0.5
        changed = (decoder(points, moved) - decoder(points, code)).abs().amax(dim=(0, 1)) > 1e-6
        torso = N_POSE <= entry < N_POSE + decoder.n_torso
        assert changed.tolist() == [torso, *[not torso] * 3]


# --- eq. (7) --------------------------------------------------------------------------------
def test_inference_equals_linear_gaussian_posterior_mode() -> None:
    rng = np.random.default_rng(0)
    matrix, truth = rng.normal(size=(60, 5)), rng.normal(size=60)
    prior = CodePrior.from_codes(rng.normal(size=(12, 5)) @ rng.normal(size=(5, 5)) + 2.0)
    weight = 0.03
    found = infer_code(
        lambda z: ((torch.as_tensor(matrix) * z).sum(-1) - torch.as_tensor(truth))[:, None],
        60, prior, weight, 500,
    )  # fmt: skip
    precision = np.linalg.inv(prior.covariance)
    exact = np.linalg.solve(
        matrix.T @ matrix / 60 + weight * precision,
        matrix.T @ truth / 60 + weight * precision @ prior.mean,
    )
    np.testing.assert_allclose(found, exact, atol=3e-3)


def test_strong_prior_gives_the_mean_code() -> None:
    prior = CodePrior.from_codes(np.random.default_rng(0).normal(size=(9, 4)) + 1.0)
    found = infer_code(lambda z: z - 100.0, 1, prior, 1e9, 50)
    np.testing.assert_allclose(found, prior.mean, atol=1e-4)


def test_prior_of_few_codes_is_regular_and_of_one_is_refused() -> None:
    prior = CodePrior.from_codes(np.random.default_rng(0).normal(size=(4, 16)))
    assert np.linalg.eigvalsh(prior.covariance).min() > 0
    with pytest.raises(BadInput, match="two different"):
        CodePrior.from_codes(np.ones((3, 4)))


# --- Chamfer --------------------------------------------------------------------------------
def test_chamfer_of_two_points_and_of_a_cloud_with_itself() -> None:
    a, b = np.array([[0.0, 0, 0]]), np.array([[3.0, 4.0, 0], [3.0, 4.0, 12.0]])
    assert chamfer(a, b) == pytest.approx((5 + (5 + 13) / 2) / 2)
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    assert chamfer(cloud, cloud) == 0.0
    with pytest.raises(BadInput, match="no points"):
        chamfer(a, b[:0])


def sphere(radius: float, centre=(0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    mesh = pyvista.Icosphere(radius=radius, center=centre, nsub=5)
    return np.asarray(mesh.points, float), mesh.regular_faces


def test_surface_chamfer_of_concentric_spheres_is_the_gap() -> None:
    assert surface_chamfer(sphere(50), sphere(52)) == pytest.approx(2.0, rel=0.01)


def test_surface_chamfer_of_shifted_sphere_is_half_the_shift() -> None:
    """Mean of |d cos(angle)| over a sphere is d / 2, to first order."""
    assert surface_chamfer(sphere(50), sphere(50, (2, 0, 0))) == pytest.approx(1.0, rel=0.03)


def test_contour_of_exact_distance_lies_on_the_sphere() -> None:
    grid = Grid.around(sphere(40)[0], 40)
    points, faces = grid.contour(np.linalg.norm(grid.points(), axis=1) - 40)
    assert np.abs(np.linalg.norm(points, axis=1) - 40).max() < 0.1
    assert surface_chamfer((points, faces), sphere(40)) < 0.1
    with pytest.raises(StepFailed, match="no zero"):
        grid.contour(np.ones(40**3))


def test_interior_chamfer_counts_only_the_shell() -> None:
    axis = np.arange(10.0)
    grid = np.stack([axis, 0 * axis, 0 * axis], 1)
    # points 0..4 against 0..5: one of six has its neighbour at 1 mm
    assert interior_chamfer(grid, axis - 4, axis - 5) == pytest.approx(1 / 12)


# --- surfaces and the PCA code --------------------------------------------------------------
def nested_spheres() -> Surfaces:
    parts = [
        (sphere(150), Surface.SKIN),
        (sphere(12, (-20, 0, 0)), Surface.LV_ENDO),
        (sphere(12, (20, 0, 0)), Surface.RV_ENDO),
        (sphere(50), Surface.EPI),
    ]
    points, faces, tags, offset = [], [], [], 0
    for (p, f), tag in parts:
        points.append(p)
        faces.append(f + offset)
        tags.append(np.full(len(f), tag))
        offset += len(p)
    return Surfaces(*(np.concatenate(a) for a in (points, faces, tags)))


def pca_latents() -> Latents:
    codes = np.random.default_rng(0).uniform(-1, 1, (3, 23)).astype(np.float32)
    return Latents(("p0000", "p0001", "p0002"), ("train", "train", "test"), codes)


def test_pca_distances_and_gradients_are_those_of_the_surfaces(tmp_path) -> None:
    PcaEncoder(pca_latents()).save(tmp_path)
    encoder = PcaEncoder.load(tmp_path, lambda patient: nested_spheres())
    queries = np.random.default_rng(1).uniform(-90, 90, (300, 3))
    sdf, gradient = encoder.signed_distances_and_gradients("p0002", queries)
    centres = np.array([(0, 0, 0), (-20, 0, 0), (20, 0, 0), (0, 0, 0)], float)
    away = queries[:, None] - centres
    radius = np.linalg.norm(away, axis=2)
    np.testing.assert_allclose(sdf, radius - [150, 12, 12, 50], atol=0.06)
    np.testing.assert_allclose(sdf, encoder.signed_distances("p0002", queries), atol=1e-9)
    assert (gradient * away / radius[..., None]).sum(2).min() > 0.99
    assert np.array_equal(encoder.latent("p0001"), pca_latents().latent[1])


def test_pca_without_surfaces_and_unknown_patients_are_refused() -> None:
    encoder = PcaEncoder(pca_latents())
    with pytest.raises(BadInput, match="surfaces"):
        encoder.signed_distances("p0000", np.zeros((1, 3)))
    with pytest.raises(BadInput, match="p0009"):
        encoder.latent("p0009")
    with pytest.raises(BadInput, match="NaN"):
        signed_distances_and_gradients(nested_spheres(), np.full((1, 3), np.nan))


# --- checkpoints, harness, search -----------------------------------------------------------
def saved(path) -> None:
    tensors = {"w": torch.arange(1000.0), "b": torch.ones(3)}
    save_model(
        path, tensors, kind="toy", config={"a": 1}, data_sha256="0", package="einthoven.encoders"
    )


def test_checkpoint_round_trip_is_byte_stable(tmp_path) -> None:
    saved(tmp_path / "a.safetensors")
    saved(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    tensors, about = load_model(tmp_path / "a.safetensors", "toy")
    assert torch.equal(tensors["w"], torch.arange(1000.0))
    assert about["config"] == {"a": 1}


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "missing", "kind"])
def test_damaged_checkpoints_are_refused(tmp_path, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    saved(path)
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(data[:-100])
    elif damage == "flipped":
        data[-40] ^= 1
        path.write_bytes(data)
    elif damage == "foreign":
        path.write_bytes(b"not a checkpoint")
    elif damage == "missing":
        path.unlink()
    with pytest.raises(BadInput, match="safetensors"):
        load_model(path, "other" if damage == "kind" else "toy")


class Line(Task):
    """Fit y = 2 x with one weight."""

    steps_per_epoch = 4

    def __init__(self, slope: float = 2.0) -> None:
        super().__init__()
        self.weight, self.slope = torch.nn.Parameter(torch.zeros(1)), slope

    def batches(self, generator):
        for _ in range(4):
            yield torch.rand(8, generator=generator)

    def losses(self, batch):
        return {"loss": ((self.weight - self.slope) * batch).square().mean()}


def test_fit_converges_writes_its_curve_and_restores_threads(tmp_path) -> None:
    task, before = Line(), torch.get_num_threads()
    rows = fit(task, Schedule(60, 0.1), Run("line", seed=1, folder=tmp_path))
    assert task.weight.item() == pytest.approx(2.0, abs=0.05)
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + len(rows) == 61
    assert torch.get_num_threads() == before


def test_fit_stops_when_the_loss_is_not_a_number() -> None:
    with pytest.raises(StepFailed, match="learning_rate"):
        fit(Line(float("nan")), Schedule(2, 0.1), Run("line", seed=1))


def test_paper_schedule_halves_once() -> None:
    schedule = Schedule(10, 1e-3, halve_after_epochs=5)
    assert [schedule.factor(s, 2) for s in (0, 9, 10, 19)] == [1.0, 1.0, 0.5, 0.5]


def test_search_finds_the_minimum_of_a_parabola() -> None:
    class Parabola(Section):
        x: float = 0.0
        offset: float = 0.3

    found = search(lambda s: (s.x - s.offset) ** 2, Parabola(), {"x": Span(-1.0, 1.0)}, 30, seed=1)
    assert found.config.x == pytest.approx(0.3, abs=0.1)
    assert found.to_json()["section"] == {"x": found.config.x, "offset": 0.3}
    assert len(found.trials) == 30
    with pytest.raises(BadInput, match="not a key"):
        search(lambda s: 0.0, Parabola(), {"y": Span(0.0, 1.0)}, 1, seed=1)


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
    configs = {"pca": Section(), "deepsdf": CONFIG.model_copy(update=dict(epochs=2))}
    points = np.random.default_rng(0).uniform(-60, 60, (20, 3))
    for name, config in configs.items():
        trained = train_encoder(name, config, tmp_path / "d.zarr.zip", tmp_path / name)
        again = load_encoder(name, tmp_path / name, lambda patient: nested_spheres())
        assert again.patients == trained.patients and again.n_latent == trained.n_latent
        assert np.array_equal(again.latent("p0004"), trained.latent("p0004"))
        assert again.signed_distances("p0004", points).shape == (20, 4)
    with pytest.raises(BadInput, match="expected pca or deepsdf"):
        train_encoder("vae", CONFIG, tmp_path / "d.zarr.zip", tmp_path)


@pytest.mark.slow
def test_two_trainings_share_one_tracking_database(tmp_path) -> None:
    code = (
        "import sys; from einthoven.training.tracking import tracked\n"
        "with tracked('sqlite:///' + sys.argv[1], sys.argv[2], {'a': 1}) as record:\n"
        "    record([{'epoch': 1.0, 'loss': 0.5}], 1.0)"
    )
    database = str(tmp_path / "mlflow.db")
    jobs = [subprocess.Popen([sys.executable, "-c", code, database, n]) for n in ("one", "two")]
    assert [job.wait(300) for job in jobs] == [0, 0]
    with pytest.raises(RuntimeError, match="mine"), tracked(f"sqlite:///{database}", "3", {"a": 1}):
        raise RuntimeError("mine")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select status from runs").fetchall()
        losses = connection.execute("select value from metrics where key = 'loss'").fetchall()
    assert rows == [("FINISHED",)] * 2 + [("FAILED",)]
    assert losses == [(0.5,)] * 2


def test_tracking_elsewhere_than_sqlite_is_refused() -> None:
    machine = Machine(tracking_uri="http://somewhere")
    with pytest.raises(BadInput, match="tracking_uri"):
        fit(Line(), Schedule(1, 0.1), Run("line", seed=1), machine)
