"""Triangles of a plane region from a lattice, if gmsh is not installed."""

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.simplex import unique_sides

CLEARANCE = 0.6
"""Minimum distance between lattice points and the boundary, in edges."""
SAMPLES = 6
"""Samples per side of the boundary for that distance."""


def plane_lattice(loops: list[np.ndarray], edge_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Delaunay triangles of the boundary's points and a hexagonal lattice inside it.

    Args:
        loops: polygons [corner, 3] mm in the plane z = 0, the outer one first; their points are
            kept and come first.
        edge_mm: wanted edge length inside.

    Returns:
        points [vertex, 3] mm and faces [face, 3] with normals along +z.

    Raises:
        StepFailed: a side of the boundary is not an edge of these triangles, because its points are
            too far apart relative to the distance of another loop.
    """
    boundary = np.concatenate(loops)[:, :2]
    sides = np.concatenate([np.stack([loop, np.roll(loop, -1, axis=0)], 1) for loop in loops])
    sides = sides[..., :2]
    low, high = boundary.min(axis=0), boundary.max(axis=0)
    step = np.array([edge_mm, np.sqrt(0.75) * edge_mm])
    rows = [np.arange(low[axis], high[axis], step[axis]) for axis in (0, 1)]
    x, y = np.meshgrid(*rows)
    x = x + 0.5 * edge_mm * (np.arange(len(rows[1])) % 2)[:, None]
    lattice = np.stack([x.ravel(), y.ravel()], axis=1)
    share = np.linspace(0, 1, SAMPLES, endpoint=False)[:, None, None]
    along = (sides[:, 0] + share * (sides[:, 1] - sides[:, 0])).reshape(-1, 2)
    apart = cKDTree(along).query(lattice)[0]
    inner = lattice[(apart > CLEARANCE * edge_mm) & _inside(sides, lattice)]
    flat = np.concatenate([boundary, inner])
    faces = Delaunay(flat).simplices.astype(np.int64)
    faces = faces[_inside(sides, flat[faces].mean(axis=1))]
    a, b, c = flat[faces].transpose(1, 0, 2)
    (x1, y1), (x2, y2) = (b - a).T, (c - a).T
    down = x1 * y2 < x2 * y1
    faces[down] = faces[down][:, ::-1]
    _check(loops, faces)
    return np.column_stack([flat, np.zeros(len(flat))]), faces


def _inside(sides: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether [point] a ray to the right crosses the sides [side, 2, 2] an odd number of times."""
    (x0, y0), (x1, y1) = sides[:, 0].T, sides[:, 1].T
    x, y = points[:, :1], points[:, 1:]
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return (crosses & (x < at)).sum(axis=1) % 2 == 1


def _check(loops: list[np.ndarray], faces: np.ndarray) -> None:
    """Check that the boundary of the triangles is the loops."""
    ends = np.cumsum([0, *map(len, loops)])
    given = np.concatenate(
        [np.stack([np.arange(a, b), np.r_[a + 1 : b, a]], 1) for a, b in zip(ends, ends[1:])]
    )
    edges, counts = unique_sides(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2))
    found = {tuple(edge) for edge in edges[counts == 1].tolist()}
    wanted = {tuple(edge) for edge in np.sort(given, axis=1).tolist()}
    if found != wanted:
        raise StepFailed(
            f"planar mesh of {len(loops)} loops without gmsh: {len(wanted - found)} of "
            f"{len(wanted)} sides are no edges; pip install 'einthoven[solve]' (docs/install.md)"
        )
