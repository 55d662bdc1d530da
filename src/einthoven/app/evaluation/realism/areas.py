"""Areas under ROC curves, and the placements of which they are means."""

from dataclasses import dataclass

import numpy as np

NORMAL_95 = 1.96


@dataclass(frozen=True)
class RocArea:
    """Area under the ROC curve from cross-validation.

    Attributes:
        auc: 0.5 if the groups cannot be distinguished. se: its standard error.
        n: people of each group.
    """

    auc: float
    se: float
    n: tuple[int, int]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, within 0 and 1."""
        low, high = np.clip(self.auc + NORMAL_95 * self.se * np.array([-1.0, 1.0]), 0.0, 1.0)
        return float(low), float(high)

    def __str__(self) -> str:
        return f"{self.auc:.3f} ± {self.se:.3f}"


def placements(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of the other group that each person is rightly above or below; equal scores count half.

    Args:
        scores: [person] higher for label 1. labels: [person] 1 or 0.

    Returns:
        [person]; NaN in a fold that has one group alone.
    """
    high, low = scores[labels == 1], scores[labels == 0]
    placed = np.full(len(scores), np.nan)
    if len(high) and len(low):
        above = (high[:, None] > low) + 0.5 * (high[:, None] == low)
        placed[labels == 1], placed[labels == 0] = above.mean(axis=1), above.mean(axis=0)
    return placed
