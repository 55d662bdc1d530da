"""Invariances and costs that the two networks promise."""

import time

import helpers.surrogate as balls
import numpy as np
import pytest
import torch

from einthoven.base.config.learning import MlpSettings, RefractionSettings
from einthoven.base.core.errors import BadInput
from einthoven.learning.surrogate.ensemble import predict_gradient
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.networks import NETWORKS, network_class
from einthoven.learning.surrogate.refraction import Refraction, source_factors

CONFIGS = {"mlp": MlpSettings(width=32, n_frequencies=8), "refraction": RefractionSettings(
    width=32, rank=6, n_frequencies=8, code_at_electrodes=True)}  # fmt: skip
MODELS = ("mlp", "refraction")


@pytest.fixture(scope="module")
def patients():
    return [balls.ball_patient(i, n_points=60, n_electrodes=5) for i in range(3)]


def network(model: str, **changed):
    """An untrained network with every weight random, so that no zero hides a dependence."""
    torch.manual_seed(0)
    net = NETWORKS[model](CONFIGS[model].model_copy(update=changed), 5)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    net.scale.fill_(1e-4)
    return net


@pytest.mark.parametrize("model", MODELS)
def test_shapes_and_dependence_on_every_input(model: str, patients) -> None:
    net = network(model)
    batch = balls.batch_of([0, 1, 2], patients)
    out = net(batch)
    assert out.shape == (3, 5, 60, 3)
    used = {"points", "electrodes", "latent", "box"}
    used |= set(Inputs._fields) if model == "refraction" else set()
    for name in used:
        rows = getattr(batch, name)
        moved = batch._replace(**{name: rows + 0.05 * torch.randn_like(rows)})
        assert not torch.allclose(net(moved), out, rtol=1e-4, atol=0), name


@pytest.mark.parametrize("model", MODELS)
def test_fibre_sign_has_no_meaning(model: str, patients) -> None:
    net = network(model)
    batch = balls.batch_of([0], patients)
    signs = torch.where(torch.rand(batch.fiber.shape[:2] + (1,)) > 0.5, 1.0, -1.0)
    assert torch.equal(net(batch._replace(fiber=signs * batch.fiber)), net(batch))


