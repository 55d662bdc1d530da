"""Tetrahedra of the myocardium alone from a lattice, sufficient for predictions.

Isosurface stuffing, after Labelle and Shewchuk, "Isosurface stuffing: fast tetrahedral meshes with
good dihedral angles", ACM Trans. Graph. 26:57 (2007), doi:10.1145/1276377.1276448: a body-centred
cubic lattice is cut by the signed distance to the wall, and lattice points too close to a cut are
moved onto it. It needs no mesher. Surfaces are accurate to a fraction of a millimetre, but their
triangles are not kept, and blood and torso are not meshed; finite elements need `tetrahedralise`.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from einthoven.base.core.check import between
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import euler_number, triangle_quality, unique_edges
from einthoven.body.mesh.borders import WallSurfaces, with_borders
from einthoven.body.mesh.quality import gamma_quality, quality_summary
from einthoven.data.patient.heart import MUSCLE_SURFACES
from einthoven.data.patient.mesh import TetMesh

EDGE_SHARE = 0.891
"""Edge of the regular tetrahedron of a cell's volume a^3 / 12, over the lattice constant a."""
NEAR_LONG, NEAR_SHORT = 0.24999, 0.41189
"""Shares of an edge: a lattice point this close to a cut is moved onto it (ibid., table 1)."""
CAVITIES = (Surface.LV_ENDO, Surface.RV_ENDO)
OVER = 0.2
"""A node this far from a facet's surface, in lattice constants, is over the border of the surface.
"""
FINER = (1.0, 0.85, 0.7, 0.55, 0.4)
VOLUME_TOLERANCE = 0.03
"""Share of the muscle's volume that a lattice may miss, as it cuts the sharp corners of the base.
"""


def lattice_mesh(
    surfaces: Surfaces, frame: tuple[np.ndarray, np.ndarray], edge_mm: float, patient: str = ""
) -> TetMesh:
    """Mesh the muscle between epicardium, base and cavities.

    Args:
        surfaces: oriented as in core.tags; mm.
        frame: rotation [3, 3] and origin [3] mm of the lattice, patient = heart @ rotation.T +
            origin, so that the mesh of a heart does not depend on its pose.
        edge_mm: edge of the regular tetrahedron with the mean cell's volume; reduced by `FINER` in
            turn until the muscle is connected and its surface closed.
        patient: name.

    Returns:
        A mesh of `Tissue.MYOCARDIUM` alone, facets tagged and oriented as in core.tags.

    Raises:
        BadInput: an edge out of range.
        StepFailed: the muscle is disconnected even on the finest lattice.
    """
    between("edge_mm", edge_mm, 0.5, 8.0, "edges are in mm")
    rotation, origin = frame
    body = replace(surfaces, points=(surfaces.points - origin) @ rotation)
    for share in FINER:
        size = share * edge_mm / EDGE_SHARE
        points, cells = _muscle(body, size)
        if _is_whole(body, points, cells):
            wall = WallSurfaces.of(body)
            points, cells = with_borders(wall, points, cells, size)
            facets, tags = _tagged_facets(wall, points, cells, size)
            return _mesh(points @ rotation.T + origin, cells, facets, tags, patient)
        logger.info("a lattice of %.1f mm edges disconnects the muscle", share * edge_mm)
    raise StepFailed(
        f"lattices of {edge_mm:g} to {FINER[-1] * edge_mm:.1f} mm edges "
        "disconnect the muscle: walls are "
        "thinner than 0.9 of an edge; take a smaller one, or thicken the walls"
    )


