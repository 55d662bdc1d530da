"""Mend what can be mended without guessing; refuse the rest with the place of the defect."""

from dataclasses import replace

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.geometry.boundary_loops import boundary_loops, fill_loops, sides_of
from einthoven.geometry.intersections import intersecting_pairs
from einthoven.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.geometry.surfaces import Surfaces
from einthoven.geometry.triangles import (
    compact,
    face_edges,
    face_pieces,
    unique_edges,
)
from einthoven.imported.defect import Defect, near

MERGE_SHARE = 1e-6
"""Vertices closer than this share of the surface's extent are one."""
SMALL_PIECE = 0.01
"""Loose pieces with at most this share of the area are dropped."""
SMALL_HOLE = 0.2
"""Holes with a boundary up to this share of the surface's extent are closed, or of four edges."""
MAX_TANGLED = 0.03
"""So large a share of the triangles may intersect others and be smoothed."""
MAX_MOVED_EDGES = 3.0
UNTANGLING_ROUNDS = 12


def mend(name: str, surface: Surfaces) -> tuple[Surfaces, list[str]]:
    """Make a surface closed, simple and oriented outwards.

    Args:
        name: heart or torso, for messages.
        surface: as read, in mm.

    Returns:
        The mended surface and a line for every repair.

    Raises:
        Defect: what cannot be mended safely, with its place.
    """
    notes: list[str] = []
    for step in (_merge, _drop_useless, _drop_fins, _drop_crumbs):
        surface, note = step(surface)
        notes += [f"{name}: {note}"] if note else []
    _refuse_non_manifold(name, surface)
    surface, flipped = _orient(surface)
    surface, note = _close(name, surface)
    notes += [f"{name}: {note}"] if note else []
    if enclosed_volume(surface.points, surface.faces) < 0:
        surface = replace(surface, faces=surface.faces[:, ::-1])
        flipped = len(surface.faces) - flipped if flipped else len(surface.faces)
    if flipped:
        notes.append(f"{name}: {flipped} of {len(surface.faces)} triangles turned to face outwards")
    surface, note = _untangle(name, surface)
    notes += [f"{name}: {note}"] if note else []
    points, faces = compact(surface.points, surface.faces)
    return Surfaces(points, faces, surface.face_tags), notes


def _merge(surface: Surfaces) -> tuple[Surfaces, str]:
    """Vertices at one place become one (STL doubles all of them)."""
    step = MERGE_SHARE * surface.extent_mm
    grid = np.round(surface.points / step).astype(np.int64)
    _, first, inverse = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    merged = replace(surface, points=surface.points[first], faces=inverse.ravel()[surface.faces])
    n = len(np.unique(surface.faces)) - len(np.unique(merged.faces))
    return merged, f"{n} doubled vertices merged" if n else ""


def _drop_useless(surface: Surfaces) -> tuple[Surfaces, str]:
    """Triangles with a vertex twice, and copies of others."""
    corners = np.sort(surface.faces, axis=1)
    proper = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    _, first = np.unique(corners, axis=0, return_index=True)
    proper &= np.isin(np.arange(len(corners)), first)
    n = int((~proper).sum())
    return surface.only(proper), f"{n} triangles without area or given twice dropped" if n else ""


def _drop_fins(surface: Surfaces) -> tuple[Surfaces, str]:
    """Triangles that stand on an edge of two others with a free edge of their own."""
    n_before = len(surface.faces)
    while True:
        _, edge_of, counts = np.unique(
            np.sort(face_edges(surface.faces), axis=1),
            axis=0, return_inverse=True, return_counts=True,
        )  # fmt: skip
        shared = counts[edge_of.ravel()].reshape(3, -1)
        fins = (shared == 1).any(axis=0) & (shared > 2).any(axis=0)
        if not fins.any():
            break
        surface = surface.only(~fins)
    n = n_before - len(surface.faces)
    return surface, f"{n} triangles that stand off the surface dropped" if n else ""


