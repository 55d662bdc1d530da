"""The decoder: Lipschitz bound, pose, gradients by hand; eq. (7) in closed form."""

import numpy as np
import pytest
import torch

from einthoven.base.config.learning import DeepSdfSettings
from einthoven.base.core.errors import BadInput
from einthoven.learning.encoders.deepsdf.decoder import (
    N_HIDDEN,
    N_POSE,
    Decoder,
    LipschitzLinear,
    SplitDecoder,
    SurfaceDecoder,
    rotation,
)
from einthoven.learning.encoders.deepsdf.infer import CodePrior, infer_code
from einthoven.numerics.training.task import seeded


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


def decoder_config(n_latent: int, activation: str = "silu", pose: bool = True) -> DeepSdfSettings:
    return DeepSdfSettings(
        n_latent=n_latent, width=16, n_frequencies=4, activation=activation, pose=pose
    )


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
