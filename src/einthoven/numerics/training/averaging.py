"""Exponential moving average (EMA) of weights: often better than the last, never much worse."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Ema:
    """torch's averaged model of the trainable weights only, because a task also holds its data.

    After each step mean <- d mean + (1 - d) weight, with d = min(decay, n / (9 + n)) in the n-th
    step, so that the first steps are forgotten. With decay 0 nothing is averaged.
    """

    def __init__(self, module: nn.Module, decay: float):
        weights = [p for p in module.parameters() if p.requires_grad] if decay else []
        self.weights = nn.ParameterList(weights)

        def follow(means: list[Tensor], latest: list[Tensor], n: Tensor) -> None:
            torch._foreach_lerp_(means, latest, 1 - min(decay, int(n) / (9 + int(n))))

        self.averaged = AveragedModel(self.weights, multi_avg_fn=follow)
        self.update()  # the first call copies

    def update(self) -> None:
        """Update the averages after a step."""
        if self.weights:
            self.averaged.update_parameters(self.weights)

    def into_weights(self) -> None:
        """Replace the module's weights by the averages."""
        self.weights.load_state_dict(self.averaged.module.state_dict())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Use the averages as the module's weights within the block."""
        latest = deepcopy(self.weights.state_dict())
        self.into_weights()
        try:
            yield
        finally:
            self.weights.load_state_dict(latest)
