"""A published folder is enough to train and to be scored: no workflow, no stage files."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.dataset import BODY_FACES, BODY_POINTS, BODY_TAGS, CONFIG, ELECTRODES, write_patient
from helpers.tutorials import run_tutorial

from einthoven.app.evaluation.benchmark.task import STORE
from einthoven.base.config.load import as_params
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.sampling import points_on_surface
from einthoven.data.dataset.consolidate import consolidate

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "studies"))
LARGER = 20.0
"""Makes the tiny bodies as large as small patients, so that lengths in mm mean something."""
N_POINTS = 100


def a_body(index):
    """Arrays of a patient with electrodes on its skin and field points within it."""
    rng = generator(11, index)
    points = LARGER * (BODY_POINTS + 0.02 * rng.normal(size=BODY_POINTS.shape))
    skin = BODY_FACES[BODY_TAGS == Surface.SKIN]
    electrodes, _ = points_on_surface(points, skin, len(ELECTRODES), rng)
    inside = LARGER * rng.uniform(0.0, 0.3, (N_POINTS, 3))
    away = electrodes[:, None] - inside
    grad = away / np.linalg.norm(away, axis=-1, keepdims=True) ** 3
    sites = np.concatenate([electrodes, electrodes[:2]])
    return {
        "anatomy": {"points": points, "site_points": sites, "heart_origin": np.zeros(3),
                    "torso_box": np.array([points.min(axis=0), points.max(axis=0)])},
        "field": {"field_points": inside.astype(np.float32), "electrode_points": electrodes,
                  "field_grad": grad.astype(np.float32),
                  "field_tissue": np.where(np.arange(N_POINTS) < 90, 1, 4).astype(np.int8)},
        "leadfield_b0": {"electrode_points": electrodes[:6]},
        "leadfield_b1": {"electrode_points": electrodes[6:]},
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with results/published: six tiny patients, two of them of each split."""
    folder = tmp_path_factory.mktemp("run")
    published, made = folder / "results/published", folder / "made"
    made.mkdir()
    stores = [write_patient(made, index, a_body(index)) for index in range(6)]
    (published / "patients").mkdir(parents=True)
    stores = [path.rename(published / "patients" / path.name) for path in stores]
    consolidate(published / STORE, stores, as_params(CONFIG))
    return folder


def test_tutorial_of_training(run, monkeypatch):
    monkeypatch.chdir(run)
    # a few steps of training differ between processors; SDs over two patients by a fifth
    found = run_tutorial("training", relative=0.3)
    curve = [row["loss"] for row in found["curve"]]
    assert curve[-1] < 0.5 * curve[0]
    assert set(found["scores"]["per_patient"]) == {"p0002", "p0005"}
    angle = found["scores"]["scores"]["angular_error_deg"]["mean"]
    assert 0 < angle < 180  # two anatomies teach nothing about a third


@pytest.fixture(scope="module")
def study(run):
    from benchmark_data import Published

    torch.set_num_threads(1)
    return Published(run / "results/published")


def test_every_model_of_the_study_trains_on_it(study, tmp_path):
    from benchmark_models import MODELS
    from benchmark_training import Budget

    heart = study.at_field_points("p0002")
    for name, kind in MODELS.items():
        model = kind()
        trained = model.fit(study, Budget(0.2, 1), tmp_path / name)
        grad = model.gradient(heart)
        assert grad.shape == (len(ELECTRODES), 90, 3) and np.isfinite(grad).all()
        assert (trained.n_steps > 0) == (model.network is not None)
        assert (model.n_parameters > 1000) == (model.network is not None)


def test_formulas_of_the_study_are_those_of_the_house(study):
    from benchmark_models import Formula, WithoutHeart

    from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

    heart, sigma = study.at_field_points("p0002"), CONFIG.leadfield.sigma_torso_s_per_m
    expected = pseudo_lead_field_grad(heart.points.points, heart.electrodes, sigma)
    np.testing.assert_allclose(Formula().gradient(heart), expected, rtol=1e-3, atol=1e-9)
    solved = WithoutHeart().gradient(heart)
    assert solved.shape == expected.shape and np.isfinite(solved).all()
    assert np.median(np.linalg.norm(solved, axis=-1) / np.linalg.norm(expected, axis=-1)) > 1


def test_a_turned_patient_is_the_same_to_the_networks(study):
    """Patient, points and electrodes turned and shifted together: the same inputs."""
    from dataclasses import replace

    from benchmark_data import general_inputs
    from helpers.surrogate import rotation_of

    anatomy, heart = study.benchmark.whole("p0002").anatomy, study.at_field_points("p0002")
    turn, shift = rotation_of(generator(4)), np.array([30.0, -20.0, 10.0])
    turned = replace(
        anatomy,
        points=anatomy.points @ turn.T + shift,
        heart_rotation=turn @ anatomy.heart_rotation,
        heart_origin=turn @ anatomy.heart_origin + shift,
    )
    points = heart.points._replace(points=heart.points.points @ turn.T + shift)
    electrodes, local = heart.electrodes @ turn.T + shift, heart.exact.local
    found = general_inputs(turned, points, electrodes, local)
    for value, expected in zip(found, heart.general):
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-3)
