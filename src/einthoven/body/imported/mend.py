"""Small changes of a heart's final triangles, where a mesher would fail on them.

Vertices on the boundaries between two surfaces (rims) stay; others move by a share of an edge.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.heart_check import CURVED, WALLS
from einthoven.body.imported.repair import neighbour_mean
from einthoven.body.imported.walls import blended, directions

ACUTE_DEG = 20.0
"""Two surfaces that meet at less than this along an edge are opened to:"""
OPENED_DEG = 30.0
MAX_MOVE_EDGES = 0.6
N_ROUNDS = 5
N_SMOOTHING = 2


@dataclass(frozen=True, eq=False)
class Mended:
    """Surfaces that were changed, and how far."""

    surfaces: Surfaces
    moved_mm: float
    """Largest displacement of a vertex."""
    place: np.ndarray
    """[3] mm, where it is."""
    n_pairs: int
    """Number of intersecting pairs of triangles that are left."""


def mended(surfaces: Surfaces, gap_edges: float = 0.0, places: np.ndarray | None = None) -> Mended:
    """The heart of a body with acute rims opened, layers moved apart and crossings smoothed.

    Args:
        surfaces: closed ones of a heart with or without a torso, oriented as in core.tags, mm.
        gap_edges: least distance between the layers of the wall, in edges of its triangles.
        places: [place, 3] mm around which triangles are also evened out on their own surface.
    """
    kept = ~np.isin(surfaces.face_tags, (Surface.SKIN, *LUNGS))
    heart = surfaces.only(kept)
    edge_mm = heart.edge_mm
    heart = _without_ears(heart)
    loose = _inside_of_surfaces(heart)
    for _ in range(N_ROUNDS):
        before = heart.points
        heart = _opened(heart, loose)
        if gap_edges:
            heart = _apart(heart, loose, gap_edges * edge_mm)
        pairs = intersecting_pairs(heart.points, heart.faces)
        if len(pairs):
            heart = _smoothed(heart, loose, np.unique(heart.faces[np.unique(pairs)]))
        heart = _held(heart, surfaces.points, MAX_MOVE_EDGES * edge_mm)
        if np.array_equal(before, heart.points):
            break
    if places is not None:
        heart = _evened(heart, loose, places, 1.5 * edge_mm)
    moved = np.linalg.norm(heart.points - surfaces.points, axis=1)
    faces = surfaces.faces.copy()
    faces[kept] = heart.faces
    pairs = intersecting_pairs(heart.points, heart.faces)
    whole = replace(surfaces, points=heart.points, faces=faces)
    return Mended(whole, float(moved.max()), heart.points[moved.argmax()], len(pairs))


def with_split_chords(heart: Surfaces) -> Surfaces:
    """Edges that two surfaces have inside of themselves are split in one of them.

    Both surfaces then have triangles across the same two vertices of a rim, and the union of them
    has an edge with four triangles.
    """
    inner = dict[tuple[int, int], int]()
    halved = list[tuple[int, tuple[int, int]]]()
    rims = {tuple(edge) for tag in np.unique(heart.face_tags) for edge in _once(heart.tagged(tag))}
    for tag in sorted(np.unique(heart.face_tags).tolist()):  # valve caps last: these are split
        edges, counts = unique_edges(heart.tagged(tag))
        for edge in map(tuple, edges[counts == 2].tolist()):
            if edge in rims or inner.setdefault(edge, tag) != tag:
                halved.append((tag, edge))
    points, faces, tags = [heart.points], heart.faces.tolist(), heart.face_tags.tolist()
    for tag, (a, b) in halved:
        middle = len(heart.points) + len(points) - 1
        points.append(0.5 * (heart.points[a] + heart.points[b])[None])
        for k in [k for k, f in enumerate(faces) if tags[k] == tag and a in f and b in f]:
            corners = faces[k]
            faces[k] = [middle if v == a else v for v in corners]
            faces.append([middle if v == b else v for v in corners])
            tags.append(tag)
    return Surfaces(np.vstack(points), np.array(faces, np.int32), np.array(tags, np.int8))


def _once(faces: np.ndarray) -> list[list[int]]:
    edges, counts = unique_edges(faces)
    return edges[counts == 1].tolist()


def _held(heart: Surfaces, start: np.ndarray, most_mm: float) -> Surfaces:
    """Vertices at most so far from where they were."""
    way = heart.points - start
    length = np.linalg.norm(way, axis=1, keepdims=True)
    return replace(heart, points=start + way * np.minimum(1.0, most_mm / np.maximum(length, 1e-12)))


def _inside_of_surfaces(heart: Surfaces) -> np.ndarray:
    """Vertices [vertex] bool that belong to one surface only."""
    owner = np.full(len(heart.points), -1)
    loose = np.zeros(len(heart.points), bool)
    for tag in np.unique(heart.face_tags):
        ids = np.unique(heart.tagged(tag))
        loose[ids] = owner[ids] < 0
        owner[ids] = tag
    return loose


def _at_rims(heart: Surfaces) -> dict[tuple[int, int], list[int]]:
    """Edge -> its faces, for edges between different surfaces."""
    found = defaultdict[tuple[int, int], list[int]](list)
    loose = _inside_of_surfaces(heart)
    some = np.flatnonzero((~loose[heart.faces]).sum(axis=1) >= 2)
    for face, (a, b, c) in zip(some.tolist(), heart.faces[some].tolist()):
        for edge in ((a, b), (b, c), (c, a)):
            found[min(edge), max(edge)].append(face)
    tags = heart.face_tags
    return {edge: f for edge, f in found.items() if len({int(tags[k]) for k in f}) > 1}


def _without_ears(heart: Surfaces) -> Surfaces:
    """Triangles with two edges on a rim share one of them with the triangle behind them."""
    rims, faces = _at_rims(heart), heart.faces.copy()
    count = np.bincount(np.concatenate([*map(np.array, rims.values()), np.zeros(0, int)]),
                        minlength=len(faces))  # fmt: skip
    beside = defaultdict[tuple[int, int], list[int]](list)
    for face, (a, b, c) in enumerate(faces.tolist()):
        for edge in ((a, b), (b, c), (c, a)):
            beside[min(edge), max(edge)].append(face)
    for ear in np.flatnonzero(count == 2).tolist():
        corners = faces[ear].tolist()
        inner = [k for k in range(3) if tuple(sorted((corners[k], corners[k - 2]))) not in rims]
        if len(inner) != 1:
            continue
        a, b, tip = (corners[inner[0] - 3 + k] for k in range(3))
        pair = beside[min(a, b), max(a, b)]
        if len(pair) != 2 or heart.face_tags[pair[0]] != heart.face_tags[pair[1]]:
            continue
        other = pair[0] if pair[1] == ear else pair[1]
        far = [v for v in faces[other].tolist() if v not in (a, b)]
        if len(far) != 1 or (min(tip, far[0]), max(tip, far[0])) in beside or count[other]:
            continue
        flipped = np.array([(a, far[0], tip), (far[0], b, tip)])
        if _folds(heart.points, faces[[ear, other]], flipped):
            continue
        faces[[ear, other]] = flipped
    return replace(heart, faces=faces)


def _folds(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether one of two triangles turns by more than 80 degrees from the old ones' mean."""
    normal = triangle_area_vectors(points, old).sum(axis=0)
    turned = triangle_area_vectors(points, new)
    lengths = np.linalg.norm(turned, axis=1) * np.linalg.norm(normal)
    return bool(np.any(turned @ normal <= 0.17 * lengths))


