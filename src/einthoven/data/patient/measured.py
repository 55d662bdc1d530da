"""What was measured or computed elsewhere in an imported heart: its own fibres and activation."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from einthoven.base.geometry.tet_places import TetPlaces


@dataclass(frozen=True, eq=False)
class MeasuredTissue:
    """Values on the nodes of a heart's own tetrahedra, in any one frame.

    Attributes:
        points: [node, 3] mm.
        cells: [cell, 4].
        fiber: [node, 3] unit, of either sign; NaN where there is none. Or None.
        time: [node] ms, activation; NaN where there is none. Or None.
        scenario: whose activation it is.
    """

    points: np.ndarray
    cells: np.ndarray
    fiber: np.ndarray | None = None
    time: np.ndarray | None = None
    scenario: str = ""

    def fiber_at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fibres [place, 3] at places [place, 3] mm, and how far in mm they come from [place].

        Of f f^T, interpolated linearly, the direction of the largest eigenvalue: so the sign of a
        fibre means nothing. Outside and in holes it is that of the nearest point.
        """
        if self.fiber is None:
            raise ValueError("no fibres were measured")
        at = self._places(np.isfinite(self.fiber).all(axis=1), places)
        tensors = at.on(np.nan_to_num(self.fiber[:, :, None] * self.fiber[:, None, :]))
        return np.linalg.eigh(tensors)[1][:, :, 2], at.gap

    def time_at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Activation times [place] ms, linear in each tetrahedron, and as in `fiber_at`."""
        if self.time is None:
            raise ValueError("no activation was measured")
        at = self._places(np.isfinite(self.time), places)
        return at.on(np.nan_to_num(self.time)), at.gap

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Self:
        """The same at points @ matrix + shift; matrix [3, 3] a rotation times a scale."""
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
        """In those tetrahedra all of whose nodes have a value [node] bool."""
        return TetPlaces.of(self.points, self.cells[known[self.cells].all(axis=1)], places)
