"""Shape quality of tetrahedra, and its improvement.

Single nodes are relocated; the diagonal of a surface under a bad cell is flipped.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import triangle_quality

GOOD_QUALITY = 0.2
"""Quality that every cell of 15 test meshes could reach, within a second."""
MAX_ROUNDS = 3
N_DIRECTIONS = 32
FIRST_STEP = 0.3
LAST_STEP = 0.01
"""Steps of the search, in mean edges of the cells around the node."""
Edges = dict[tuple[int, ...], list[int]]


def gamma_quality(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Three times the inscribed over the circumscribed radius, [cell] in [0, 1]: 1 regular, 0 flat.

    gamma = 3 r / R with r = 3 V / (face areas) and 24 V R = sqrt(s (s - 2a) (s - 2b) (s - 2c)),
    where a, b, c are the products of opposite edge lengths and s their sum (Crelle's formula).
    This is gmsh's `gamma`; flat and inverted cells get 0. points [node, 3] mm, cells [cell, 4].
    """
    origin = points[cells[:, 0]]
    ab, ac, ad = (points[cells[:, k]] - origin for k in (1, 2, 3))
    normals = [np.cross(ab, ac), np.cross(ac, ad), np.cross(ad, ab)]
    volume = np.maximum(np.einsum("ij,ij->i", normals[0], ad), 0.0) / 6.0
    normals.append(normals[0] + normals[1] + normals[2])
    area = 0.5 * np.sum([_length(normal) for normal in normals], axis=0)
    ab_cd = _length(ab) * _length(ad - ac)
    ac_bd = _length(ac) * _length(ad - ab)
    ad_bc = _length(ad) * _length(ac - ab)
    total = ab_cd + ac_bd + ad_bc
    square = total * (total - 2 * ab_cd) * (total - 2 * ac_bd) * (total - 2 * ad_bc)
    denominator = area * np.sqrt(np.maximum(square, 0.0))
    return np.divide(
        216.0 * volume**2, denominator, out=np.zeros(len(cells)), where=denominator > 0
    )


def quality_summary(name: str, quality: np.ndarray) -> dict[str, float]:
    """Minimum, first percentile and mean of a quality, under keys with this prefix."""
    return {
        f"{name}_min": float(quality.min()),
        f"{name}_p01": float(np.percentile(quality, 1)),
        f"{name}_mean": float(quality.mean()),
    }


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


def relocate_nodes(
    points: np.ndarray, cells: np.ndarray, fixed: np.ndarray, wanted: float = GOOD_QUALITY
) -> tuple[np.ndarray, np.ndarray, int]:
    """Move free nodes of cells worse than `wanted` so that the worst cell around each improves.

    A node moves only if the least quality of all cells around it rises, so the worst cell never
    gets worse. With fixed surface nodes every tissue keeps its volume. Quality is not a smooth
    function of the node, so its best position is found by search: steps in 32 even directions,
    halved when none improves.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4] positively oriented.
        fixed: [node] bool, nodes that stay.
        wanted: gamma at which a cell is good enough.

    Returns:
        points [node, 3] mm, quality [cell] and how many nodes moved.
    """
    points = points.copy()
    moved: set[int] = set()
    quality = gamma_quality(points, cells)
    for _ in range(MAX_ROUNDS):
        bad = np.flatnonzero(quality < wanted)
        bad = bad[np.argsort(quality[bad], kind="stable")]
        nodes = [node for node in dict.fromkeys(cells[bad].ravel().tolist()) if not fixed[node]]
        if not nodes:
            break
        around = np.flatnonzero(np.isin(cells, nodes).any(axis=1))
        near = cells[around]
        better = [node for node in nodes if _move(points, near[np.any(near == node, axis=1)], node)]
        if not better:
            break
        moved.update(better)
        quality[around] = gamma_quality(points, near)
    return points, quality, len(moved)


def _move(points: np.ndarray, star: np.ndarray, node: int) -> bool:
    """Put `node` where the worst cell of its star is best; return whether it moved."""
    corners = points[star]
    own = np.argmax(star == node, axis=1)
    start = points[node].copy()
    edge = float(np.linalg.norm(corners - start, axis=2).sum() / (3 * len(star)))
    best, step = _worst(corners, own, start[None])[0], FIRST_STEP
    place = start
    while step >= LAST_STEP:
        tried = place + step * edge * DIRECTIONS
        worst = _worst(corners, own, tried)
        k = int(worst.argmax())
        if worst[k] > best:
            best, place = worst[k], tried[k]
        else:
            step *= 0.5
    points[node] = place
    return bool(np.any(place != start))