def _opened(heart: Surfaces, loose: np.ndarray) -> Surfaces:
    """Turn triangles of a curved surface away from others that they nearly lie on at a rim."""
    points = heart.points.copy()
    for (a, b), faces in _at_rims(heart).items():
        axis = points[b] - points[a]
        axis /= np.linalg.norm(axis)
        tips = [next(v for v in heart.faces[f].tolist() if v not in (a, b)) for f in faces]
        ways = [points[tip] - points[a] for tip in tips]
        ways = [way - (way @ axis) * axis for way in ways]
        units = [way / max(np.linalg.norm(way), 1e-9) for way in ways]
        order = np.argsort(~np.isin(heart.face_tags[faces], CURVED), kind="stable").tolist()
        for i, k in enumerate(order):
            for other in order[i + 1 :]:
                angle = np.degrees(np.arccos(np.clip(units[k] @ units[other], -1.0, 1.0)))
                movable = next((m for m in (k, other) if loose[tips[m]]), None)
                if angle >= ACUTE_DEG or movable is None:
                    continue
                fixed = other if movable == k else k
                across = np.cross(axis, units[movable])
                away = _away(heart, points, faces[movable], across, units[fixed])
                turn = np.radians(OPENED_DEG - angle)
                length = np.linalg.norm(ways[movable])
                turned = np.sin(turn) * away + (np.cos(turn) - 1) * units[movable]
                points[tips[movable]] += length * turned
    return replace(heart, points=points)


