"""Triangle surfaces: neighbours, and planar regions with a fixed boundary, with or without gmsh."""

import numpy as np
import scipy.sparse as sp
from scipy.spatial import Delaunay, cKDTree

from einthoven.base.core.errors import MissingExtra, StepFailed, extra
from einthoven.base.core.log import logger
from einthoven.base.geometry.simplex import triangle_area_vectors, unique_sides
from einthoven.base.geometry.surface_operators import cotangent_stiffness

CLEARANCE = 0.6
"""Minimum distance between lattice points and the boundary, in edges."""
SAMPLES = 6
"""Samples per side of the boundary for that distance."""
N_STEPS = 4
"""Steps of `follow_boundary`."""


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


def face_edges(faces: np.ndarray) -> np.ndarray:
    """Directed edges of all triangles: [3 * face, 2]."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def unique_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undirected edges [edge, 2] (sorted) and how many triangles hold each [edge]."""
    return unique_sides(face_edges(faces))


def euler_number(faces: np.ndarray) -> int:
    """Euler number of a surface [face, 3]: two less for every hole through a wall."""
    return len(np.unique(faces)) - len(unique_edges(faces)[0]) + len(faces)


def adjacency(edges: np.ndarray, n: int) -> sp.csr_array:
    """Ones [vertex, vertex] where an edge [edge, 2] joins two of n vertices."""
    pairs = np.concatenate([edges, edges[:, ::-1]])
    return sp.csr_array((np.ones(len(pairs)), pairs.T), shape=(n, n))


def face_neighbours(faces: np.ndarray) -> np.ndarray:
    """Faces across the three edges of each face: [face, 3]; -1 across a boundary.

    At an edge with more than two triangles, an arbitrary pair is taken.
    """
    low, high = np.sort(face_edges(faces).astype(np.int64), axis=1).T
    edges = high * (int(high.max(initial=0)) + 1) + low  # one number each: sorted in half the time
    order = np.argsort(edges, kind="stable")
    first = np.flatnonzero(np.diff(edges[order]) == 0)
    one, other = order[first], order[first + 1]
    across = np.full(len(edges), -1)
    across[one], across[other] = other % len(faces), one % len(faces)
    return across.reshape(3, -1).T


def face_pieces(faces: np.ndarray, tags: np.ndarray | None = None) -> list[np.ndarray]:
    """Face ids of every component connected across edges, each of one tag if tags are given."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    columns = face_neighbours(faces).ravel()
    rows = np.repeat(np.arange(len(faces)), 3)
    joined = columns >= 0
    if tags is not None:
        joined &= tags[rows] == tags[columns]
    links = (np.ones(joined.sum()), (rows[joined], columns[joined]))
    graph = coo_array(links, shape=(len(faces), len(faces)))
    _, piece = connected_components(graph, directed=False)
    return np.split(np.argsort(piece, kind="stable"), np.cumsum(np.bincount(piece))[:-1])


def triangle_quality(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area over squared edge lengths, 1 for an equilateral triangle: [face]."""
    corners = points[faces]
    sides = corners - np.roll(corners, -1, axis=1)
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    return 4 * np.sqrt(3) * area / (sides**2).sum(axis=(1, 2))


def compact(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points [vertex, 3] that triangles use, in float64, and the triangles renumbered."""
    used = np.zeros(len(points), bool)
    used[faces] = True
    new_id = np.cumsum(used, dtype=np.int32) - 1
    return np.asarray(points, np.float64)[used], new_id[faces].reshape(-1, 3)


def mesh_plane(loops: list[np.ndarray], edge_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate a region of the plane z = 0 bounded by fixed polygons.

    Uses gmsh, or `plane_lattice`, with different triangles, if gmsh is not installed.

    Args:
        loops: polygons [corner, 3] mm, the outer one first; their points are kept and come first.
        edge_mm: wanted edge length inside.

    Returns:
        points [vertex, 3] (the loops' points in order, then new ones) and faces [face, 3] with
        normals along +z.

    Raises:
        StepFailed: the mesher fails, or it moved or split the given boundary.
    """
    try:
        with extra("solve", "triangulating a plane piece"):
            import gmsh
    except MissingExtra as error:
        logger.info("plane regions are triangulated by a lattice: %s", error)
        return plane_lattice(loops, edge_mm)
    boundary = np.concatenate(loops)
    if not gmsh.isInitialized():
        gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Verbosity", 0)
    settings = {"Mesh.Algorithm": 6, "Mesh.MeshSizeMax": edge_mm}
    before = {name: gmsh.option.getNumber(name) for name in settings}
    for name, value in settings.items():
        gmsh.option.setNumber(name, value)
    gmsh.model.add("plane")
    try:
        geo, curve_loops, n_before = gmsh.model.geo, [], 0
        for loop in loops:
            ids = [geo.addPoint(*point, edge_mm, n_before + i + 1) for i, point in enumerate(loop)]
            n_before += len(loop)
            lines = [geo.addLine(a, b) for a, b in zip(ids, ids[1:] + ids[:1])]
            for line in lines:
                geo.mesh.setTransfiniteCurve(line, 2)
            curve_loops.append(geo.addCurveLoop(lines))
        geo.addPlaneSurface(curve_loops, 1)
        geo.synchronize()
        gmsh.model.mesh.generate(2)
        tags, coordinates, _ = gmsh.model.mesh.getNodes()
        _, _, triangles = gmsh.model.mesh.getElements(2, 1)
    except Exception as error:  # gmsh raises bare Exceptions
        raise StepFailed(f"planar mesh of {len(loops)} loops: gmsh says {error}") from error
    finally:
        gmsh.model.remove()
        for name, value in before.items():
            gmsh.option.setNumber(name, value)
    order = np.argsort(tags)
    points = coordinates.reshape(-1, 3)[order]
    if len(triangles) == 0 or not np.allclose(points[: len(boundary)], boundary):
        raise StepFailed("planar mesh: gmsh did not keep the boundary")
    faces = np.searchsorted(tags[order], triangles[0]).reshape(-1, 3)
    down = triangle_area_vectors(points, faces)[:, 2] < 0
    faces[down] = faces[down][:, ::-1]
    return points, faces


def follow_boundary(
    points: np.ndarray, faces: np.ndarray, fixed: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Deform a surface so that some vertices reach targets, the others follow: [vertex, 3] mm.

    Each of several steps solves for the harmonic displacement on the current surface; a single step
    folds triangles beside moving corners. points and targets [vertex, 3] mm, faces [face, 3];
    `fixed` [vertex] have targets, and vertices without a face stay.
    """
    step = np.where(fixed[:, None], targets - points, 0.0) / N_STEPS
    moved = np.array(points, dtype=float)
    for _ in range(N_STEPS):
        moved += extend_harmonically(moved, faces, fixed, step)
    return moved


def extend_harmonically(
    points: np.ndarray, faces: np.ndarray, fixed: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Fill a surface from values [vertex, component] on some vertices by Laplace's equation (P1).

    The result is exact for linear functions on a flat surface. points [vertex, 3] mm, faces [face,
    3]; `fixed` [vertex] are given, and vertices without a face keep their values.
    """
    from scipy.sparse.linalg import splu

    ids, local = np.unique(faces, return_inverse=True)
    held = fixed[ids]
    rows = cotangent_stiffness(points[ids], local.reshape(-1, 3))[~held]
    filled = np.array(values, dtype=float)
    load = -rows[:, held] @ filled[ids[held]]
    filled[ids[~held]] = splu(rows[:, ~held].tocsc()).solve(load)
    return filled
