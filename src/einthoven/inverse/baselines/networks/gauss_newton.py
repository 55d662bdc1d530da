"""Damped Gauss-Newton steps for a network on samples of its residuals.

The networks here have about 2,000 weights, so that J'J of some thousand residuals is affordable:
a step solves (H + mu I) d = -J'r instead of following the gradient, where H is the moving average
of J'J over the last samples, each of which alone would determine too little. The damping mu rises
as in `levenberg_marquardt`, and falls where the quadratic model predicted the gain.

Full steps converge to the solution of the last sample alone and keep fluctuating. Steps of a length
that falls as 1/k, with H the mean over as many samples, are recursive least squares (a Kalman
filter): they converge to the least-squares solution of all samples.

References:
    Levenberg, Quart Appl Math 2:164-168 (1944), doi:10.1090/qam/10666.
    Bertsekas, SIAM J Optim 6:807-822 (1996), doi:10.1137/S1052623494268522 (incremental least
    squares and the extended Kalman filter).
    Natural gradients for such networks: Mueller, Zeinhofer, ICML (2023), arXiv:2302.13163.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from einthoven.numerics.optimisation.levenberg_marquardt import Damping

LEAST_DAMPING = 1e-9
MAX_REFUSED = 6
DECREASE, INCREASE = 1 / 3, 4.0
"""Factors on the damping after a step that gained as predicted, and after a refused one."""
GOOD, POOR = 0.75, 0.25
"""Gains over the predicted gain above which the damping falls, and below which it doubles."""
N_BLOCKS = 8
"""Blocks of columns; of J'J only those on and above the diagonal are computed."""


class NetworkResiduals(ABC):
    """A sample of residuals as a function of the network's weights."""

    @abstractmethod
    def values(self) -> Tensor:
        """Residuals [row] at the present weights."""

    @abstractmethod
    def linearised(self) -> tuple[Tensor, Tensor]:
        """Residuals [row] and their Jacobian [row, parameter]."""


class NetworkGaussNewton:
    """Optimiser of a network's weights, with the moving average H and the damping mu.

    Args:
        network: changed in place.
        memory: least weight of earlier samples in H, which averages 1 / (1 - memory) steps.
        damping: mu at the start.
    """

    def __init__(self, network: nn.Module, memory: float, damping: float = 1e-3):
        self.parameters = list(network.parameters())
        self.memory = memory
        self.damping = Damping(damping, DECREASE, INCREASE, MAX_REFUSED, least=LEAST_DAMPING)
        self.gram: Tensor | None = None

    def step(self, residuals: NetworkResiduals, length: float = 1.0) -> float:
        """One step; return the sample's loss before it. The weights stay if no damping lowers it.

        `length` is the share of the full step; H forgets no faster than by this share per step.
        """
        values, jacobian = residuals.linearised()
        gradient = (jacobian.T @ values).double()
        self._remember(gram_of(jacobian), max(self.memory, 1 - length))
        start = parameters_to_vector(self.parameters).detach()
        loss = values.square().sum().item()

        def trial() -> tuple[Tensor, float]:
            if (full := self._full_step(gradient)) is None:
                return start, math.inf
            step = length * full
            vector_to_parameters(start + step.to(start.dtype), self.parameters)
            with torch.no_grad():
                return step, residuals.values().square().sum().item()

        if (found := self.damping.first_lower(loss, trial)) is None:
            vector_to_parameters(start, self.parameters)
            return loss
        step, new_loss = found
        predicted = -(2 * gradient + self.gram @ step) @ step
        self._adapt((loss - new_loss) / predicted.item())
        return loss

    def _remember(self, gram: Tensor, memory: float) -> None:
        if self.gram is None:
            self.gram = gram.double()
        else:
            self.gram.mul_(memory).add_(gram, alpha=1 - memory)

    def _full_step(self, gradient: Tensor) -> Tensor | None:
        """The step of length 1; None: rounding has made H + mu I indefinite."""
        assert self.gram is not None
        damped = self.gram.clone()
        damped.diagonal().add_(self.damping.value)
        factor, failed = torch.linalg.cholesky_ex(damped)
        return None if failed else -torch.cholesky_solve(gradient[:, None], factor)[:, 0]

    def _adapt(self, gain_ratio: float) -> None:
        """Lower the damping where the quadratic model predicted the gain, raise it where not."""
        if gain_ratio > GOOD:
            self.damping.lower()
        elif gain_ratio < POOR:
            self.damping.value *= 2


def gram_of(jacobian: Tensor) -> Tensor:
    """J'J [parameter, parameter] of a Jacobian J [row, parameter]."""
    columns = jacobian.chunk(N_BLOCKS, dim=1)
    ends = torch.tensor([0, *(block.shape[1] for block in columns)]).cumsum(0).tolist()
    gram = jacobian.new_empty(ends[-1], ends[-1])
    for k, block in enumerate(columns):
        rows, right = slice(ends[k], ends[k + 1]), slice(ends[k], ends[-1])
        product = block.T @ jacobian[:, right]
        gram[rows, right], gram[right, rows] = product, product.T
    return gram
