"""Errors between surfaces: Chamfer distances in mm (Dokuchaev 2026, eq. (8)).

Two definitions. *Interior*, of Dokuchaev 2026: between the grid points inside either shape. Most
points are shared and count zero, so it underestimates. *Surface*: between points on both surfaces.
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.sampling import points_on_surface
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.surfaces import Surfaces

Triangles = tuple[np.ndarray, np.ndarray]
"""points [vertex, 3] mm and faces [face, 3]."""
N_SURFACE_POINTS = 5_000


def chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance between clouds [point, 3] mm to the closest point, both ways, halved: eq. (8).

    Raises:
        BadInput: NaN or an empty cloud.
    """
    for name, cloud in (("first", first), ("second", second)):
        check.shape(name, check.finite(name, cloud), (None, 3))
        if len(cloud) == 0:
            raise BadInput(f"{name} cloud: has no points")
    from_first = cKDTree(second).query(first)[0].mean()
    from_second = cKDTree(first).query(second)[0].mean()
    return float(from_first + from_second) / 2


def surface_chamfer(first: Triangles, second: Triangles) -> float:
    """Eq. (8) between surfaces: uniform points on each, exact distance to the other."""
    return (_mean_distance(first, second) + _mean_distance(second, first)) / 2


def _mean_distance(one: Triangles, other: Triangles) -> float:
    """Mean distance of points of one surface to the other, mm; deterministic per surface."""
    queries, _ = points_on_surface(*one, N_SURFACE_POINTS, generator(0, "chamfer"))
    return float(TriangleTree(*other).closest(queries).distance.mean())


def reconstruction_chamfer(
    truth: Surfaces, decoded: Callable[[np.ndarray], np.ndarray], n_grid: int = 64
) -> dict[str, dict[str, float]]:
    """Chamfer distances of a decoded anatomy: `interior_mm` and `surface_mm` of each surface.

    The torso is compared on a grid over the body, the heart's surfaces on a finer one over the
    heart (Dokuchaev 2026: 128 points per side over the body). `decoded` maps points [point, 3] mm
    to signed distances [point, surface] mm.

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
                "interior_mm": chamfer(points[predicted <= 0], points[true <= 0]),
                "surface_mm": surface_chamfer(grid.contour(predicted), surface),
            }
    return result
