"""Zero level sets of functions on regular grids."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core.errors import StepFailed

MARGIN_MM = 8.0


@dataclass(frozen=True)
class Grid:
    """A regular grid of n^3 points over a box; x runs fastest."""

    low: np.ndarray
    spacing: np.ndarray
    n: int

    @classmethod
    def around(cls, points: np.ndarray, n: int) -> Self:
        """Grid over the box of `points`, widened by MARGIN_MM."""
        low, high = points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
        return cls(low, (high - low) / (n - 1), n)

    def points(self) -> np.ndarray:
        """[n^3, 3] mm."""
        axes = [self.low[d] + self.spacing[d] * np.arange(self.n) for d in range(3)]
        z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        return np.stack([x, y, z], axis=-1).reshape(-1, 3)

    def walled(self, values: np.ndarray) -> np.ndarray:
        """Values [n^3], made positive on the sides of the box, so that contours close there."""
        cube = values.reshape((self.n,) * 3).copy()
        for axis in range(3):
            sides = np.moveaxis(cube, axis, 0)[[0, -1]]
            np.moveaxis(cube, axis, 0)[[0, -1]] = np.maximum(sides, self.spacing.min())
        return cube.ravel()

    def contour(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zero level set of values [n^3] by flying edges: points [vertex, 3] mm, faces [face, 3].

        Raises:
            StepFailed: the values do not change sign.
        """
        return zero_level(values.reshape((self.n,) * 3), self.low, self.spacing)


def zero_level(
    values: np.ndarray, low: np.ndarray, spacing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Zero level set of values [z, y, x] on a grid by flying edges: points, faces [face, 3].

    The first value is at `low` [3] mm, x, y, z, the others at `spacing` [3] mm from each other. The
    surface is open where it leaves the grid.

    Raises:
        StepFailed: the values do not change sign.
    """
    import pyvista

    if not values.min() < 0 < values.max():
        raise StepFailed("contour: the signed distance has no zero in the patient's box")
    image = pyvista.ImageData(
        dimensions=values.shape[::-1], spacing=tuple(spacing), origin=tuple(low)
    )
    # a zero at a grid point would give triangles without area
    tiny = 1e-5 * np.abs(values).max()
    scalars = np.where(np.abs(values) < tiny, tiny, values).astype(np.float64)
    mesh = image.contour([0.0], scalars=scalars.ravel())
    return np.asarray(mesh.points, dtype=np.float64), mesh.regular_faces