def _worst(corners: np.ndarray, own: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Least quality of the cells [cell, 4, 3] with vertex `own` [cell] at each of `places`."""
    n_cells = len(corners)
    tried = np.tile(corners, (len(places), 1, 1))
    tried[np.arange(len(tried)), np.tile(own, len(places))] = np.repeat(places, n_cells, axis=0)
    cells = np.arange(4 * len(tried)).reshape(-1, 4)
    return gamma_quality(tried.reshape(-1, 3), cells).reshape(len(places), n_cells).min(axis=1)


def _even_directions(n: int) -> np.ndarray:
    """Unit vectors on a Fibonacci spiral: [n, 3]."""
    height = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


DIRECTIONS = _even_directions(N_DIRECTIONS)


def flip_diagonals(surfaces: Surfaces, bad_cells: np.ndarray) -> tuple[Surfaces, int]:
    """Flip the diagonal of two surface triangles under each bad cell, and count the flips.

    A mesher that must keep its boundary cannot remove a cell whose four nodes lie on one smooth
    surface and which owns two of its triangles: the cell is as flat as the surface there. With
    the other diagonal the cell disappears, and the surface moves by no more than its height.
    A cell that owns one triangle may be bad because that is a needle: then the needle's longest
    edge is flipped, if that makes better triangles.

    Args:
        surfaces: all triangles; only two of one tag are flipped.
        bad_cells: [cell, 4] vertex ids of the cells to get rid of, inner nodes beyond.
    """
    points, faces, face_tags = surfaces.points, surfaces.faces.copy(), surfaces.face_tags
    index = {tuple(sorted(face)): k for k, face in enumerate(faces.tolist())}
    edges: Edges = {}
    for face, k in index.items():
        for edge in combinations(face, 2):
            edges.setdefault(edge, []).append(k)
    touched: set[int] = set()
    n_flips = 0
    for cell in bad_cells.tolist():
        owned = [index[key] for key in combinations(sorted(cell), 3) if key in index]
        pair = owned if len(owned) != 1 else _beside_needle(points, faces, edges, owned[0])
        if len(pair) != 2 or touched & set(pair) or len(set(face_tags[pair].tolist())) != 1:
            continue
        flipped = _flip(faces[pair].tolist())
        new_edge = tuple(sorted(set(flipped[0]) & set(flipped[1])))
        if new_edge in edges or _folds(points, faces[pair], np.array(flipped)):
            continue
        if len(owned) == 1 and not _better(points, faces[pair], np.array(flipped)):
            continue
        faces[pair] = flipped
        edges[new_edge] = pair
        touched.update(pair)
        n_flips += 1
    return replace(surfaces, faces=faces), n_flips


def _beside_needle(points: np.ndarray, faces: np.ndarray, edges: Edges, needle: int) -> list[int]:
    """The triangle and those at its longest edge: two, unless another surface ends there."""
    ends = [tuple(sorted(edge)) for edge in combinations(faces[needle].tolist(), 2)]
    lengths = [float(np.linalg.norm(points[a] - points[b])) for a, b in ends]
    return edges[ends[int(np.argmax(lengths))]]


def _better(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    return bool(triangle_quality(points, new).min() > triangle_quality(points, old).min())


def _flip(pair: list[list[int]]) -> list[list[int]]:
    """The two triangles on the other diagonal of a quadrilateral, with the same orientation."""
    first, second = pair
    apex = next(node for node in first if node not in second)
    opposite = next(node for node in second if node not in first)
    k = first.index(apex)
    left, right = first[(k + 1) % 3], first[(k + 2) % 3]
    return [[apex, left, opposite], [apex, opposite, right]]


def _folds(points: np.ndarray, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether a new triangle deviates by more than 60 degrees from the old pair's normal."""
    normal = triangle_area_vectors(points, old).sum(axis=0)
    turned = triangle_area_vectors(points, new)
    lengths = np.linalg.norm(turned, axis=1) * np.linalg.norm(normal)
    return bool(np.any(turned @ normal <= 0.5 * lengths))
