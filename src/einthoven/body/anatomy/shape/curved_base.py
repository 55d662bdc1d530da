"""A base as in real hearts: a raised outflow tract, a tilted bow, shoulders."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces

OUTFLOW_WIDTH_MM = 22.0
SHOULDER_MM = 22.0
"""Depth below the base over which the heart narrows towards it."""
N_TERMS = 5
"""Terms x, y, x^2, x y, y^2 of the position on the base."""


@dataclass(frozen=True, eq=False)
class BaseCurve:
    """Departure of a heart's base from that of its shape model."""

    outflow_mm: float = 0.0
    """Rise of the pulmonary end of the RV's opening."""
    bow_mm: float = 0.0
    """Largest height of the bow."""
    bow: np.ndarray = field(default_factory=lambda: np.zeros(N_TERMS))
    """[term] relative weights of the bow's terms."""
    breadth: float = 1.0
    """Factor on the breadth of the base: below 1, the heart is widest beneath it."""

    @classmethod
    def draw(cls, largest_mm: float, breadth: list[float], rng: np.random.Generator) -> Self:
        """Heights, uniform up to the largest for the outflow tract and half of it for the bow."""
        outflow, bow = rng.random(2) * [largest_mm, 0.5 * largest_mm]
        terms = rng.normal(size=N_TERMS)
        return cls(outflow, bow, terms, float(np.exp(rng.uniform(*np.log(breadth)))))

    def moves(self, heart: HeartSurfaces) -> np.ndarray:
        """Displacements [vertex, 3] mm.

        Along z they fall from the base to the apex with the square of the depth, by less than 1 mm
        per mm, so that nothing folds. Across, they point towards the base's middle.
        """
        z = heart.points[:, 2]
        share = np.clip(1.0 - z / z.min(), 0.0, 1.0) ** 2  # the base is at 0
        moves = np.zeros_like(heart.points)
        moves[:, 2] = share * (self._outflow(heart) + self._bow(heart))
        middle = heart.points[np.unique(heart.tagged(Surface.BASE)), :2].mean(axis=0)
        near = (self.breadth - 1.0) * np.exp(-((z / SHOULDER_MM) ** 2))
        moves[:, :2] = near[:, None] * (heart.points[:, :2] - middle)
        return moves

    def _outflow(self, heart: HeartSurfaces) -> np.ndarray:
        """Heights [vertex] mm about the point of the RV's opening farthest along y (front)."""
        opening = heart.points[np.unique(heart.tagged(Surface.RV_CAP))]
        offset = heart.points[:, :2] - opening[opening[:, 1].argmax(), :2]
        return self.outflow_mm * np.exp(-0.5 * (offset**2).sum(axis=1) / OUTFLOW_WIDTH_MM**2)

    def _bow(self, heart: HeartSurfaces) -> np.ndarray:
        """Heights [vertex] mm of the bow, zero at the centre of the LV's opening."""
        x, y = heart.points[:, :2].T
        height = np.stack([x, y, x * x, x * y, y * y], axis=1) / _sizes(heart) @ self.bow
        base = np.unique(heart.tagged(Surface.BASE, Surface.LV_CAP, Surface.RV_CAP))
        largest = np.abs(height[base]).max()
        return self.bow_mm / largest * height if largest else height


def _sizes(heart: HeartSurfaces) -> np.ndarray:
    """Lengths and areas [term] that scale the terms to order one on the base."""
    base = heart.points[np.unique(heart.tagged(Surface.BASE)), :2]
    x, y = np.ptp(base, axis=0) / 2
    return np.array([x, y, x * x, x * y, y * y])