def _drop_crumbs(surface: Surfaces) -> tuple[Surfaces, str]:
    """Small pieces apart from the largest one."""
    pieces = sorted(face_pieces(surface.faces), key=len, reverse=True)
    size = np.linalg.norm(triangle_area_vectors(surface.points, surface.faces), axis=1)
    loose = [piece for piece in pieces[1:] if size[piece].sum() <= SMALL_PIECE * size.sum()]
    if not loose:
        return surface, ""
    kept = ~np.isin(np.arange(len(size)), np.concatenate(loose))
    return surface.only(kept), f"{len(loose)} loose pieces dropped"


def _refuse_non_manifold(name: str, surface: Surfaces) -> None:
    points, faces = surface.points, surface.faces
    edges, counts = unique_edges(faces)
    if (counts > 2).any():
        places = points[edges[counts > 2]].mean(axis=1)
        raise Defect(
            f"{name}: not a manifold: {len(places)} edges with three or more triangles, "
            f"{near(places)}; remove inner walls, or keep only the outer surface",
            [(points, faces)], places,
        )  # fmt: skip
    pieces = face_pieces(faces)
    if len(pieces) > 1:
        second = sorted(pieces, key=len)[-2]
        places = points[faces[second]].mean(axis=1)
        raise Defect(
            f"{name}: {len(pieces)} separate surfaces, the second {near(places)}; give one",
            [(points, faces)], places,
        )  # fmt: skip
    if len(pinched := _pinched(faces)):
        places = points[pinched]
        raise Defect(
            f"{name}: not a manifold: the surface touches itself in {len(places)} vertices, "
            f"{near(places)}; split these vertices and part the two sides",
            [(points, faces)], places,
        )  # fmt: skip


