"""Exponential moving average of weights: often better than the last ones, and never far."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """mean <- d mean + (1 - d) weight after each step, d = min(decay, (1 + step) / (10 + step)).

    The second term lets the first steps be forgotten. With decay 0 nothing is averaged.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        named = module.named_parameters() if decay else ()
        self.weights = {name: p for name, p in named if p.requires_grad}
        self.means = {name: p.detach().clone() for name, p in self.weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights after step number `step`, from 0."""
        if self.means:
            decay = min(self.decay, (1 + step) / (10 + step))
            new = [weight.detach() for weight in self.weights.values()]
            torch._foreach_lerp_(list(self.means.values()), new, 1 - decay)

    def copy(self, values: dict[str, Tensor]) -> None:
        """Take over means that were kept."""
        for name, mean in self.means.items():
            mean.copy_(values[name])

    @torch.no_grad()
    def into_weights(self) -> None:
        """Let the module have the means for good."""
        for name, mean in self.means.items():
            self.weights[name].copy_(mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the means for a while."""
        last = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.into_weights()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, weight in self.weights.items():
                    weight.copy_(last[name])
