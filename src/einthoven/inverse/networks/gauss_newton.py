"""Damped Gauss-Newton steps for a network on samples of its residuals.

A network of the paper has about 2,000 weights, so that J'J of some thousand residuals is
affordable: a step solves (H + mu I) d = -J'r instead of following the gradient, where H is the
moving average of J'J over the last samples, each of which alone would determine too little.

References:
    Levenberg, Quart Appl Math 2:164-168 (1944); Marquardt, J SIAM 11:431-441 (1963).
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


class Residuals(ABC):
    """A sample of residuals as a function of the network's weights."""

    @abstractmethod
    def values(self) -> Tensor:
        """[row]."""

    @abstractmethod
    def linearised(self) -> tuple[Tensor, Tensor]:
        """Values [row] and Jacobian [row, parameter]."""


class GaussNewton:
    """Weights of a network, the moving average H, and the damping mu.

    Args:
        network: changed in place.
        memory: weight of the past in H; a sample counts for about 1 / (1 - memory) steps.
        damping: mu at the start.
    """

    def __init__(self, network: nn.Module, memory: float, damping: float = 1e-3):
        self.parameters = list(network.parameters())
        self.memory = memory
        self.damping = damping
        self.gram: Tensor | None = None

    def step(self, residuals: Residuals) -> float:
        """One step; the weights stay where they are if no damping lowers the loss of the sample.

        Returns:
            The sample's loss before it.
        """
        values, jacobian = residuals.linearised()
        gradient = (jacobian.T @ values).double()
        gram = jacobian.T @ jacobian
        if self.gram is None:
            self.gram = gram.double()
        else:
            self.gram.mul_(self.memory).add_(gram, alpha=1 - self.memory)
        start = parameters_to_vector(self.parameters).detach()
        loss = values.square().sum().item()
        for _ in range(N_TRIES):
            direction = self._solve(gradient)
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

    def _solve(self, gradient: Tensor) -> Tensor:
        assert self.gram is not None
        damped = self.gram.clone()
        damped.diagonal().add_(self.damping)
        factor = torch.linalg.cholesky(damped)
        return -torch.cholesky_solve(gradient[:, None], factor)[:, 0]

    def _adapt(self, gain_ratio: float) -> None:
        """Less damping where the model predicted the gain, more where it did not."""
        if gain_ratio > 0.75:
            self.damping = max(BETTER * self.damping, SMALLEST_DAMPING)
        elif gain_ratio < 0.25:
            self.damping *= 2
