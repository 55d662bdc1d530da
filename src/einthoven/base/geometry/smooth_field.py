"""Smooth random displacements: sums of Gaussians with random centres and directions."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

N_CENTRES = 20


@dataclass(frozen=True, eq=False)
class SmoothField:
    """A vector field u(x) = sum_k w_k exp(-|x - c_k|^2 / (2 width^2)), mm."""

    centres: np.ndarray
    """[centre, 3] mm."""
    weights: np.ndarray
    """[centre, 3] mm."""
    width_mm: float

    @classmethod
    def draw(
        cls, points: np.ndarray, rms_mm: float, width_mm: float, rng: np.random.Generator
    ) -> "SmoothField":
        """A random field with root-mean-square length `rms_mm` over `points` [point, 3].

        Centres are uniform in the box of the points, weights normal.
        """
        centres = rng.uniform(points.min(axis=0), points.max(axis=0), (N_CENTRES, 3))
        field = cls(centres, rng.normal(size=(N_CENTRES, 3)), width_mm)
        rms = np.sqrt((field(points) ** 2).sum(axis=1).mean())
        return cls(centres, field.weights * (rms_mm / rms), width_mm)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Displacements [point, 3] mm at points [point, 3] mm."""
        distance = cdist(points, self.centres)
        return np.exp(-0.5 * (distance / self.width_mm) ** 2) @ self.weights
