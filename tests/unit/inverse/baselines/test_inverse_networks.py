"""Losses of Zhu 2025, and the Jacobians with which networks are trained."""

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.activation_times import crossing_times
from einthoven.inverse.baselines.networks.architecture import NETWORKS
from einthoven.inverse.baselines.networks.collocation import (
    AutomaticDifferentiation,
    Derivatives,
    Point,
    Sampler,
    Scheme,
    SpaceTime,
    SpatialDifferences,
    SpatiotemporalDifferences,
)
from einthoven.inverse.baselines.networks.differences import (
    time_derivative,
)
from einthoven.inverse.baselines.networks.fit import WINDOW, Recipe, has_converged, train
from einthoven.inverse.baselines.networks.gauss_newton import (
    NetworkGaussNewton,
    NetworkResiduals,
    gram_of,
)
from einthoven.inverse.baselines.networks.jacobian import jacobian, projected_jacobian, traced
from einthoven.inverse.baselines.networks.loss import DataLoss, ep_residuals, r_u, r_v
from einthoven.inverse.baselines.networks.network_methods import EandArn
from einthoven.inverse.baselines.networks.start import plane_wave, start_of
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.numerics.training.task import seeded
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov


def icosahedron(refined: int = 1, radius: float = 30.0) -> SourceSurface:
    """A sphere of 12, 42, 162 nodes."""
    g = (1 + 5**0.5) / 2
    corners = [(s, t * g, 0) for s in (-1, 1) for t in (-1, 1)]
    points = np.array([np.roll(c, k) for k in range(3) for c in corners], dtype=float)
    for _ in range(refined):
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        hull = ConvexHull(points).simplices
        edges = np.unique(np.sort(hull[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)), axis=0)
        points = np.concatenate([points, points[edges].mean(axis=1)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    faces = ConvexHull(points).simplices
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    faces[inward] = faces[inward][:, ::-1]
    return SourceSurface(radius * points, faces)


@pytest.fixture(scope="module")
def domain() -> SpaceTime:
    return SpaceTime(icosahedron(), 0.1 * np.arange(30))


SCHEMES: dict[str, type[Scheme]] = {
    "ad": AutomaticDifferentiation,
    "spatial": SpatialDifferences,
    "spatiotemporal": SpatiotemporalDifferences,
}


def random_point(domain: SpaceTime, n: int = 6) -> Point:
    generator = torch.Generator().manual_seed(1)
    node = torch.randint(len(domain.surface.points), (n,), generator=generator)
    instant = torch.tensor([0, 1, 7, 15, 28, 29])[:n]
    return Point(node, instant, torch.ones(n))


# -- derivatives at collocation points


def test_jets_agree_with_backward_automatic_differentiation(domain: SpaceTime) -> None:
    network = NETWORKS["NN6"].build(seed=2).double()
    network.set_domain(domain.surface.points, domain.time, 2.0)
    scheme, point = AutomaticDifferentiation(domain), random_point(domain)
    jets = scheme.inputs(network, point).double()
    found = scheme.derivatives(network(jets, scheme.jet), point)

    raw = (jets[:, 0] / network.scale + network.centre).requires_grad_()
    u, v = network((raw - network.centre) * network.scale).unbind(-1)
    (first_u,) = torch.autograd.grad(u.sum(), raw, create_graph=True)
    (first_v,) = torch.autograd.grad(v.sum(), raw, create_graph=True)
    second = [
        torch.autograd.grad(first_u[:, k].sum(), raw, retain_graph=True)[0][:, k] for k in range(3)
    ]
    for ours, expected in (
        (found.du_dt, first_u[:, 3]),
        (found.dv_dt, first_v[:, 3]),
        (found.laplacian, sum(second)),
        (found.flux, (first_u[:, :3] * scheme.normals[point.node]).sum(1)),
    ):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-12)


def test_differences_at_points_are_the_operators_of_the_grid(domain: SpaceTime) -> None:
    network = NETWORKS["NN2"].build(seed=2)
    network.set_domain(domain.surface.points, domain.time, 2.0)
    n, n_times = len(domain.surface.points), len(domain.time)
    everywhere = torch.arange(n)[:, None].expand(n, n_times)
    with torch.no_grad():
        u = network(domain.at(network, everywhere, torch.arange(n_times).expand(n, -1)))[..., 0]
    scheme, point = SpatiotemporalDifferences(domain), random_point(domain)
    found = scheme.derivatives(network(scheme.inputs(network, point), scheme.jet), point)
    laplacian = domain.surface.neighbour_laplacian @ u.numpy()
    du_dt = (time_derivative(n_times, domain.tau) @ u.numpy().T).T
    at = point.node.numpy(), point.instant.numpy()
    np.testing.assert_allclose(found.laplacian.detach(), laplacian[at], atol=1e-5)
    np.testing.assert_allclose(found.du_dt.detach(), du_dt[at], atol=1e-4)
    assert found.flux is None


def test_schemes_agree_where_the_differences_converge(domain: SpaceTime) -> None:
    """Time derivatives by the chain rule and by eqs. (17), (18) of a smooth network."""
    network, point = NETWORKS["NN1"].build(seed=5), random_point(domain)
    network.set_domain(domain.surface.points, domain.time, 1.0)
    found = {}
    for key, scheme in SCHEMES.items():
        made = scheme(domain)
        found[key] = made.derivatives(network(made.inputs(network, point), made.jet), point)
    for name in ("du_dt", "dv_dt"):
        exact = getattr(found["ad"], name)
        torch.testing.assert_close(getattr(found["spatial"], name), exact, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            getattr(found["spatiotemporal"], name), exact, rtol=1e-3, atol=1e-4
        )
    torch.testing.assert_close(found["spatial"].laplacian, found["spatiotemporal"].laplacian)


# -- Jacobians


@pytest.mark.parametrize("key", ["ad", "spatial", "spatiotemporal"])
def test_jacobian_agrees_with_finite_differences(domain: SpaceTime, key: str) -> None:
    network = NETWORKS["NN4"].build(seed=1).double()
    network.set_domain(domain.surface.points, domain.time, 2.0)
    scheme, point = SCHEMES[key](domain), random_point(domain)
    inputs = scheme.inputs(network, point).double()
    parameters = list(network.parameters())
    theta = torch.nn.utils.parameters_to_vector(parameters).detach()

    def residual() -> torch.Tensor:
        d = scheme.derivatives(network(inputs, scheme.jet), point)
        return d.du_dt + d.u * d.v + d.dv_dt**2 + 100 * d.laplacian

    with traced(network) as trace:
        found = jacobian(trace, residual())
    direction = torch.randn(len(theta), generator=torch.Generator().manual_seed(3)).double()
    values = []
    for step in (1e-5, -1e-5):
        torch.nn.utils.vector_to_parameters(theta + step * direction, parameters)
        values.append(residual().detach())
    torch.testing.assert_close(
        found @ direction, (values[0] - values[1]) / 2e-5, rtol=1e-4, atol=1e-7
    )


def test_projected_jacobian_agrees_with_autograd(domain: SpaceTime) -> None:
    network = NETWORKS["NN2"].build(seed=1)
    n = len(domain.surface.points)
    projection = torch.randn(3, n, generator=torch.Generator().manual_seed(0))
    instants, nodes = torch.tensor([[4], [20]]).expand(2, n), torch.arange(n).expand(2, n)
    with traced(network) as trace:
        outputs = network(domain.at(network, nodes, instants))
        found = projected_jacobian(trace, outputs, projection)
        q = (outputs[..., 0] @ projection.T).flatten()
    for k in range(6):
        gradients = torch.autograd.grad(q[k], list(network.parameters()), retain_graph=True)
        expected = torch.cat([g.flatten() for g in gradients])
        torch.testing.assert_close(found[k], expected, rtol=1e-3, atol=1e-4)


# -- losses, sampling, steps


def test_residuals_are_the_model(domain: SpaceTime) -> None:
    """Eqs. (6), (7) against the right-hand sides by which the model is simulated."""
    model, rng = AlievPanfilov(a=0.15, diffusion=3.0), np.random.default_rng(0)
    u, v, du_dt, dv_dt, laplacian = rng.uniform(0, 1, (5, 8))
    d = Derivatives(*map(torch.as_tensor, (u, v, du_dt, dv_dt, laplacian)), None)
    expected = du_dt - 3.0 * laplacian - model.reaction(u, v)
    np.testing.assert_allclose(r_u(d, model), expected)
    np.testing.assert_allclose(r_v(d, model), dv_dt - model.recovery(u, v))
    point = random_point(domain)._replace(weight=torch.full((8,), 2.0))
    total = sum(r.square().sum().item() for r in ep_residuals(d, point, model))
    np.testing.assert_allclose(total, 2 * (r_u(d, model) ** 2 + r_v(d, model) ** 2).mean())


def test_data_loss_is_equation_5() -> None:
    rng = np.random.default_rng(0)
    transfer, u, y = rng.normal(size=(7, 20)), rng.normal(size=(20, 9)), rng.normal(size=(7, 9))
    transfer[6] = transfer[5]  # a row that the singular vectors leave out
    data = DataLoss.of(transfer, y)
    assert len(data.projection) == 6
    found = data.residuals(torch.as_tensor(u.T, dtype=torch.float32), torch.arange(9))
    expected = ((y - transfer @ u) ** 2).mean()
    assert found.square().sum().item() + data.constant == pytest.approx(expected, rel=1e-5)


def test_points_where_u_changes_leave_means_unbiased(domain: SpaceTime) -> None:
    sampler = Sampler(domain, torch.Generator().manual_seed(0))
    u = np.exp(-((domain.time - 1.5) ** 2) / 0.02) * np.ones((len(domain.surface.points), 1))
    sampler.follow(u, 0.4)
    point = sampler.points(40_000)
    values = torch.as_tensor(u**2)[point.node, point.instant]
    assert (point.weight * values).mean().item() == pytest.approx((u**2).mean(), rel=0.03)
    assert (values > 0.1).float().mean() > 1.5 * (u**2 > 0.1).mean()


def test_plane_wave_is_that_of_the_model() -> None:
    """The exact front of the bistable equation, and equation (2) along the wave."""
    time = 0.1 * np.arange(-150, 250)
    model = AlievPanfilov(diffusion=300.0)  # scales lengths alone
    (u,), (v,) = plane_wave(time, model)
    front = np.abs(time) < 1.5
    exact = 1 / (1 + np.exp(-np.sqrt(8 / 2) * (1 - 2 * 0.1) * np.sqrt(8 / 2) * time[front]))
    np.testing.assert_allclose(u[front], exact, atol=0.05)
    slope = np.gradient(v, time)
    np.testing.assert_allclose(slope[2:-2], model.recovery(u, v)[2:-2], atol=0.02)
    assert u[time < -8].max() < 1e-3 < 0.9 < u.max() < 1.001


def test_start_has_the_times_of_the_solution_and_the_wave_of_the_model() -> None:
    time, model = 0.1 * np.arange(300), AlievPanfilov()
    activation = np.array([4.03, 11.0, 20.5])
    blurred = np.clip((time - activation[:, None]) / 8 + 0.5, 0, 1)
    u, v = start_of(np.vstack([blurred, 0.4 * np.ones(300)]), time, model)
    np.testing.assert_allclose(crossing_times(u[:3], time, 0.5), activation, atol=0.01)
    np.testing.assert_allclose(u[1, 110:], plane_wave(time[:190], model).u[0], atol=1e-6)
    assert not u[3].any() and not v[3].any()


class Lines(NetworkResiduals):
    """A linear network, so that one undamped step ends at the least-squares solution."""

    def __init__(self, layer: torch.nn.Linear, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        self.layer = layer
        self.x, self.y = (torch.randn(30, n, generator=generator) for n in (3, 1))

    def values(self) -> torch.Tensor:
        return (self.layer(self.x) - self.y)[:, 0]

    def linearised(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.values().detach(), torch.cat([self.x, torch.ones(30, 1)], dim=1)


def test_gauss_newton_ends_at_the_least_squares_solution() -> None:
    with seeded(0):
        lines = Lines(torch.nn.Linear(3, 1))
    optimiser = NetworkGaussNewton(lines.layer, memory=0.9, damping=1e-3)
    first = optimiser.step(lines)
    assert optimiser.damping.value < 1e-3
    optimiser.step(lines)
    matrix = lines.linearised()[1]
    expected = torch.linalg.lstsq(matrix, lines.y).solution[:, 0]
    found = torch.cat([lines.layer.weight[0], lines.layer.bias])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert lines.values().square().sum().item() < first


def test_steps_as_1_over_k_end_at_the_solution_of_all_samples() -> None:
    """Recursive least squares, exact of a linear network; whole steps forget all but the last."""
    with seeded(0):
        layer = torch.nn.Linear(3, 1)
    samples = [Lines(layer, seed) for seed in range(12)]
    optimiser = NetworkGaussNewton(layer, memory=0.0, damping=1e-8)
    for k, sample in enumerate(samples):
        optimiser.step(sample, length=1 / (k + 1))
    matrix = torch.cat([sample.linearised()[1] for sample in samples])
    expected = torch.linalg.lstsq(matrix, torch.cat([sample.y for sample in samples])).solution
    found = torch.cat([layer.weight[0], layer.bias])
    torch.testing.assert_close(found, expected[:, 0], rtol=1e-4, atol=1e-5)


def test_training_ends_where_the_loss_no_longer_falls(domain: SpaceTime) -> None:
    falling = list(0.9 ** np.arange(2 * WINDOW))
    flat = [1.0, 0.9] * WINDOW
    assert has_converged(flat, 0.01) and not has_converged(falling, 0.01)
    assert not has_converged(flat, 0.0) and not has_converged(flat[:-1], 0.01)
    n = len(domain.surface.points)
    transfer = np.full((3, n), 1 / n) + np.eye(3, n)
    method = EandArn(architecture=NETWORKS["NN2"])
    objective = method.objective(transfer, transfer @ np.zeros((n, len(domain.time))), domain)
    recipe = Recipe(steps=3 * WINDOW, tolerance=1.0, n_points=20, n_instants=2)
    assert train(objective, recipe, method.generator("train")) == 2 * WINDOW


def test_symmetric_product_by_blocks() -> None:
    matrix = torch.randn(11, 29, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gram_of(matrix), matrix.T @ matrix)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(BadInput, match="ep_weight"):
        EandArn(ep_weight=0.0)
