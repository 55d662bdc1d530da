"""The shipped operator answers as it did when it was packed, and refuses other constants."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

import einthoven as ei
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.anatomy import Anatomy
from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.networks import NETWORKS
from einthoven.learning.surrogate.operator.inputs import HeartPoints, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.numerics.training.tensors import KEY, load_model


@pytest.fixture(scope="module")
def example():
    """Inputs at the field samples of the shipped test patient, and the solved gradients there."""
    anatomy = Anatomy.load(ei.sample("patient") / "anatomy.npz")
    with open_store(ei.sample()) as root:
        row = values_of(root, "patient").tolist().index(anatomy.patient)
        points, fiber, tissue, grad = (
            np.asarray(root[f"field/field_{key}"][row])
            for key in ("points", "fiber", "tissue", "grad")
        )
        names = values_of(root, "electrode/electrode").tolist()
        places = np.asarray(root["electrode/electrode_points"][row])
    nine, muscle = [names.index(name) for name in STANDARD_ELECTRODES], tissue == Tissue.MYOCARDIUM
    heart = HeartPoints(points[muscle], fiber[muscle], np.ones(muscle.sum()), 4.0)
    inputs = OperatorInputs.of(anatomy, heart, places[nine], LeadFieldSettings())
    return inputs, grad[nine][:, muscle] @ anatomy.heart_rotation


PINNED = [[8.65913444e-06, 1.81643645e-05, 4.58492541e-05],
          [-4.26492988e-05, 4.21128498e-05, 3.43428292e-05],
          [7.06640503e-06, -2.15918808e-05, -2.91391952e-05],
          [7.60428811e-05, 4.40876793e-05, 4.31436638e-05],
          [3.05611466e-05, 0.000124216531, 1.02211197e-05],
          [-1.22678593e-05, 0.000119259181, -6.20269348e-05],
          [-4.66777492e-05, 8.80425796e-05, -7.151928e-05],
          [-7.48971579e-05, 5.38884779e-05, -2.80621443e-05],
          [-6.90839224e-05, 2.85880633e-05, 6.0717025e-06]]  # fmt: skip
"""kOhm/mm at the first sample in the muscle, of RA, LA, LL, V1 ... V6."""


def test_it_agrees_with_finite_elements_and_answers_as_when_it_was_packed(example):
    inputs, solved = example
    predicted, sd = Pretrained.load().operator.predict(inputs)
    assert angular_error_deg(predicted, solved).mean() == pytest.approx(1.75, abs=0.04)
    assert sd.mean() == pytest.approx(0.666, abs=0.02)
    found = predicted[:, 0] / LeadFieldSettings().sigma_torso_s_per_m
    assert np.abs(found - PINNED).max() < 0.003 * np.abs(PINNED).max()


def rewritten(path, change):
    """The file with other metadata and the same tensors."""
    from safetensors.torch import save_file

    tensors, about = load_model(path, "operator")
    save_file(tensors, path, metadata={KEY: json.dumps(change(about), sort_keys=True)})


@pytest.mark.parametrize("change, words", [
    (lambda about: about | {"constants": about["constants"] | {"NEAR_MM": 8.0}},
     "trained with NEAR_MM = 8.0, this einthoven has 5; train again"),
    (lambda about: {key: value for key, value in about.items() if key != "constants"},
     "trained with PLACE_MM = unknown"),
])  # fmt: skip
def test_a_model_of_other_constants_is_refused(tmp_path, change, words):
    shutil.copytree(SHIPPED, tmp_path / "model")
    rewritten(tmp_path / "model/surrogate/member1/model.safetensors", change)
    with pytest.raises(BadInput, match=f"member1/model.safetensors: {re.escape(words)}"):
        Pretrained.load(tmp_path / "model")


def test_shipped_files_carry_the_constants_of_their_training():
    for path in sorted(SHIPPED.rglob("model.safetensors")):
        constants = load_model(path, "operator")[1]["constants"]
        assert constants == {"PLACE_MM": 60.0, "NEAR_MM": 5.0, "WALL_MM": 25.0, "DEEP_MM": 20.0,
                             "EDGE_MM": 4.0}  # fmt: skip
    assert len(OperatorEnsemble.of_folder(SHIPPED / "surrogate").networks) == 3


def waves(shape, k):
    """Numbers of order one that no random generator makes."""
    n = int(np.prod(shape))
    return torch.tensor(np.sin(0.7 * k + 1.3 * np.arange(n)).reshape(shape), dtype=torch.float32)


@torch.inference_mode()
@pytest.mark.parametrize(
    "kind, pinned",
    [
        ("refraction", [1.527367, 0.05091662, 1.548274, 1.518998, 0.05584917, 1.547068]),
        ("mlp", [-0.08197755, -0.2823144, -0.1758484, -0.0785626, -0.284333, -0.1769986]),
    ],
)
def test_a_network_of_fixed_weights_answers_as_ever(kind, pinned):
    """Another length in its inputs is another function of the same weights."""
    network = NETWORKS[kind](NETWORKS[kind].config_class(width=8, n_frequencies=2), 3).eval()
    for k, tensor in enumerate(network.state_dict().values()):
        if tensor.ndim:
            tensor.copy_(0.5 * waves(tuple(tensor.shape), k))
    network.latent_std.fill_(1.0)
    box = torch.tensor([[[-200.0, -150.0, -300.0], [200.0, 150.0, 300.0]]])
    inputs = Inputs(
        points=40 * waves((1, 2, 3), 1), fiber=waves((1, 2, 3), 2),
        distance=8 * waves((1, 2, 4), 3), normal=waves((1, 2, 4, 3), 4),
        electrodes=120 * waves((1, 1, 3), 5), skin_normal=waves((1, 1, 3), 6),
        latent=waves((1, 3), 7), rotation=torch.eye(3)[None], origin=torch.zeros(1, 3), box=box,
    )  # fmt: skip
    found = network(inputs).ravel()
    assert found.tolist() == pytest.approx(pinned, rel=1e-3)
