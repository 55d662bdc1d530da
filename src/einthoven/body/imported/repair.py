"""Safe repairs of surfaces; other defects are refused with their place.

Slivers, as clipping and closing leave them, are removed so that normals are well defined.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from einthoven.base.core.errors import StepFailed, extra
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops, sides_of
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import (
    compact,
    face_edges,
    face_neighbours,
    face_pieces,
    triangle_quality,
    unique_edges,
)
from einthoven.body.anatomy.shape.pieces import fan, sewn
from einthoven.body.imported.defect import Defect, Rough, near
from einthoven.body.imported.inner_walls import without_inner_walls
from einthoven.body.imported.orient import oriented

LEAST_QUALITY = 0.02
LONG_EDGES = 6.0
"""A triangle is a sliver below this quality or with an edge of this many medians."""
FEATURE_DEG = 40.0
"""Creases with a larger angle are kept."""
N_REMESHING = 6
MAX_VOLUME_CHANGE = 1e-3
MERGE_SHARE = 1e-6
"""Vertices closer than this share of the surface's extent are merged."""
SMALL_PIECE = 0.01
"""Loose pieces with at most this share of the area are dropped."""
SMALL_HOLE = 0.2
"""Holes are closed if their boundary is at most this share of the surface's extent, or four edges.
"""
MAX_TANGLED = 0.03
"""Largest share of intersecting triangles that is smoothed."""
MAX_MOVED_EDGES = 3.0
HEART_MOVED_MM = 8.0
"""Farther a vertex of a heart is not moved by smoothing: its wall is rebuilt instead."""
UNTANGLING_ROUNDS = 12


def even_out(surface: Surfaces) -> tuple[Surfaces, str]:
    """Remesh slivers of a closed surface, mm, and their neighbours, tag by tag; list the changes.

    Boundaries of tags stay.
    """
    bad = _slivers(surface)
    n = int(bad.sum())
    if n == 0:
        return surface, ""
    for tag in np.unique(surface.face_tags[bad]):
        bad = _slivers(surface)
        around = np.isin(surface.faces, surface.faces[bad & (surface.face_tags == tag)]).any(axis=1)
        surface = _remeshed(surface, around & (surface.face_tags == tag), tag)
    return surface, f"{n} slivers remeshed"


def _slivers(surface: Surfaces) -> np.ndarray:
    """Slivers among the triangles: [face] bool."""
    corners = surface.points[surface.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    limit = LONG_EDGES * np.median(longest)
    return (triangle_quality(surface.points, surface.faces) < LEAST_QUALITY) | (longest > limit)


def _remeshed(surface: Surfaces, chosen: np.ndarray, tag: int) -> Surfaces:
    """Isotropic remeshing (Botsch and Kobbelt 2004, 10.1145/1057432.1057457) of some faces [face].

    A result that is open or encloses another volume is discarded; slivers are not an error.
    """
    with extra("solve", "remeshing slivers of a surface"):
        import pymeshlab

    edges = surface.points[unique_edges(surface.faces)[0]]
    median = float(np.median(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)))
    meshes = pymeshlab.MeshSet(verbose=False)
    rank = np.argsort(~chosen, kind="stable")  # the chosen ones first, as the condition requires
    meshes.add_mesh(pymeshlab.Mesh(surface.points, surface.faces[rank]))
    meshes.compute_selection_by_condition_per_face(condselect=f"fi < {int(chosen.sum())}")
    meshes.meshing_isotropic_explicit_remeshing(
        targetlen=pymeshlab.PureValue(median), iterations=N_REMESHING, selectedonly=True,
        featuredeg=FEATURE_DEG, checksurfdist=False,
    )  # fmt: skip
    mesh = meshes.current_mesh()
    points, faces, new = mesh.vertex_matrix(), mesh.face_matrix(), mesh.face_selection_array()
    tags = np.full(len(faces), tag, surface.face_tags.dtype)
    tags[~new] = surface.face_tags[~chosen]
    found = Surfaces(points, faces, tags)
    closed = (unique_edges(faces)[1] == 2).all()
    had, has = (enclosed_volume(s.points, s.faces) for s in (surface, found))
    return found if closed and abs(has / had - 1) < MAX_VOLUME_CHANGE else surface


