"""Chamfer distances between anatomies in mm (Dokuchaev 2026, eq. (8)).

Two readings. *Interior*: the paper's, between the grid points inside either shape; most points
are shared and count zero, so that it flatters. *Surface*: between points on the two surfaces.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from einthoven.core import check
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.seeds import generator
from einthoven.core.tags import SDF_SURFACES
from einthoven.geometry.closest import TriangleTree
from einthoven.geometry.sampling import points_on_surface
from einthoven.geometry.signed_distance import surface_distance
from einthoven.geometry.surfaces import Surfaces

DistanceFunction = Callable[[np.ndarray], np.ndarray]
"""points [point, 3] mm -> signed distances [point, surface] mm."""
MARGIN_MM = 8.0
N_SURFACE_POINTS = 5_000


def chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Eq. (8): mean distance to the closest point of the other cloud, both ways, halved.

    Args:
        first: [point, 3] mm.
        second: [point, 3] mm.

    Raises:
        BadInput: NaN or an empty cloud.
    """
    for name, cloud in (("first", first), ("second", second)):
        check.shape(name, check.finite(name, cloud), (None, 3))
        if len(cloud) == 0:
            raise BadInput(f"{name} cloud: has no points")
    there = cKDTree(second).query(first)[0].mean()
    back = cKDTree(first).query(second)[0].mean()
    return float(there + back) / 2


def interior_chamfer(grid: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The paper's version: eq. (8) between the grid points with signed distance <= 0.

    Args:
        grid: [point, 3] mm.
        first: [point] mm.
        second: [point] mm.
    """
    return chamfer(grid[first <= 0], grid[second <= 0])


def surface_chamfer(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> float:
    """Eq. (8) between two surfaces: points uniform on each, exact distance to the other.

    Args:
        first: points [vertex, 3] mm and faces [face, 3].
        second: likewise.
    """
    return (_mean_distance(first, second) + _mean_distance(second, first)) / 2


def _mean_distance(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> float:
    """From points of one surface to the other, mm; the same points for the same surface."""
    queries, _ = points_on_surface(*one, N_SURFACE_POINTS, generator(0, "chamfer"))
    return float(TriangleTree(*other).closest(queries).distance.mean())


@dataclass(frozen=True)
class Grid:
    """A regular grid of n^3 points over a box; x runs fastest."""

    low: np.ndarray
    spacing: np.ndarray
    n: int

    @classmethod
    def around(cls, points: np.ndarray, n: int) -> "Grid":
        """Grid over the box of `points`, widened by MARGIN_MM."""
        low, high = points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
        return cls(low, (high - low) / (n - 1), n)

    def points(self) -> np.ndarray:
        """[n^3, 3] mm."""
        axes = [self.low[d] + self.spacing[d] * np.arange(self.n) for d in range(3)]
        z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        return np.stack([x, y, z], axis=-1).reshape(-1, 3)

    def contour(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zero level of values [n^3] by flying edges: points [vertex, 3] mm, faces [face, 3].

        Raises:
            StepFailed: the values do not change sign.
        """
        import pyvista

        if not values.min() < 0 < values.max():
            raise StepFailed("contour: the signed distance has no zero in the patient's box")
        image = pyvista.ImageData(
            dimensions=(self.n,) * 3, spacing=tuple(self.spacing), origin=tuple(self.low)
        )
        mesh = image.contour([0.0], scalars=np.asarray(values, dtype=np.float64))
        return np.asarray(mesh.points, dtype=np.float64), mesh.regular_faces


def reconstruction_chamfer(
    truth: Surfaces, decoded: DistanceFunction, n_grid: int = 64
) -> dict[str, dict[str, float]]:
    """Chamfer distances of a decoded anatomy to the true one.

    The torso is compared on a grid over the body, the heart's surfaces on a finer one over
    the heart (the paper: 128 points a side over the body).

    Args:
        truth: the patient's surfaces.
        decoded: signed distances to judge, e.g. `lambda x: encoder.decode(latent, x)`.
        n_grid: grid points a side.

    Returns:
        Per surface `interior_mm` and `surface_mm`.

    Raises:
        StepFailed: a decoded surface does not exist.
    """
    result: dict[str, dict[str, float]] = {}
    for box, names in (("torso", ("torso",)), ("epi", SDF_SURFACES[1:])):
        grid = Grid.around(truth.closed(box)[0], n_grid)
        points = grid.points()
        values = decoded(points)
        for name in names:
            predicted = values[:, SDF_SURFACES.index(name)]
            surface = truth.closed(name)
            true = surface_distance(truth.points, truth.union(name), points)
            result[name] = {
                "interior_mm": interior_chamfer(points, predicted, true),
                "surface_mm": surface_chamfer(grid.contour(predicted), surface),
            }
    return result
