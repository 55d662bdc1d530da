"""Inner walls of a heart's surface, dropped: discs over valves, a septum that is given twice.

Published bi-ventricular surfaces have them. An edge where they meet the wall has three or more
triangles; such edges divide the surface in patches, of which some close around the muscle.
"""

from collections import Counter
from itertools import combinations

import numpy as np

from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, face_pieces
from einthoven.body.imported.defect import near
from einthoven.body.imported.orient import oriented

MAX_PATCHES = 14
ALIKE = 0.1
"""Of closed surfaces whose areas differ by at most this share, that around more muscle is taken."""
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
    junctions = list[list[int]]([[] for _ in range(len(counts))])
    for face, edge in zip(*np.nonzero(counts[edge_ids] > 2)):
        junctions[edge_ids[face, edge]].append(int(patch[face]))
    kinds = Counter(tuple(sorted(found)) for found in junctions if found)
    sizes = np.bincount(patch, area)
    solutions = []
    for k in range(1, n_patches + 1):
        for chosen in combinations(range(n_patches), k):
            here = set(chosen)
            if all(sum(p in here for p in kind) in (0, 2) for kind in kinds):
                solutions.append(np.array(chosen))
    solutions = [s for s in solutions if len(face_pieces(heart.faces[np.isin(patch, s)])) == 1]
    if not solutions:
        return None
    areas = np.array([sizes[s].sum() for s in solutions])
    alike = [np.isin(patch, solutions[k]) for k in np.flatnonzero(areas > (1 - ALIKE) * areas.max())]
    return max(alike, key=lambda kept: _volume(heart.only(kept)))


def _volume(surface: Surfaces) -> float:
    found = oriented(surface)[0]
    return abs(enclosed_volume(found.points, found.faces))


def _closed_piece(
    heart: Surfaces, edge_ids: np.ndarray, counts: np.ndarray
) -> np.ndarray | None:
    """Triangles [face] bool of the one closed component, if all others are open sheets."""
    pieces = face_pieces(heart.faces)
    closed = [ids for ids in pieces if (counts[edge_ids[ids]] == 2).all()]
    if len(pieces) < 2 or len(closed) != 1:
        return None
    return np.isin(np.arange(len(heart.faces)), closed[0])
