"""Linear interpolation of nodal values at points in a tetrahedral mesh."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class TetPlaces:
    """Points as barycentric combinations of nodes; points outside take the nearest point inside."""

    nodes: np.ndarray
    """[place, 4]."""
    weights: np.ndarray
    """[place, 4], sum 1; from 0 to 1 within 0.1 %."""
    gap: np.ndarray
    """[place] mm, distance from the mesh; zero inside."""

    @classmethod
    def of(cls, points: np.ndarray, cells: np.ndarray, places: np.ndarray) -> Self:
        """Locate places [place, 3] mm in a mesh, points [node, 3] mm, cells [cell, 4]."""
        import pyvista as pv

        cells, points = np.asarray(cells), np.asarray(points, float)
        grid = pv.UnstructuredGrid({pv.CellType.TETRA: cells}, points)
        found, nearest = grid.find_closest_cell(places, return_closest_point=True)
        within = np.atleast_1d(grid.find_containing_cell(places))
        nearest = np.where((within >= 0)[:, None], places, np.reshape(nearest, (-1, 3)))
        nodes = cells[np.where(within >= 0, within, found)]
        corners = points[nodes]
        sides = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
        others = np.linalg.solve(sides, (nearest - corners[:, 0])[..., None])[..., 0]
        weights = np.column_stack([1.0 - others.sum(axis=1), others])
        # VTK accepts points slightly outside a cell; unclipped weights stay linear
        weights = np.where((within >= 0)[:, None], weights, np.clip(weights, 0.0, None))
        weights /= weights.sum(axis=1, keepdims=True)
        return cls(nodes, weights, np.linalg.norm(places - nearest, axis=1))

    def on(self, values: np.ndarray) -> np.ndarray:
        """Values [node, ...] at the places [place, ...]."""
        return np.einsum("pk,pk...->p...", self.weights, values[self.nodes])
