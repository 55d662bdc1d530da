"""Exponential moving average (EMA) of weights: often better than the last ones, and never far."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Ema:
    """torch's averaged model of the trainable weights alone, as a task also holds its data.

    mean <- d mean + (1 - d) weight after each step, d = min(decay, n / (9 + n)) in the n-th step,
    so that the first steps are forgotten. With decay 0 nothing is averaged.
    """

    def __init__(self, module: nn.Module, decay: float):
        weights = [p for p in module.parameters() if p.requires_grad] if decay else []
        self.weights = nn.ParameterList(weights)

        def follow(means: list[Tensor], latest: list[Tensor], n: Tensor) -> None:
            torch._foreach_lerp_(means, latest, 1 - min(decay, int(n) / (9 + int(n))))

        self.averaged = AveragedModel(self.weights, multi_avg_fn=follow)
        self.update()  # the first one copies

    def update(self) -> None:
        """Follow the weights after a step."""
        if self.weights:
            self.averaged.update_parameters(self.weights)

    @torch.no_grad()
    def into_weights(self) -> None:
        """Let the module have the means for good."""
        for weight, mean in zip(self.weights, self.averaged.module.parameters()):
            weight.copy_(mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the means for a while."""
        latest = [weight.detach().clone() for weight in self.weights]
        self.into_weights()
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, value in zip(self.weights, latest):
                    weight.copy_(value)
