"""Damped Gauss-Newton steps for a network on samples of its residuals.

A network of the paper has about 2,000 weights, so that J'J of some thousand residuals is
affordable: a step solves (H + mu I) d = -J'r instead of following the gradient, where H is the
moving average of J'J over the last samples, each of which alone would determine too little.

Whole steps end where the last sample alone would have them, and go on wandering. Steps of a length
that falls as 1/k, with H the mean over as many samples, are recursive least squares (a Kalman
filter): they end at the least-squares solution of all samples.

References:
    Levenberg, Quart Appl Math 2:164-168 (1944); Marquardt, J SIAM 11:431-441 (1963).
    Bertsekas, SIAM J Optim 6:807-822 (1996), doi:10.1137/S1052623494268522 (incremental least
    squares and the extended Kalman filter).
    Natural gradients for such networks: Mueller, Zeinhofer, ICML (2023), arXiv:2302.13163.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

SMALLEST_DAMPING = 1e-9
N_TRIES = 6
"""Dampings that one step tries before it stays where it is."""
WORSE, BETTER = 4.0, 1 / 3
"""Factors on the damping after a refused step, and after one that did as predicted."""
N_BLOCKS = 8
"""Of columns; of a symmetric product only blocks on and above the diagonal are computed."""


class NetworkResiduals(ABC):
    """A sample of residuals as a function of the network's weights."""

    @abstractmethod
    def values(self) -> Tensor:
        """[row]."""

    @abstractmethod
    def linearised(self) -> tuple[Tensor, Tensor]:
        """Values [row] and Jacobian [row, parameter]."""


class NetworkGaussNewton:
    """Weights of a network, the moving average H, and the damping mu.

    Args:
        network: changed in place.
        memory: least weight of the past in H; a sample counts for about 1 / (1 - memory) steps.
        damping: mu at the start.
    """

    def __init__(self, network: nn.Module, memory: float, damping: float = 1e-3):
        self.parameters = list(network.parameters())
        self.memory = memory
        self.damping = damping
        self.gram: Tensor | None = None

    def step(self, residuals: NetworkResiduals, length: float = 1.0) -> float:
        """One step; the weights stay where they are if no damping lowers the loss of the sample.

        Args:
            residuals: the sample.
            length: share of the whole step; H forgets no faster than by this share a step.

        Returns:
            The sample's loss before it.
        """
        values, jacobian = residuals.linearised()
        gradient = (jacobian.T @ values).double()
        self._remember(gram_of(jacobian), max(self.memory, 1 - length))
        start = parameters_to_vector(self.parameters).detach()
        loss = values.square().sum().item()
        for _ in range(N_TRIES):
            if (whole := self._solve(gradient)) is None:
                self.damping *= WORSE
                continue
            direction = length * whole
            vector_to_parameters(start + direction.to(start.dtype), self.parameters)
            with torch.no_grad():
                gain = loss - residuals.values().square().sum().item()
            if gain > 0:
                predicted = -(2 * gradient + self.gram @ direction) @ direction
                self._adapt(gain / predicted.item())
                return loss
            self.damping *= WORSE
        vector_to_parameters(start, self.parameters)
        return loss

    def _remember(self, gram: Tensor, memory: float) -> None:
        if self.gram is None:
            self.gram = gram.double()
        else:
            self.gram.mul_(memory).add_(gram, alpha=1 - memory)

    def _solve(self, gradient: Tensor) -> Tensor | None:
        """The whole step; None: rounding has made H + mu I indefinite."""
        assert self.gram is not None
        damped = self.gram.clone()
        damped.diagonal().add_(self.damping)
        factor, failed = torch.linalg.cholesky_ex(damped)
        return None if failed else -torch.cholesky_solve(gradient[:, None], factor)[:, 0]

    def _adapt(self, gain_ratio: float) -> None:
        """Less damping where the model predicted the gain, more where it did not."""
        if gain_ratio > 0.75:
            self.damping = max(BETTER * self.damping, SMALLEST_DAMPING)
        elif gain_ratio < 0.25:
            self.damping *= 2


def gram_of(jacobian: Tensor) -> Tensor:
    """J'J of J [row, parameter]: [parameter, parameter]."""
    columns = jacobian.chunk(N_BLOCKS, dim=1)
    ends = torch.tensor([0, *(block.shape[1] for block in columns)]).cumsum(0).tolist()
    gram = jacobian.new_empty(ends[-1], ends[-1])
    for k, block in enumerate(columns):
        rows, right = slice(ends[k], ends[k + 1]), slice(ends[k], ends[-1])
        product = block.T @ jacobian[:, right]
        gram[rows, right], gram[right, rows] = product, product.T
    return gram
