"""Geometry that is off: what a method is told of where heart and skin are."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.seeds import generator


@dataclass(frozen=True)
class Misfit:
    """A heart that is shifted and a torso that is scaled about its axis.

    Attributes:
        heart_mm: length of the heart's shift; its direction is drawn from `seed`.
        torso_mm: root mean square of the electrodes' displacement, as by a breath or a thinner
            body; the skin grows in x and y about its centroid.
        seed: of the direction.
    """

    heart_mm: float = 0.0
    torso_mm: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check.between("heart_mm", self.heart_mm, 0.0, 40.0, "the heart would leave the body")
        check.between("torso_mm", self.torso_mm, -40.0, 40.0)

    @property
    def shift(self) -> np.ndarray:
        """Of the heart: [3] mm."""
        direction = generator(self.seed, "geometry misfit").standard_normal(3)
        return self.heart_mm * direction / np.linalg.norm(direction)

    def torso(self, skin: np.ndarray, electrodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Skin [torso node, 3] and electrodes [electrode, 3] where the method believes them, mm."""
        axis = skin.mean(axis=0) * [1, 1, 0]
        radius = np.sqrt(np.square((electrodes - axis)[:, :2]).sum(axis=1).mean())
        factor = np.array([1 + self.torso_mm / radius, 1 + self.torso_mm / radius, 1.0])
        return axis + (skin - axis) * factor, axis + (electrodes - axis) * factor
