"""Contract of a network class: registry, section, losses in closed form, its file."""

from typing import get_args

import helpers.surrogate as balls
import numpy as np
import pytest
import torch

from einthoven.app.run.methods import ENSEMBLED, WITHOUT_CODE
from einthoven.base.config.learning import (
    WITHOUT_ENCODER,
    EncoderName,
    MlpSettings,
    ModelName,
    RefractionSettings,
)
from einthoven.base.config.load import read_section
from einthoven.base.core.errors import BadInput
from einthoven.learning.encoders.train import ENCODERS
from einthoven.learning.surrogate.losses import FLOOR
from einthoven.learning.surrogate.mlp import Mlp
from einthoven.learning.surrogate.networks import NETWORKS, load_network
from einthoven.learning.surrogate.refraction import Refraction
from einthoven.learning.surrogate.surrogate_network import PointBatch
from einthoven.numerics.training.tensors import save_model

SMALL = RefractionSettings(width=8, rank=2, n_frequencies=2)


def test_registries_are_what_the_config_and_the_plan_know() -> None:
    assert {*NETWORKS} | WITHOUT_ENCODER == {*get_args(ModelName)} > ENSEMBLED
    assert not WITHOUT_ENCODER & NETWORKS.keys()
    assert tuple(ENCODERS) == get_args(EncoderName)
    assert WITHOUT_CODE == {n for n, kind in ENCODERS.items() if not kind.codes_any_shape}
    for kind in NETWORKS.values():
        assert kind.search_space.keys() <= kind.config_class.model_fields.keys()


# --- losses ---------------------------------------------------------------------------------
TRUE = torch.tensor([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]])  # lengths 5 and 2
PREDICTED = torch.tensor([[3.0, 3.0, 4.0], [0.0, -2.0, 0.0]])  # residuals 3 and 4
COSINES = (25 / (5 * 34**0.5), -1.0)


def loss_of(network) -> dict[str, float]:
    """A batch of one patient, one electrode, two points."""
    batch = PointBatch(None, TRUE[None, None])
    return {k: float(v) for k, v in network.loss(PREDICTED[None, None], batch).items()}


def test_mlp_loss_is_squares_in_units_of_the_scale_and_the_cosine() -> None:
    """Eq. (5) of Dokuchaev 2026."""
    network = Mlp(MlpSettings(width=8, n_frequencies=2, lambda_cos=3.0), 5)
    network.scale.fill_(2.0)
    found, cosine = loss_of(network), 1 - np.mean(COSINES)
    assert found["size"] == pytest.approx((9 / 4 + 16 / 4) / 2)
    assert found["cosine"] == pytest.approx(cosine)
    assert found["loss"] == pytest.approx(found["size"] + 3 * cosine)


def test_refraction_loss_is_the_residual_relative_to_the_true_vector() -> None:
    network = Refraction(SMALL, 5)
    expected = np.mean([np.hypot(3 / 5, FLOOR), np.hypot(4 / 2, FLOOR)])
    network.scale.fill_(7.0)  # no unit enters
    assert loss_of(network) == pytest.approx({"loss": expected, "cosine": 1 - np.mean(COSINES)})


def test_scales_are_means_over_hearts_and_codes_of_the_samples() -> None:
    patients = [balls.ball_patient(i, n_points=40, n_electrodes=3) for i in range(3)]
    samples = [balls.sample_of(i, p) for i, p in enumerate(patients)]
    network = Refraction(SMALL, 5)
    network.fit_scales(samples)
    inside = [p["tissue"] == 1 for p in patients]
    length = np.mean([np.linalg.norm(p["grad"][:, i], axis=-1).mean()
                      for p, i in zip(patients, inside)])  # fmt: skip
    incident = np.mean([
        (np.linalg.norm(p["electrode_points"][:, None] - p["points"][i], axis=-1) ** -2.0).mean()
        for p, i in zip(patients, inside)
    ])  # fmt: skip
    codes = np.stack([p["latent"] for p in patients])
    reach = np.linalg.norm((codes - codes.mean(0)) / codes.std(0), axis=1).max()
    assert network.scale.item() == pytest.approx(length, rel=1e-5)
    assert network.gain.item() == pytest.approx(length / incident, rel=1e-5)
    assert network.latent_reach.item() == pytest.approx(reach, rel=1e-5)
    np.testing.assert_allclose(network.latent_mean, codes.mean(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network.latent_std, codes.std(0), rtol=1e-5)


# --- checkpoints ----------------------------------------------------------------------------
@pytest.mark.parametrize("change, problem", [
    ({"rank": None}, "key rank is missing"), ({"depth": 3}, "depth: unknown key"),
    ({"width": 0}, "width: .*greater than or equal to 8"),
])  # fmt: skip
def test_a_section_of_another_version_is_one_clear_line(change, problem, tmp_path) -> None:
    section = {k: v for k, v in (SMALL.model_dump() | change).items() if v is not None}
    path = tmp_path / "model.safetensors"
    save_model(path, Refraction(SMALL, 5).state_dict(), kind="refraction", config=section,
               data_sha256="", package="einthoven.learning.surrogate", n_latent=5,
               constants=Refraction.constants)  # fmt: skip
    with pytest.raises(BadInput, match=f"model.safetensors: .*{problem}.*train again"):
        load_network(path, "refraction")
    assert read_section(RefractionSettings, SMALL.model_dump(), "x") == SMALL