def repair_closed(name: str, surface: Surfaces) -> tuple[Surfaces, list[str]]:
    """Make a surface, in mm, closed, simple and oriented outwards; one line per repair.

    The name, heart or torso, is for messages.

    Raises:
        Defect: a defect that cannot be repaired safely, with its place.
    """
    surface, notes = repair_open(name, surface)
    if name == "heart":
        surface, note = without_inner_walls(surface)
        notes += [f"{name}: {note}"] if note else []
    _refuse_non_manifold(name, surface)
    surface, flipped = oriented(surface)
    surface, note = _close(name, surface)
    notes += [f"{name}: {note}"] if note else []
    if enclosed_volume(surface.points, surface.faces) < 0:
        surface = replace(surface, faces=surface.faces[:, ::-1])
        flipped = len(surface.faces) - flipped
    if flipped:
        notes.append(f"{name}: {flipped} of {len(surface.faces)} triangles turned to face outwards")
    surface, note = even_out(surface)
    notes += [f"{name}: {note}"] if note else []
    surface, note = _untangle(name, surface)
    notes += [f"{name}: {note}"] if note else []
    points, faces = compact(surface.points, surface.faces)
    return Surfaces(points, faces, surface.face_tags), notes


def repair_open(name: str, surface: Surfaces) -> tuple[Surfaces, list[str]]:
    """Repairs of a surface that may be open: remove duplicates, fins and small components."""
    notes: list[str] = []
    for step in (_merge, _drop_useless, _drop_fins, _drop_crumbs):
        surface, note = step(surface)
        notes += [f"{name}: {note}"] if note else []
    return surface, notes


def _merge(surface: Surfaces) -> tuple[Surfaces, str]:
    """Merge coincident vertices (STL duplicates all of them)."""
    step = MERGE_SHARE * surface.extent_mm
    grid = np.round(surface.points / step).astype(np.int64)
    _, first, inverse = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    merged = replace(surface, points=surface.points[first], faces=inverse.ravel()[surface.faces])
    n = len(np.unique(surface.faces)) - len(np.unique(merged.faces))
    return merged, f"{n} doubled vertices merged" if n else ""


def _drop_useless(surface: Surfaces) -> tuple[Surfaces, str]:
    """Remove triangles with a repeated vertex, and duplicates."""
    corners = np.sort(surface.faces, axis=1)
    proper = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    _, first = np.unique(corners, axis=0, return_index=True)
    proper &= np.isin(np.arange(len(corners)), first)
    n = int((~proper).sum())
    return surface.only(proper), f"{n} triangles without area or given twice dropped" if n else ""


def _drop_fins(surface: Surfaces) -> tuple[Surfaces, str]:
    """Remove triangles on an edge of two others that have a free edge."""
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
    """Remove small components beside the largest one."""
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
        raise Rough(
            f"{name}: not a manifold: {len(places)} edges with three or more triangles, "
            f"{near(places)}; remove inner walls, or keep only the outer surface",
            places,
            surface,
        )
    pieces = sorted(face_pieces(faces), key=len)
    if len(pieces) > 1:
        places = points[faces[pieces[-2]]].mean(axis=1)
        raise Rough(
            f"{name}: {len(pieces)} separate surfaces, the second {near(places)}; keep one",
            places,
            surface,
        )
    if len(places := points[_pinched(surface)]):
        raise Rough(
            f"{name}: not a manifold: the surface touches itself in {len(places)} vertices, "
            f"{near(places)}; split these vertices and separate the two sides",
            places,
            surface,
        )


