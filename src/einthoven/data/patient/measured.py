"""Fibres and activation of an imported heart, measured or computed elsewhere."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from einthoven.base.geometry.tet_places import TetPlaces


@dataclass(frozen=True, eq=False)
class MeasuredTissue:
    """Values on the nodes of a heart's own tetrahedra, in any frame."""

    points: np.ndarray
    """[node, 3] mm."""
    cells: np.ndarray
    """[cell, 4]."""
    fiber: np.ndarray | None = None
    """[node, 3] unit, of either sign, NaN where unknown; or None."""
    time: np.ndarray | None = None
    """[node] ms, activation, NaN where unknown; or None."""
    scenario: str = ""
    """Scenario of this activation."""

    def fiber_at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fibres [place, 3] at places [place, 3] mm, and the distance [place] mm they come from.

        The tensor f f^T is interpolated linearly and its principal direction is taken, so the sign
        of a fibre does not matter. Outside the mesh and in gaps it is the value at the nearest
        point.
        """
        if self.fiber is None:
            raise ValueError("no fibres were measured")
        at = self._places(np.isfinite(self.fiber).all(axis=1), places)
        tensors = at.on(np.nan_to_num(self.fiber[:, :, None] * self.fiber[:, None, :]))
        return np.linalg.eigh(tensors)[1][:, :, 2], at.gap

    def time_at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Activation times [place] ms, linear in each tetrahedron; distances as in `fiber_at`."""
        if self.time is None:
            raise ValueError("no activation was measured")
        at = self._places(np.isfinite(self.time), places)
        return at.on(np.nan_to_num(self.time)), at.gap

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Self:
        """The tissue at points @ matrix + shift; matrix [3, 3] is a rotation times a scale."""
        fiber = self.fiber
        if fiber is not None:
            fiber = (fiber @ matrix / np.cbrt(abs(np.linalg.det(matrix)))).astype(np.float32)
        return replace(self, points=self.points @ matrix + shift, fiber=fiber)

    def to_anatomy(self) -> dict[str, Any]:
        """Fields of `patient.anatomy.Anatomy`."""
        return {
            "measured_points": self.points,
            "measured_cells": self.cells.astype(np.int32),
            "measured_fiber": self.fiber,
            "measured_time": self.time,
            "measured_scenario": self.scenario,
        }

    def _places(self, known: np.ndarray, places: np.ndarray) -> TetPlaces:
        """Interpolation in those tetrahedra whose nodes all have a value [node] bool."""
        return TetPlaces.of(self.points, self.cells[known[self.cells].all(axis=1)], places)
