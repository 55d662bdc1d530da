"""EP-DL, its variants with numerical differentiation, and EAND-ARN of Zhu 2025.

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1.
    Xie, Yao, IEEE Trans Autom Sci Eng 20:151-166 (2023), arXiv:2107.12780 (EP-DL).
"""

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import torch

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import derive_seed
from einthoven.inverse.baselines.networks.architecture import Architecture
from einthoven.inverse.baselines.networks.collocation import (
    AutomaticDifferentiation,
    Scheme,
    SpaceTime,
    SpatialDifferences,
    SpatiotemporalDifferences,
)
from einthoven.inverse.baselines.networks.fit import (
    Objective,
    Recipe,
    evaluate,
    losses,
    regress,
    train,
)
from einthoven.inverse.baselines.networks.loss import DataLoss
from einthoven.inverse.baselines.networks.start import start_of
from einthoven.inverse.baselines.stre import Stre
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import OWN, Diagnostics, Estimate, Method, MethodChoices
from einthoven.numerics.training.task import torch_threads
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov


@dataclass(frozen=True)
class NetworkMethod(Method):
    """A network u(s, t), v(s, t) that minimises L_D + lambda L_EP, eq. (4).

    The model's parameters are known. It describes potentials that rest at 0, rise to 1 and return:
    those of a cell, or of problems made with the model, not extracellular recordings.
    """

    scheme: ClassVar[type[Scheme]]

    ep_weight: float = 0.1
    """Weight lambda of eq. (4); table III."""
    architecture: Architecture = Architecture(layers=10)
    """Depth and width, as in `networks.architecture.NETWORKS` (table I)."""
    model: AlievPanfilov = AlievPanfilov()
    mv_per_unit: float = 1.0
    """Unit of potential of the model, mV."""
    start: Method | None = field(default_factory=Stre)
    """Method whose activation times start the network (`networks.start`); None: random weights, as
    in Zhu 2025."""
    recipe: Recipe = Recipe()
    seed: int = 0
    """Seed of weights, collocation points and instants."""

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """Method with the length of training and the seed chosen."""
        steps = choices.network_steps
        recipe = Recipe() if steps is None else Recipe(steps=steps)
        return cls(recipe=recipe, seed=choices.seed)

    def __post_init__(self) -> None:
        for name in ("ep_weight", "mv_per_unit"):
            if not getattr(self, name) > 0:
                raise BadInput(
                    f"{name} = {getattr(self, name):g} must be positive; 0.1 and 1 are usual"
                )

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate of the trained network; `numbers` has the losses and the number of steps."""
        domain = SpaceTime(problem.surface, problem.time / problem.ms_per_unit)
        body = problem.body_potentials / self.mv_per_unit
        with torch_threads(1):
            objective = self.objective(problem.transfer, body, domain)
            if self.start is not None:
                first = self.start.fit(problem).potentials
                target = start_of(first / self.mv_per_unit, domain.time, self.model)
                generator = self.generator("start")
                regress(objective.network, domain, target, self.recipe, generator)
            steps = train(objective, self.recipe, self.generator("train"))
            data, ep = losses(objective, self.generator("check"))
            u = evaluate(objective.network, domain)[0]
        numbers = {"loss_data": data, "loss_ep": ep, "steps": float(steps)}
        diagnostics = Diagnostics(reg_weight=self.ep_weight, numbers=numbers)
        return Estimate(self.mv_per_unit * u, diagnostics)

    def objective(self, transfer: np.ndarray, body: np.ndarray, domain: SpaceTime) -> Objective:
        """Both losses of a new network; transfer [electrode, node].

        Body potentials [electrode, time] and the time of the domain are in units of the model.
        """
        network = self.architecture.build(self.seed)
        network.set_domain(domain.surface.points, domain.time, self.recipe.half_width)
        data = DataLoss.of(transfer, body)
        return Objective(network, self.scheme(domain), data, self.model, self.ep_weight)

    def generator(self, purpose: str) -> torch.Generator:
        """Generator of random numbers for one purpose."""
        return torch.Generator().manual_seed(derive_seed(self.seed, "inverse-network", purpose))


@dataclass(frozen=True)
class EpDl(NetworkMethod):
    """EP-DL: feed-forward, all derivatives by automatic differentiation (EP-DL_AD)."""

    name: ClassVar[str] = "ep-dl"
    scheme = AutomaticDifferentiation


@dataclass(frozen=True)
class EpDlSpatial(NetworkMethod):
    """EP-DL with the Laplacian from neighbours, eq. (15) (EP-DL_dND)."""

    name: ClassVar[str] = "ep-dl-spatial"
    scheme = SpatialDifferences


@dataclass(frozen=True)
class EpDlSpatiotemporal(NetworkMethod):
    """EP-DL with numerical differentiation in space and time (EP-DL_ND; NN1, NN3, NN5)."""

    name: ClassVar[str] = "ep-dl-spatiotemporal"
    scheme = SpatiotemporalDifferences


@dataclass(frozen=True)
class EandArn(NetworkMethod):
    """EAND-ARN: adaptive residual blocks and spatiotemporal differences (NN6; NN2, NN4)."""

    name: ClassVar[str] = "eand-arn"
    scheme = SpatiotemporalDifferences
    architecture: Architecture = Architecture(layers=10, blocks=3)