def _pinched(surface: Surfaces) -> np.ndarray:
    """Whether [vertex] the triangles around a vertex form more than one fan.

    Corners of triangles are joined across the edges at their vertex; each component is a fan.
    """
    faces = np.asarray(surface.faces, np.int64)
    n, across = len(faces), face_neighbours(faces)
    mine, side = np.nonzero(across >= 0)  # side k goes from corner k to corner k + 1
    other = across[mine, side]
    joined = [np.empty((0, 2), np.int64)]
    for end in (0, 1):
        vertex = faces[mine, (side + end) % 3]
        corner = (faces[other] == vertex[:, None]).argmax(axis=1)
        joined.append(np.stack([3 * mine + (side + end) % 3, 3 * other + corner], axis=1))
    a, b = np.concatenate(joined).T
    links = coo_array((np.ones(len(a)), (a, b)), shape=(3 * n, 3 * n))
    of_fan = connected_components(links, directed=False)[1]
    once = np.unique(np.stack([faces.ravel(), of_fan], axis=1), axis=0)[:, 0]
    return np.bincount(once, minlength=len(surface.points)) > 1


def _close(name: str, surface: Surfaces) -> tuple[Surfaces, str]:
    """Close small holes with the tag of their surroundings."""
    try:
        loops = boundary_loops(surface.faces)
    except StepFailed as error:
        message = f"{name}: {error}; no side is outside everywhere"
        raise Defect(message, surface.points[:1], surface) from error
    longest = 0.0
    for loop in loops:
        corners = surface.points[loop]
        length_mm = float(sides_of(corners).sum())
        longest = max(longest, length_mm)
        if is_wide(surface, loop):
            raise Defect(
                f"{name}: not closed: {len(loops)} holes, one with a boundary of "
                f"{length_mm:.0f} mm ({len(loop)} edges) {near(corners)}; "
                "close it in the software that made it",
                corners,
                surface,
            )
        surface = _patch(surface, loop)
    note = f"{len(loops)} holes closed, the longest boundary {longest:.1f} mm" if loops else ""
    return surface, note


def is_wide(surface: Surfaces, loop: np.ndarray) -> bool:
    """Whether a boundary loop is too long for a hole that is closed automatically."""
    length_mm = float(sides_of(surface.points[loop]).sum())
    return length_mm > SMALL_HOLE * surface.extent_mm and len(loop) > 4


def _patch(surface: Surfaces, loop: np.ndarray) -> Surfaces:
    """Triangulate one hole; by a fan if its boundary is not visible from one side."""
    corners = surface.points[loop[::-1]]
    try:
        piece = fill_loops([corners], surface.edge_mm)
    except StepFailed:
        piece = fan(corners)
    around = surface.face_tags[np.isin(surface.faces, loop).any(axis=1)]
    values, counts = np.unique(around, return_counts=True)
    return sewn(surface, [loop[::-1]], piece, values[counts.argmax()])


def _untangle(name: str, surface: Surfaces) -> tuple[Surfaces, str]:
    """Smooth a few intersecting triangles and their surroundings until none intersects."""
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
            points[ring] = neighbour_mean(points, edges)[ring]
        pairs = intersecting_pairs(points, faces)
    moved = np.linalg.norm(points - surface.points, axis=1)
    most_mm = MAX_MOVED_EDGES * surface.edge_mm
    if name == "heart":
        most_mm = min(most_mm, HEART_MOVED_MM)
    if len(pairs) or moved.max() > most_mm:
        places = surface.points[faces[np.unique(first_pairs)]].mean(axis=1)
        raise Rough(
            f"{name}: intersects itself: {len(first_pairs)} pairs of triangles, {near(places)}; "
            "smooth or remesh it there",
            places,
            surface,
        )
    n = len(np.unique(first_pairs))
    note = f"{n} triangles that cut others smoothed, moved up to {moved.max():.1f} mm" if n else ""
    return replace(surface, points=points), note


def neighbour_mean(points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of each vertex' neighbours [vertex, 3]; a vertex without neighbours stays."""
    both = np.concatenate([edges, edges[:, ::-1]])
    total = np.zeros_like(points)
    np.add.at(total, both[:, 0], points[both[:, 1]])
    counts = np.bincount(both[:, 0], minlength=len(points))[:, None]
    return np.where(counts > 0, total / np.maximum(counts, 1), points)
