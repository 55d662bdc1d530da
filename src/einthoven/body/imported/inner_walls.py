"""Inner walls of a heart's surface, dropped: discs over valves, a septum that is given twice.

Published bi-ventricular surfaces have them. An edge where they meet the wall has three or more
triangles; such edges divide the surface in patches, of which some close around the muscle.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, face_pieces
from einthoven.body.imported.defect import near
from einthoven.body.imported.orient import oriented

MAX_PATCHES, N_CHOICES = 200, 12
ALIKE = 0.1
"""Largest relative difference of two areas at which the surface around more muscle is taken."""
LARGEST_SHARE = 0.3
"""Share of the area that is dropped at most."""


def without_inner_walls(heart: Surfaces) -> tuple[Surfaces, str]:
    """The closed surface around the muscle, if there is one, and a note on what was dropped.

    Of the patches between edges with three or more triangles, those are kept that together have
    two triangles at every edge and the largest area: endocardia are larger than discs over their
    openings. Separate open sheets beside a closed surface are dropped as well. A heart without a
    solution is unchanged.
    """
    edge_ids, counts = _edges(heart.faces)
    area = 0.5 * np.linalg.norm(triangle_area_vectors(heart.points, heart.faces), axis=1)
    if (counts > 2).any():
        kept = _around_muscle(heart, edge_ids, counts, area)
    else:
        kept = _closed_piece(heart, edge_ids, counts)
    if kept is None or area[~kept].sum() > LARGEST_SHARE * area.sum() or kept.all():
        return heart, ""
    places = heart.points[heart.faces[~kept]].mean(axis=1)
    return heart.only(kept), (
        f"{int((~kept).sum())} triangles of discs over valves and inner walls "
        f"({area[~kept].sum() / 100:.0f} cm^2) dropped, the first {near(places)}"
    )


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids [face, 3] of each triangle's edges, and the number of triangles at each edge."""
    sides = np.sort(face_edges(faces), axis=1)
    _, ids, counts = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    return ids.reshape(3, -1).T, counts


def _patches(edge_ids: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the patch [face] of each triangle, and how many there are."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(edge_ids)
    order = np.argsort(edge_ids.ravel(), kind="stable")
    owner, edge = order // 3, edge_ids.ravel()[order]
    same = (edge[1:] == edge[:-1]) & (counts[edge[1:]] == 2)
    a, b = owner[:-1][same], owner[1:][same]
    n_patches, patch = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)),
                                            directed=False)  # fmt: skip
    return patch, n_patches


def _around_muscle(
    heart: Surfaces, edge_ids: np.ndarray, counts: np.ndarray, area: np.ndarray
) -> np.ndarray | None:
    """Triangles [face] bool of the patches that close around the muscle."""
    patch, n_patches = _patches(edge_ids, counts)
    if n_patches > MAX_PATCHES:
        return None
    junctions = defaultdict[int, list[int]](list)
    for face, side in zip(*np.nonzero(counts[edge_ids] > 2)):
        junctions[int(edge_ids[face, side])].append(int(patch[face]))
    kinds = sorted({tuple(sorted(found)) for found in junctions.values()})
    sizes = np.bincount(patch, area)
    alike = []
    for chosen in _closing(kinds, sizes):
        kept = chosen[patch]
        if len(face_pieces(heart.faces[kept])) == 1:
            alike.append(kept)
    return max(alike, key=lambda kept: _volume(heart.only(kept))) if alike else None


def _closing(kinds: list[tuple[int, ...]], sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Choices [patch] bool with none or two triangles at every edge, the largest area first.

    They end where the area is smaller than the first by more than `ALIKE`.

    Args:
        kinds: patches of the triangles at an edge, for each kind of edge.
        sizes: [patch] area in mm^2.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    n, m = len(sizes), len(kinds)
    rule = np.zeros((m, n + m))  # triangles at the edge = 2 if it is used
    for k, kind in enumerate(kinds):
        np.add.at(rule[k], list(kind), 1.0)
        rule[k, n + k] = -2.0
    rules, largest = [LinearConstraint(rule, 0.0, 0.0)], 0.0
    cost = np.append(-sizes / sizes.sum(), np.zeros(m))
    for _ in range(N_CHOICES):
        found = milp(cost, constraints=rules, integrality=np.ones(n + m), bounds=Bounds(0, 1))
        if found.x is None:
            return
        chosen = found.x[:n] > 0.5
        largest = max(largest, float(sizes[chosen].sum()))
        if not chosen.any() or sizes[chosen].sum() < (1 - ALIKE) * largest:
            return
        yield chosen
        other = np.append(np.where(chosen, 1.0, -1.0), np.zeros(m))  # another choice than this one
        rules.append(LinearConstraint(other[None], -np.inf, chosen.sum() - 1.0))


def _volume(surface: Surfaces) -> float:
    found = oriented(surface)[0]
    return abs(enclosed_volume(found.points, found.faces))


def _closed_piece(heart: Surfaces, edge_ids: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """Triangles [face] bool of the one closed component, if all others are open sheets."""
    pieces = face_pieces(heart.faces)
    closed = [ids for ids in pieces if (counts[edge_ids[ids]] == 2).all()]
    if len(pieces) < 2 or len(closed) != 1:
        return None
    return np.isin(np.arange(len(heart.faces)), closed[0])
