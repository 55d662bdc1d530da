"""Triangles between boundary loops in space that no plane projection separates."""

import math

import numba
import numpy as np

from einthoven.base.core.errors import StepFailed, extra
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import extend_harmonically, face_neighbours, unique_edges

COMPACTNESS = 0.05
"""Weight of squared edge lengths relative to the area; it prefers short edges in flat regions."""
N_REMESHING = 10
FOLDED_COSINE = -0.99
N_TRIALS = 8


def fill_in_space(
    loops: list[np.ndarray], edge_mm: float, like: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate the region between boundary loops that no plane projection separates.

    The loops are bridged to one polygon along the shortest connections. Its triangulation of least
    area is found by dynamic programming (Barequet and Sharir 1995, 10.1016/0167-8396(94)00011-G;
    Liepa 2003, 10.2312/SGP/SGP03/200-206). Its inside is remeshed (Botsch and Kobbelt 2004) and
    made harmonic, or projected onto the surface to follow.

    Args:
        loops: polygons [corner, 3] mm in the direction of the triangles: the outer boundary first,
            then holes in the opposite direction. Their points are kept and come first.
        edge_mm: wanted edge length inside.
        like: points [vertex, 3] mm and faces [face, 3] of the surface to follow.

    Returns:
        points [vertex, 3] mm and faces [face, 3], in the direction of the loops.

    Raises:
        StepFailed: the loops cross, or the bridged polygon has no manifold triangulation.
    """
    points = np.concatenate(loops)
    starts = np.cumsum([0, *map(len, loops)])
    ids = [np.arange(a, b) for a, b in zip(starts, starts[1:])]
    followed = None if like is None else TriangleTree(*like)
    faces = _least_triangulation(points, _bridged(points, ids), followed)
    n_rim = len(points)
    points, faces = _remeshed(points, faces, loops, edge_mm)
    inner = np.arange(len(points)) >= n_rim
    if followed is not None:
        drawn = np.where(inner[:, None], followed.closest(points).points, points)
        points = _unfolded(points, drawn, faces)
    elif inner.any():
        points = extend_harmonically(points, faces, ~inner, points)
    if n := len(intersecting_pairs(points, faces)) + _n_folds(points, faces):
        raise StepFailed(f"{len(loops)} loops in space cross: {n} pairs of triangles intersect")
    return points, faces


def _bridged(points: np.ndarray, loops: list[np.ndarray]) -> np.ndarray:
    """One polygon [corner] through all loops by the shortest bridges, whose ends occur twice."""
    polygon, rest = loops[0], list(loops[1:])
    while rest:
        twice = np.flatnonzero(np.bincount(polygon) > 1)
        free = np.flatnonzero(~np.isin(polygon, twice))
        gaps = [np.linalg.norm(points[polygon[free], None] - points[loop], axis=2) for loop in rest]
        k = int(np.argmin([gap.min() for gap in gaps]))
        at, to = np.unravel_index(gaps[k].argmin(), gaps[k].shape)
        at, loop = int(free[at]), rest.pop(k)
        round_trip = np.concatenate([np.roll(loop, -int(to)), loop[[to]]])
        polygon = np.concatenate([polygon[: at + 1], round_trip, polygon[at:]])
    return polygon


def _least_triangulation(
    points: np.ndarray, polygon: np.ndarray, followed: TriangleTree | None
) -> np.ndarray:
    """Triangles [n - 2, 3] of vertex ids with the least total cost, for a polygon [n]."""
    n, corners = len(polygon), points[polygon]
    squared = ((corners[:, None] - corners) ** 2).sum(axis=2)
    chord = COMPACTNESS * squared
    if followed is not None:  # chords that leave the surface cost more
        i, j = np.triu_indices(n, 2)
        off = followed.closest(0.5 * (corners[i] + corners[j])).distance
        chord[i, j] += 2.0 * np.sqrt(squared[i, j]) * off
    low, high = np.minimum.outer(polygon, polygon), np.maximum.outer(polygon, polygon)
    pair = low * len(points) + high
    # no chord joins a vertex to its copy at the other end of a bridge, or lies on a side
    forbidden = (low == high) | np.isin(pair, pair[np.arange(n), np.roll(np.arange(n), -1)])
    for _ in range(N_TRIALS):
        cost, split = _cheapest(corners, chord, forbidden)
        if not np.isfinite(cost[0, n - 1]):
            break
        faces = polygon[_triangles(split)]
        edges, counts = unique_edges(faces)
        if not (counts > 2).any():
            return faces
        forbidden |= np.isin(pair, edges[counts > 2] @ [len(points), 1])
    raise StepFailed(f"no manifold is found between {n} corners of loops in space")


def _triangles(split: np.ndarray) -> np.ndarray:
    """Corners [n - 2, 3] of the triangulation that `_cheapest` found."""
    faces, spans = [], [(0, len(split) - 1)]
    while spans:
        i, j = spans.pop()
        if j - i > 1:
            k = int(split[i, j])
            faces.append((i, k, j))
            spans += [(i, k), (k, j)]
    return np.array(faces)


@numba.njit(cache=True)
def _cheapest(
    corners: np.ndarray, chord: np.ndarray, forbidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cost [n, n] of the cheapest triangulation of the corners i to j, and its third corner."""
    n = len(corners)
    cost, split = np.full((n, n), np.inf), np.zeros((n, n), np.int64)
    for i in range(n - 1):
        cost[i, i + 1] = 0.0
    for span in range(2, n):
        for i in range(n - span):
            j = i + span
            if forbidden[i, j] and span < n - 1:
                continue
            a, c = corners[i], corners[j]
            u, v, w = c[0] - a[0], c[1] - a[1], c[2] - a[2]
            for k in range(i + 1, j):
                total = cost[i, k] + cost[k, j] + chord[i, k] + chord[k, j]
                if total < cost[i, j]:
                    b = corners[k]
                    x, y, z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
                    total += 0.5 * math.sqrt(
                        (y * w - z * v) ** 2 + (z * u - x * w) ** 2 + (x * v - y * u) ** 2
                    )
                    if total < cost[i, j]:
                        cost[i, j], split[i, j] = total, k
    return cost, split


def _remeshed(
    points: np.ndarray, faces: np.ndarray, loops: list[np.ndarray], edge_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Near-uniform triangles inside; the loops' points stay and come first.

    An unselected skirt at every loop makes MeshLab keep the loops.
    """
    with extra("solve", "filling a hole of a surface"):
        import pymeshlab

    n_rim, start = len(points), 0
    skirts: list[np.ndarray] = []
    tips: list[np.ndarray] = []
    for loop in loops:
        normal = np.cross(loop - loop.mean(axis=0), np.roll(loop, -1, axis=0) - loop).sum(axis=0)
        size = np.linalg.norm(loop - loop.mean(axis=0), axis=1).max()
        tips.append(loop.mean(axis=0) - 2 * size * normal / np.linalg.norm(normal))
        ids = start + np.arange(len(loop))
        start += len(loop)
        tip = np.full(len(loop), n_rim + len(tips) - 1)
        skirts.append(np.stack([np.roll(ids, -1), ids, tip], axis=1))
    meshes = pymeshlab.MeshSet(verbose=False)
    whole = np.vstack([points, *tips]), np.vstack([faces, *skirts])
    meshes.add_mesh(pymeshlab.Mesh(*whole))
    meshes.compute_selection_by_condition_per_face(condselect=f"fi < {len(faces)}")
    meshes.meshing_isotropic_explicit_remeshing(
        targetlen=pymeshlab.PureValue(edge_mm), iterations=N_REMESHING, selectedonly=True,
        featuredeg=180, checksurfdist=False,
    )  # fmt: skip
    mesh = meshes.current_mesh()
    inside = mesh.face_matrix()[mesh.face_selection_array()]
    found = mesh.vertex_matrix()
    return _rim_first(points, found, inside)


def _rim_first(
    rim: np.ndarray, points: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Renumber so that the boundary's points come first, in their order."""
    from scipy.spatial import cKDTree

    used = np.unique(faces)
    apart, at = cKDTree(points[used]).query(rim)
    edges, counts = unique_edges(faces)
    on_rim = np.unique(edges[counts == 1])
    if apart.max() > 1e-6 or len(np.unique(at)) != len(rim) or len(on_rim) != len(rim):
        raise StepFailed("loops in space: remeshing did not keep them")
    at = used[at]
    inner = np.setdiff1d(used, at)
    new_id = np.full(len(points), -1)
    new_id[np.concatenate([at, inner])] = np.arange(len(used))
    return np.vstack([rim, points[inner]]), new_id[faces]


def _n_folds(points: np.ndarray, faces: np.ndarray) -> int:
    """Number of neighbouring triangles that lie on one another, which do not pierce each other."""
    neighbours = face_neighbours(faces)
    normals = triangle_area_vectors(points, faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    face, side = np.nonzero(neighbours >= 0)
    cosine = np.einsum("ij,ij->i", normals[face], normals[neighbours[face, side]])
    return int((cosine < FOLDED_COSINE).sum()) // 2


def _unfolded(points: np.ndarray, moved: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The moved points, except where triangles turned over: there the old ones."""
    before = triangle_area_vectors(points, faces)
    for _ in range(10):
        after = triangle_area_vectors(moved, faces)
        size = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        folded = np.einsum("ij,ij->i", before, after) < 0.3 * size
        if not folded.any():
            break
        ids = np.unique(faces[folded])
        moved[ids] = points[ids]
    return moved
