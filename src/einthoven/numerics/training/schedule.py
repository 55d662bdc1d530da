"""Length, learning rate, averaging and precision of a training."""

import math
from dataclasses import dataclass

from einthoven.base.config.learning import Precision

WARM_UP = 0.02
"""Share of all steps over which the learning rate rises (cosine schedule only)."""
FLOOR = 0.005
"""The cosine schedule ends at this share of the learning rate."""


@dataclass(frozen=True)
class Schedule:
    """Length, learning rate, averaging and precision of a training.

    `halve_after_epochs` > 0 is a constant learning rate, halved once (section 2.8 of Dokuchaev
    2026). 0 is a short linear warm-up followed by a cosine, which needs far fewer epochs.
    `ema_decay` > 0 yields the moving average of the weights instead of the last ones.
    """

    epochs: int
    learning_rate: float
    precision: Precision = 32
    halve_after_epochs: int = 0
    ema_decay: float = 0.0

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Share of the learning rate at an optimiser step."""
        if self.halve_after_epochs:
            return 0.5 if step >= self.halve_after_epochs * steps_per_epoch else 1.0
        total = self.epochs * steps_per_epoch
        warm_up = max(1, round(WARM_UP * total))
        if step < warm_up:
            return (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, total - warm_up))
        return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))
