"""Training of a network: a start from a regularised solution, then Gauss-Newton steps.

From random weights L_D + lambda L_EP needs tens of thousands of gradient steps to find the wave.
Instead the network is first fitted to a wave with the times of a regularised solution (`start`),
which takes seconds with small batches of single points. Damped Gauss-Newton steps on both losses
follow. They get shorter, so that the end depends on all samples and not on the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.log import track
from einthoven.inverse.baselines.networks.architecture import SpaceTimeNetwork
from einthoven.inverse.baselines.networks.collocation import Point, Sampler, Scheme, SpaceTime
from einthoven.inverse.baselines.networks.gauss_newton import NetworkGaussNewton, NetworkResiduals
from einthoven.inverse.baselines.networks.jacobian import jacobian, projected_jacobian, traced
from einthoven.inverse.baselines.networks.loss import DataLoss, ep_residuals
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov

N_CHECK = 20_000
"""Number of uniform collocation points for the final L_EP."""
ADAM_RATE = 5e-3
V_WEIGHT = 0.25
"""Weight of v in the regression at the start: v has twice the range of u and follows from it."""
REFRESH = 20
"""Number of steps between new densities of the collocation points."""
WINDOW = 20
"""Number of steps over which losses, each of another sample, are averaged."""
HALVING = 2
"""Number of steps in which their length falls to a half; it starts at 1 and falls as 1/k."""


@dataclass(frozen=True)
class Recipe:
    """Lengths and sizes of a training."""

    start_steps: int = 1500
    """Number of Adam steps at the start."""
    start_points: int = 4000
    """Points per Adam step."""
    steps: int = 20
    """Number of Gauss-Newton steps, at most."""
    tolerance: float = 0.0
    """The training has converged when the mean loss of `WINDOW` steps is less than this share below
    that of the `WINDOW` steps before. 0: all steps are done."""
    n_points: int = 1200
    """Collocation points per step."""
    n_instants: int = 16
    """Instants of body potentials per step."""
    memory: float = 0.9
    """Share of the earlier steps in the average of `NetworkGaussNewton`."""
    uniform: float = 0.4
    """Share of the collocation points drawn uniformly; the others where u changes fast, with
    weights that leave eq. (9) unbiased."""
    half_width: float = 2.0
    """Half width of the scaled inputs, see `SpaceTimeNetwork.set_domain`."""


@dataclass(frozen=True)
class Objective:
    """Total loss L_D + lambda L_EP of a network, eq. (4)."""

    network: SpaceTimeNetwork
    scheme: Scheme
    data: DataLoss
    model: AlievPanfilov
    ep_weight: float

    @property
    def domain(self) -> SpaceTime:
        """Surface and instants."""
        return self.scheme.domain

    def u(self, instants: Tensor) -> Tensor:
        """Outputs at all nodes: [instant, node, 2]."""
        node = torch.arange(len(self.domain.points)).expand(len(instants), -1)
        return self.network(self.domain.at(self.network, node, instants[:, None].expand_as(node)))

    def ep(self, point: Point) -> list[Tensor]:
        """Residuals whose squares sum to L_EP."""
        outputs = self.network(self.scheme.inputs(self.network, point), self.scheme.jet)
        return ep_residuals(self.scheme.derivatives(outputs, point), point, self.model)


@dataclass(frozen=True)
class CollocationSample(NetworkResiduals):
    """Both losses on some collocation points and instants."""

    objective: Objective
    point: Point
    instants: Tensor

    def values(self) -> Tensor:
        """Residuals: [row]."""
        data = self.objective.data.residuals(self.objective.u(self.instants)[..., 0], self.instants)
        root = self.objective.ep_weight**0.5
        return torch.cat([data, *(root * r for r in self.objective.ep(self.point))])

    def linearised(self) -> tuple[Tensor, Tensor]:
        """Residuals [row] and their Jacobian [row, parameter]."""
        data, root = self.objective.data, self.objective.ep_weight**0.5
        with traced(self.objective.network) as trace:
            outputs = self.objective.u(self.instants)
        values = [data.residuals(outputs[..., 0], self.instants)]
        projection = data.scale(len(self.instants)) * data.projection
        columns = [projected_jacobian(trace, outputs, projection)]
        with traced(self.objective.network) as trace:
            values += [root * r for r in self.objective.ep(self.point)]
        columns += [jacobian(trace, r) for r in values[1:]]
        return torch.cat(values).detach(), torch.cat(columns)


def evaluate(network: SpaceTimeNetwork, domain: SpaceTime) -> np.ndarray:
    """U and v at all nodes and instants: [2, node, time]."""
    instants, parts = torch.arange(len(domain.time)), []
    with torch.no_grad():
        for node in torch.arange(len(domain.points)).split(128):
            index = node[:, None].expand(-1, len(instants))
            parts.append(network(domain.at(network, index, instants.expand_as(index))))
    return torch.cat(parts).permute(2, 0, 1).double().numpy()


def regress(
    network: SpaceTimeNetwork,
    domain: SpaceTime,
    target: np.ndarray,
    recipe: Recipe,
    generator: torch.Generator,
) -> None:
    """Fit a network to u, v [2, node, time] by Adam on batches of single points, in place.

    The rate falls to zero along a cosine.
    """
    sampler = Sampler(domain, generator)
    sampler.follow(target[0], recipe.uniform)
    values = torch.as_tensor(target, dtype=torch.float32)
    weights = torch.tensor([1.0, V_WEIGHT])
    optimiser = torch.optim.Adam(network.parameters(), ADAM_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(recipe.start_steps, 1))
    for _ in range(recipe.start_steps):
        point = sampler.points(recipe.start_points)
        outputs = network(domain.at(network, point.node, point.instant))
        error = (outputs - values[:, point.node, point.instant].T).square() @ weights
        loss = (point.weight * error).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def train(objective: Objective, recipe: Recipe, generator: torch.Generator) -> int:
    """Do Gauss-Newton steps on the total loss; return their number.

    The network of the objective is changed in place.
    """
    optimiser = NetworkGaussNewton(objective.network, recipe.memory)
    sampler = Sampler(objective.domain, generator)
    seen: list[float] = []
    for step in track(range(recipe.steps), "Gauss-Newton"):
        if has_converged(seen, recipe.tolerance):
            break
        if step % REFRESH == 0:
            sampler.follow(evaluate(objective.network, objective.domain)[0], recipe.uniform)
        point, instants = sampler.points(recipe.n_points), sampler.instants(recipe.n_instants)
        sample = CollocationSample(objective, point, instants)
        seen.append(optimiser.step(sample, HALVING / (HALVING + step)))
    return len(seen)


def has_converged(seen: Sequence[float], tolerance: float) -> bool:
    """Whether the losses seen so far have stopped to fall, see `Recipe.tolerance`."""
    if not tolerance or len(seen) < 2 * WINDOW:
        return False
    last, before = sum(seen[-WINDOW:]), sum(seen[-2 * WINDOW : -WINDOW])
    return last > (1 - tolerance) * before


def losses(objective: Objective, generator: torch.Generator) -> tuple[float, float]:
    """Losses L_D of all instants, and L_EP at uniform points."""
    point = Sampler(objective.domain, generator).points(N_CHECK)
    with torch.no_grad():
        ep = sum(r.square().sum().item() for r in objective.ep(point))
        u = torch.as_tensor(evaluate(objective.network, objective.domain)[0], dtype=torch.float32)
        every = torch.arange(u.shape[1])
        data = objective.data.residuals(u.T, every).square().sum().item()
    return data + objective.data.constant, float(ep)