def _pinched(faces: np.ndarray) -> np.ndarray:
    """Vertices around which the triangles form more than one fan."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # a node for every corner; corners at one vertex are joined across the edges they share
    n = len(faces)
    directed = face_edges(faces)  # side k of face f in row k n + f
    order = np.lexsort(np.sort(directed, axis=1).T)
    low = np.sort(directed, axis=1)[order]
    pair = np.flatnonzero((low[1:] == low[:-1]).all(axis=1))
    one, other = order[pair], order[pair + 1]
    rows, columns = [], []
    for end in (0, 1):
        vertex = directed[one, end]
        rows.append(((one // n + end) % 3) * n + one % n)
        same = directed[other, 0] == vertex
        columns.append(((other // n + np.where(same, 0, 1)) % 3) * n + other % n)
    links = (np.ones(2 * len(pair)), (np.concatenate(rows), np.concatenate(columns)))
    _, fan = connected_components(coo_array(links, shape=(3 * n, 3 * n)), directed=False)
    corners = np.concatenate([faces[:, 0], faces[:, 1], faces[:, 2]])
    fans = np.unique(np.stack([corners, fan], axis=1), axis=0)[:, 0]
    vertices, counts = np.unique(fans, return_counts=True)
    return vertices[counts > 1]


def _orient(surface: Surfaces) -> tuple[Surfaces, int]:
    """Turn triangles against their neighbours; how many (the smaller share)."""
    import pyvista as pv

    normals = pv.PolyData.from_regular_faces(surface.points, surface.faces).compute_normals(
        cell_normals=True, point_normals=False, consistent_normals=True,
        auto_orient_normals=False, split_vertices=False,
    )  # fmt: skip
    faces = np.asarray(normals.regular_faces)
    before = triangle_area_vectors(surface.points, surface.faces)
    after = triangle_area_vectors(surface.points, faces)
    flipped = np.einsum("ij,ij->i", before, after) < 0
    if flipped.sum() > len(faces) / 2:
        faces, flipped = faces[:, ::-1], ~flipped
    return replace(surface, faces=faces), int(flipped.sum())


def _close(name: str, surface: Surfaces) -> tuple[Surfaces, str]:
    """Close small holes with the tag of their surroundings."""
    try:
        loops = boundary_loops(surface.faces)
    except StepFailed as error:
        raise Defect(f"{name}: {error}; no side is outside everywhere",
                     [(surface.points, surface.faces)], surface.points[:1]) from error  # fmt: skip
    longest = 0.0
    for loop in loops:
        corners = surface.points[loop]
        length_mm = float(sides_of(corners).sum())
        longest = max(longest, length_mm)
        if length_mm > SMALL_HOLE * surface.extent_mm and len(loop) > 4:
            raise Defect(
                f"{name}: not closed: {len(loops)} holes, one with a boundary of "
                f"{length_mm:.0f} mm ({len(loop)} edges) {near(corners)}; close it in the program "
                "that made it",
                [(surface.points, surface.faces)], corners,
            )  # fmt: skip
        surface = _patch(surface, loop)
    note = f"{len(loops)} holes closed, the longest boundary {longest:.1f} mm" if loops else ""
    return surface, note


def _patch(surface: Surfaces, loop: np.ndarray) -> Surfaces:
    """Triangulate one hole; by a fan where its boundary cannot be seen from one side."""
    corners = surface.points[loop[::-1]]
    try:
        points, faces = fill_loops([corners], surface.edge_mm)
    except StepFailed:
        ids = np.arange(len(corners))
        points = np.vstack([corners, corners.mean(axis=0)])
        faces = np.stack([ids, np.roll(ids, -1), np.full(len(corners), len(corners))], axis=1)
    n = len(surface.points)
    ids = np.concatenate([loop[::-1], n + np.arange(len(points) - len(corners))])
    around = surface.face_tags[np.isin(surface.faces, loop).any(axis=1)]
    values, counts = np.unique(around, return_counts=True)
    return Surfaces(
        np.concatenate([surface.points, points[len(corners) :]]),
        np.concatenate([surface.faces, ids[faces]]),
        np.concatenate([surface.face_tags, np.full(len(faces), values[counts.argmax()])]),
    )


def _untangle(name: str, surface: Surfaces) -> tuple[Surfaces, str]:
    """Smooth a few triangles that cut others, and those around, until none does."""
    points, faces = surface.points.copy(), surface.faces
    pairs = intersecting_pairs(points, faces)
    first_pairs = pairs
    edges = unique_edges(faces)[0]
    for _ in range(UNTANGLING_ROUNDS):
        tangled = np.unique(pairs)
        if len(tangled) == 0 or len(tangled) > max(40, MAX_TANGLED * len(faces)):
            break
        loose = np.unique(faces[tangled])
        ring = np.unique(edges[np.isin(edges, loose).any(axis=1)])
        for _ in range(5):
            points[ring] = _neighbour_mean(points, edges)[ring]
        pairs = intersecting_pairs(points, faces)
    moved = np.linalg.norm(points - surface.points, axis=1)
    if len(pairs) or moved.max() > MAX_MOVED_EDGES * surface.edge_mm:
        places = surface.points[faces[np.unique(first_pairs)]].mean(axis=1)
        raise Defect(
            f"{name}: cuts itself: {len(first_pairs)} pairs of triangles, {near(places)}; "
            "smooth or remesh it there",
            [(surface.points, faces)], places,
        )  # fmt: skip
    n = len(np.unique(first_pairs))
    note = f"{n} triangles that cut others smoothed, moved up to {moved.max():.1f} mm" if n else ""
    return replace(surface, points=points), note


def _neighbour_mean(points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of each vertex' neighbours [vertex, 3]; a vertex without neighbours stays."""
    both = np.concatenate([edges, edges[:, ::-1]])
    total = np.zeros_like(points)
    np.add.at(total, both[:, 0], points[both[:, 1]])
    counts = np.bincount(both[:, 0], minlength=len(points))[:, None]
    return np.where(counts > 0, total / np.maximum(counts, 1), points)