def _muscle(body: Surfaces, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Points [node, 3] and cells [cell, 4] of the muscle's largest component on a lattice."""
    points, tets = _lattice(body.points[np.unique(body.union("epi"))], size)
    level = _levels(body, points, size)
    tets = tets[(level[tets] < 0).any(axis=1)]
    points, level = _snapped(points, level, tets, size)
    flat = tets[(level[tets] == 0).all(axis=1)]
    inner = flat[_levels(body, points[flat].mean(axis=1), size) < 0]
    points, cells = _clipped(points, level, tets[(level[tets] < 0).any(axis=1)], inner)
    used, cells = np.unique(_largest_piece(points, cells), return_inverse=True)
    return points[used], cells.reshape(-1, 4)


def _is_whole(body: Surfaces, points: np.ndarray, cells: np.ndarray) -> bool:
    """Whether cells fill the muscle, with a closed surface and no additional holes."""
    epi, lv, rv = (enclosed_volume(body.points, body.union(name)) for name in ("epi", "lv", "rv"))
    filled = tet_volumes(points, cells).sum() / (epi - lv - rv)
    found, given = _surface(cells), body.tagged(*MUSCLE_SURFACES)
    closed = (unique_edges(found)[1] == 2).all() and euler_number(found) == euler_number(given)
    return bool(closed) and abs(filled - 1.0) < VOLUME_TOLERANCE


def _lattice(inside: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Body-centred cubic lattice around some points: points [point, 3] and tetrahedra [tet, 4].

    Each tetrahedron joins the centres of two cubes and two neighbouring corners of the face between
    them; the first two and the last two are the long edges.
    """
    low = np.floor(inside.min(axis=0) / size).astype(int) - 1
    n = np.ceil(inside.max(axis=0) / size).astype(int) + 1 - low
    corner_ids = np.arange(np.prod(n + 1)).reshape(n + 1)
    centre_ids = corner_ids.size + np.arange(np.prod(n)).reshape(n)
    grids = [np.stack(np.meshgrid(*map(np.arange, m), indexing="ij"), -1).reshape(-1, 3)
             for m in (n + 1, n)]  # fmt: skip
    points = size * (np.concatenate([grids[0], grids[1] + 0.5]) + low)
    tets = []
    for axis in range(3):
        first, second = (np.moveaxis(centre_ids, axis, 0)[part].ravel()
                         for part in (slice(None, -1), slice(1, None)))  # fmt: skip
        between_them = np.moveaxis(corner_ids, axis, 0)[1:-1]
        i, j = slice(None, -1), slice(1, None)
        ring = [between_them[:, a, b].ravel() for a, b in ((i, i), (j, i), (j, j), (i, j))]
        for one, next_one in zip(ring, ring[1:] + ring[:1]):
            tets.append(np.stack([first, second, one, next_one], axis=1))
    return points, np.concatenate(tets)


def _levels(body: Surfaces, points: np.ndarray, size: float) -> np.ndarray:
    """Level [point] in mm, negative in the muscle; exact within one cell of it."""
    level = surface_distance(body.points, body.union("epi"), points)
    near = np.flatnonzero(level < size)
    for cavity in ("lv", "rv"):
        depth = -surface_distance(body.points, body.union(cavity), points[near])
        level[near] = np.maximum(level[near], depth)
    return level


def _snapped(
    points: np.ndarray, level: np.ndarray, tets: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lattice points moved onto cuts that are too close: level zero."""
    pairs = np.concatenate([tets[:, [a, b]] for a in range(4) for b in range(a + 1, 4)])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = pairs[level[pairs[:, 0]] * level[pairs[:, 1]] < 0]
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    start, end = pairs.T
    share = level[start] / (level[start] - level[end])
    way = points[end] - points[start]
    length = np.linalg.norm(way, axis=1)
    near = share < np.where(length > 0.95 * size, NEAR_LONG, NEAR_SHORT)
    start, move = start[near], (share[:, None] * way)[near]
    order = np.lexsort((np.linalg.norm(move, axis=1), start))
    moved, first = np.unique(start[order], return_index=True)
    points, level = points.copy(), level.copy()
    points[moved] += move[order[first]]
    level[moved] = 0.0
    return points, level


def _clipped(
    points: np.ndarray, level: np.ndarray, tets: np.ndarray, inner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tetrahedra below level zero; the diagonal of a quadrilateral starts at its smallest id.

    In a thin wall all corners of a tetrahedron may lie on the surface: these, `inner`, are kept
    whole. Cut points are numbered after all lattice points, so that both sides of a face agree.
    """
    kind = np.sign(level).astype(int)[tets]
    order = np.lexsort((tets, kind), axis=1)  # inside, on, outside; by id within each
    tets, kind = np.take_along_axis(tets, order, 1), np.take_along_axis(kind, order, 1)
    n_in, n_out = (kind < 0).sum(axis=1), (kind > 0).sum(axis=1)
    cut = _Cuts(points, level, tets, kind)
    whole = tets[n_out == 0]
    parts = [whole, inner]
    for n_zero in range(3):  # one point inside: the others are cut, or already on the surface
        some = np.flatnonzero((n_in == 1) & (n_out == 3 - n_zero))
        ends = [tets[some, k] if k <= n_zero else cut.of(some, 0, k) for k in (1, 2, 3)]
        parts.append(np.stack([tets[some, 0], *ends], axis=1))
    some = np.flatnonzero((n_in == 2) & (n_out == 1))
    a, b, on, of_a, of_b = *tets[some, :3].T, cut.of(some, 0, 3), cut.of(some, 1, 3)
    parts += _stacks((on, a, b, of_b), (on, a, of_b, of_a))
    some = np.flatnonzero((n_in == 2) & (n_out == 2))
    a, b = tets[some, :2].T
    a2, a3, b2, b3 = (cut.of(some, i, k) for i in (0, 1) for k in (2, 3))
    parts += _stacks((a, a2, a3, b3), (a, a2, b3, b2), (a, b2, b3, b))
    some = np.flatnonzero((n_in == 3) & (n_out == 1))
    a, b, c = tets[some, :3].T
    a3, b3, c3 = (cut.of(some, i, 3) for i in range(3))
    parts += _stacks((a, b, c, c3), (a, b, c3, b3), (a, b3, c3, a3))
    used, cells = np.unique(np.concatenate(parts), return_inverse=True)
    points, cells = np.concatenate([points, cut.points])[used], cells.reshape(-1, 4)
    turned = tet_volumes(points, cells) < 0
    cells[turned] = cells[turned][:, [0, 2, 1, 3]]
    return points, cells


class _Cuts:
    """Points where edges from inside to outside cross level zero, numbered from len(points) on."""

    def __init__(self, points: np.ndarray, level: np.ndarray, tets: np.ndarray, kind: np.ndarray):
        self.tets, self.n = tets, len(points)
        pairs = [tets[(kind[:, i] < 0) & (kind[:, k] > 0)][:, [i, k]]
                 for i in range(3) for k in range(i + 1, 4)]  # fmt: skip
        self.keys, first = np.unique(self._key(*np.concatenate(pairs).T), return_index=True)
        inside, outside = np.concatenate(pairs)[first].T
        share = (level[inside] / (level[inside] - level[outside]))[:, None]
        self.points = points[inside] + share * (points[outside] - points[inside])

    def _key(self, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        return inside * self.n + outside

    def of(self, tets: np.ndarray, i: int, k: int) -> np.ndarray:
        """Ids of the cuts between corners i and k of some tetrahedra."""
        key = self._key(self.tets[tets, i], self.tets[tets, k])
        return self.n + np.searchsorted(self.keys, key)


def _stacks(*tets: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return [np.stack(corners, axis=1) for corners in tets]


def _sides(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [4 cell, 3] of cells, outward, and a number that identifies each corner set."""
    sides = cells[:, [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]].reshape(-1, 3)
    _, number = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    return sides, number.ravel()


def _largest_piece(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells of the face-connected component with the largest volume."""
    number = _sides(cells)[1]
    owner = np.repeat(np.arange(len(cells)), 4)
    shape = (len(cells), int(number.max()) + 1)
    joins = coo_array((np.ones(len(number)), (owner, number)), shape=shape).tocsr()
    label = connected_components(joins @ joins.T, directed=False)[1]
    volume = np.bincount(label, weights=tet_volumes(points, cells))
    return cells[label == volume.argmax()]


def _surface(cells: np.ndarray) -> np.ndarray:
    """Triangles [facet, 3] that belong to one cell only, outward."""
    sides, number = _sides(cells)
    return sides[(np.bincount(number) == 1)[number]]


def _apart(facets: np.ndarray, tags: np.ndarray, n_points: int) -> np.ndarray:
    """Tags [facet] with base between other surfaces, where a facet spans the base's edge."""
    tags = tags.copy()
    for one, *others in (
        (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO),
        (Surface.RV_ENDO, Surface.LV_ENDO),
    ):
        touched = np.zeros(n_points, bool)
        touched[facets[np.isin(tags, others)]] = True
        tags[(tags == one) & touched[facets].any(axis=1)] = Surface.BASE
    return tags


def _tagged_facets(
    wall: WallSurfaces, points: np.ndarray, cells: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Facets [facet, 3], oriented as in core.tags, and their tags: those of the nearest surface.

    A facet with a node that is off its surface and closer to the base is of the base, as otherwise
    an endocardium would reach over the edge of the base.
    """
    facets = _surface(cells)
    tags = wall.tags[wall.distances(points[facets].mean(axis=1)).argmin(axis=1)]
    nodes, corners = np.unique(facets, return_inverse=True)
    apart = wall.distances(points[nodes])
    own = np.searchsorted(wall.tags, tags)  # both rise
    off = apart[corners.reshape(-1, 3), own[:, None]]
    to_base = apart[:, wall.tags == Surface.BASE].min(axis=1, initial=np.inf)
    over = (off > OVER * size) & (to_base[corners.reshape(-1, 3)] < off)
    tags[over.any(axis=1)] = Surface.BASE
    tags = _apart(facets, tags, len(points))
    inward = np.isin(tags, CAVITIES)
    facets[inward] = facets[inward][:, ::-1]
    return facets, tags


def _mesh(
    points: np.ndarray, cells: np.ndarray, facets: np.ndarray, tags: np.ndarray, patient: str
) -> TetMesh:
    quality = quality_summary("quality", gamma_quality(points, cells))
    quality |= quality_summary("surface_quality", triangle_quality(points, facets))
    return TetMesh(
        patient=patient,
        points=points,
        cells=cells.astype(np.int32),
        cell_tags=np.full(len(cells), Tissue.MYOCARDIUM, np.int8),
        facets=facets.astype(np.int32),
        facet_tags=tags.astype(np.int8),
        n_heart_nodes=len(points),
        n_heart_cells=len(cells),
        quality=quality,
    )