def _away(
    heart: Surfaces, points: np.ndarray, face: int, across: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """The normal [3] of a triangle, with the sign that turns it away from another one."""
    if abs(across @ other) < 1e-3:  # flat on it: away is towards the rest of its own surface
        ring = np.isin(heart.faces, heart.faces[face]).any(axis=1)
        ring &= heart.face_tags == heart.face_tags[face]
        rest = points[heart.faces[ring]].mean(axis=(0, 1)) - points[heart.faces[face]].mean(axis=0)
        return across if across @ rest > 0 else -across
    return across if across @ other < 0 else -across


def _apart(heart: Surfaces, loose: np.ndarray, least_mm: float) -> Surfaces:
    """Move outer layers away from inner ones that are too near or beyond them."""
    from scipy.spatial import cKDTree

    for inner, outer in WALLS:
        faces = heart.tagged(outer)
        edges = unique_edges(faces)[0]
        rim = np.setdiff1d(np.unique(faces), np.flatnonzero(loose))
        for _ in range(3):
            points = heart.points
            samples = _samples(points, heart.tagged(inner))
            if len(rim):
                samples = samples[cKDTree(points[rim]).query(samples)[0] > 2 * least_mm]
            nearest, normals, sign = ClosedSurface(points, faces).nearest(samples)
            outward = -1.0 if outer == Surface.EPI else 1.0
            lack = least_mm - outward * sign * nearest.distance
            thin = (lack > 1e-3) & (nearest.distance < 3 * least_mm)
            if not thin.any():
                break
            push, way = np.zeros(len(points)), np.zeros_like(points)
            unit = -outward * normals[thin] / np.linalg.norm(normals[thin], axis=1, keepdims=True)
            for corner in faces[nearest.faces[thin]].T:
                np.maximum.at(push, corner, lack[thin])
                np.add.at(way, corner, unit)
            step = blended(push, edges)[:, None] * directions(way, edges)
            heart = replace(heart, points=points + step * loose[:, None])
    return heart


def _samples(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Vertices, midpoints of edges and centres of triangles: [sample, 3] mm."""
    middle = points[unique_edges(faces)[0]].mean(axis=1)
    return np.vstack([points[np.unique(faces)], middle, points[faces].mean(axis=1)])


def _smoothed(heart: Surfaces, loose: np.ndarray, ids: np.ndarray) -> Surfaces:
    """Some vertices [id], and those beside them, nearer to the mean of their neighbours."""
    edges = unique_edges(heart.faces)[0]
    around = np.unique(edges[np.isin(edges, ids).any(axis=1)])
    around = around[loose[around]]
    points = heart.points.copy()
    for _ in range(N_SMOOTHING):
        points[around] = 0.5 * (points + neighbour_mean(points, edges))[around]
    return replace(heart, points=points)


def _evened(heart: Surfaces, loose: np.ndarray, places: np.ndarray, reach_mm: float) -> Surfaces:
    """Slide vertices near some places on their own surface towards the mean of their neighbours."""
    from scipy.spatial import cKDTree

    near = loose & (cKDTree(places).query(heart.points)[0] < reach_mm)
    points = heart.points.copy()
    for tag in np.unique(heart.face_tags):
        faces = heart.tagged(tag)
        ids = np.intersect1d(np.flatnonzero(near), faces)
        if not len(ids):
            continue
        tree, edges = TriangleTree(heart.points, faces), unique_edges(faces)[0]
        for _ in range(3):
            mean = neighbour_mean(points, edges)
            points[ids] = tree.closest(0.5 * (points + mean)[ids]).points
    return replace(heart, points=points)