@pytest.mark.parametrize("model", MODELS)
def test_electrodes_permute_and_do_not_see_each_other(model: str, patients) -> None:
    net = network(model)
    inputs = balls.inputs_of(0, patients[0])
    out = predict_gradient(net, inputs)
    order = torch.tensor([3, 1, 4, 0, 2])
    np.testing.assert_allclose(
        predict_gradient(net, inputs.seen_from(order)), out[order], rtol=1e-4, atol=1e-9
    )
    alone = predict_gradient(net, inputs.seen_from(slice(2, 3)))
    np.testing.assert_allclose(alone[0], out[2], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_points_are_independent_of_the_block_they_are_in(model: str, patients, monkeypatch) -> None:
    net = network(model)
    inputs = balls.inputs_of(0, patients[0])
    whole = predict_gradient(net, inputs)
    monkeypatch.setattr("einthoven.learning.surrogate.ensemble.MAX_POINTS", 7)
    np.testing.assert_allclose(predict_gradient(net, inputs), whole, rtol=1e-4, atol=1e-9)


def test_body_that_turns_with_its_torso_box_fixed_turns_refraction_locally(patients) -> None:
    """All but the torso coordinates is in the heart frame: without them the field turns along."""
    net = network("refraction")
    net.trunk[0].weight.data[:, 19:22] = 0.0  # torso coordinates of the point
    net.branch[0].weight.data[:, 3:6] = 0.0  # and of the electrode
    patient = patients[0]
    turn = balls.rotation_of(np.random.default_rng(1))
    turned = dict(patient)
    for name in ("points", "fiber", "electrode_points", "heart_origin"):
        turned[name] = patient[name] @ turn.T
    turned["heart_rotation"] = turn @ patient["heart_rotation"]
    before = balls.inputs_of(0, patient)
    after = balls.inputs_of(0, turned)
    matrix = torch.as_tensor(turn, dtype=torch.float32)
    after = after._replace(distance=before.distance, normal=before.normal @ matrix.T,
                           skin_normal=before.skin_normal @ matrix.T)  # fmt: skip
    expected = predict_gradient(net, before) @ turn.T
    got = predict_gradient(net, after)
    np.testing.assert_allclose(got, expected, atol=2e-4 * np.abs(expected).max())


def test_torso_coordinates_run_left_to_right_back_to_front_top_to_bottom(patients) -> None:
    inputs = balls.inputs_of(0, patients[0])
    low, high = inputs.box
    corners = torch.stack([high, low, (low + high) / 2])  # patient's left, back, head first
    expected = torch.tensor([[-1.0, 0, 0], [1, 1, 1], [0, 0.5, 0.5]])
    torch.testing.assert_close(inputs.torso_coordinates(corners), expected)


def test_incident_field_is_the_closed_form_of_a_ball() -> None:
    rng = np.random.default_rng(0)
    radius = 120.0
    electrodes = rng.normal(size=(6, 3))
    normal = electrodes / np.linalg.norm(electrodes, axis=1, keepdims=True)
    electrodes = radius * normal
    points = rng.uniform(-50, 50, size=(40, 3))
    as_tensor = lambda a: torch.as_tensor(a)[None]  # noqa: E731
    curvature = torch.full((1, 6, 1), 1 / radius, dtype=torch.float64)
    given = as_tensor(points), as_tensor(electrodes), as_tensor(normal), curvature
    source, image = (factor[0, ..., None].numpy() for factor in source_factors(*given, 0.0))
    field = source * (electrodes[:, None] - points) + image * normal[:, None]
    true = balls.ball_gradient(points, electrodes, radius)
    np.testing.assert_allclose(field / (2 * np.pi * balls.SIGMA), true, rtol=1e-9)


def test_a_code_beyond_the_training_is_drawn_back_to_its_edge(patients) -> None:
    """The direction is kept, and local geometry is unchanged."""
    net = network("refraction")
    net.latent_mean.copy_(torch.linspace(-1, 1, 5))
    net.latent_std.fill_(2.0)
    net.latent_reach.fill_(1.5)
    inputs = balls.inputs_of(0, patients[0])
    direction = torch.nn.functional.normalize(torch.tensor([1.0, -2, 0.5, 0, 1]), dim=0)

    def at(sd: float) -> np.ndarray:
        return predict_gradient(net, inputs._replace(latent=net.latent_mean + 2.0 * sd * direction))

    assert np.abs(at(1.0) - at(1.4)).max() > 1e-3 * np.abs(at(1.4)).max()
    np.testing.assert_allclose(at(40.0), at(1.5), rtol=1e-3, atol=1e-5 * np.abs(at(1.5)).max())


def test_ball_gradient_is_the_gradient_of_the_closed_form() -> None:
    """Checks the reference itself, by central differences."""
    a, e, x, h = 120.0, np.array([[0.0, -120, 0]]), np.array([[10.0, 20, -30]]), 1e-4

    def z(p):
        rho = np.linalg.norm(p - e[0])
        return (2 / rho + np.log(2 * a**2 / (a**2 - p @ e[0] + a * rho)) / a) / (
            4 * np.pi * balls.SIGMA
        )

    slope = [(z(x[0] + h * d) - z(x[0] - h * d)) / (2 * h) for d in np.eye(3)]
    np.testing.assert_allclose(balls.ball_gradient(x, e, a)[0, 0], slope, rtol=1e-6)


def test_hundred_electrodes_cost_little_more_than_one() -> None:
    """The trunk runs once: 100 electrodes at less than 12 times the time of one, not 100 times."""
    many = balls.ball_patient(0, n_points=4000, n_electrodes=100)
    inputs = balls.inputs_of(0, many)
    net = network("refraction", width=256, rank=48, n_frequencies=48)

    def seconds(given: Inputs) -> float:
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            predict_gradient(net, given)
            best = min(best, time.process_time() - start)
        return best

    one = seconds(inputs.seen_from(slice(0, 1)))
    assert seconds(inputs) < 12 * one


def test_wrong_inputs_are_refused(patients) -> None:
    with pytest.raises(BadInput, match="orthogonal"):
        balls.inputs_of(0, patients[0], heart_rotation=2 * np.eye(3))
    with pytest.raises(BadInput, match="points: 180 of 180"):
        balls.inputs_of(0, patients[0], points=np.full((60, 3), np.nan))
    with pytest.raises(BadInput, match="torso_box"):
        balls.inputs_of(0, patients[0], torso_box=np.zeros((2, 3)))
    with pytest.raises(BadInput, match="expected one of mlp, refraction"):
        network_class("transformer")


def test_refraction_tensor_starts_as_the_identity(patients) -> None:
    torch.manual_seed(3)
    net = Refraction(CONFIGS["refraction"], 5)
    tensor, modes = net.trunk_outputs(balls.batch_of([0, 1], patients))
    assert torch.equal(tensor, torch.eye(3).expand_as(tensor)) and modes.abs().max() > 0
