"""Nodes inside thin walls: no edge of the muscle joins two points of its surface through it.

Fibres rotate by a right angle through a wall. In a cell with all nodes on surfaces one fibre stands
for the whole wall, and the harmonic functions that fibres follow from are known there at surfaces
only. In the right ventricle such cells are common (a fifth of the muscle of a 2.2 mm mesh, two
fifths at 4 mm). They are the largest error of an ECG on such meshes beside that of the random tree
(docs/studies/2026-11-26-resolution.md).
"""

from dataclasses import replace

import numpy as np

from einthoven.base.core.log import logger
from einthoven.base.geometry.simplex import TET_EDGES, TET_FACES, unique_sides
from einthoven.base.geometry.triangles import triangle_quality
from einthoven.body.mesh.quality import gamma_quality, quality_summary
from einthoven.data.patient.mesh import TetMesh

TRIANGLE_EDGES = ((0, 1), (0, 2), (1, 2))


def with_inner_nodes(mesh: TetMesh) -> TetMesh:
    """A mesh whose muscle has a node in the middle of each edge that crosses a wall.

    All cells at such an edge are cut in two. They are of the muscle: surfaces, blood and torso
    remain as they are.

    Args:
        mesh: the myocardium first.

    Returns:
        The mesh with more nodes and cells, or the same one if no edge crosses a wall.
    """
    edges, cells = _muscle_edges(mesh)
    return _cut(mesh, edges[crossing(edges, cells, mesh.n_heart_nodes)])


def with_short_edges(mesh: TetMesh, longest_mm: float) -> TetMesh:
    """A mesh whose muscle has a node in the middle of each edge that is longer than a length.

    All cells and facets at such an edge are cut in two, those of blood and torso, too. It is done
    once: halves may still be longer, and so may edges between new nodes.

    Args:
        mesh: the myocardium first.
        longest_mm: edges up to this length remain.

    Returns:
        The mesh with more nodes and cells, or the same one if no edge is longer.
    """
    edges, _ = _muscle_edges(mesh)
    return _cut(mesh, edges[_lengths(mesh, edges) > longest_mm])


def _muscle_edges(mesh: TetMesh) -> tuple[np.ndarray, np.ndarray]:
    """Edges [edge, 2] and cells [cell, 4] of the muscle."""
    cells = mesh.cells[: mesh.n_heart_cells].astype(np.int64)
    return unique_sides(cells[:, TET_EDGES].reshape(-1, 2))[0], cells


def _lengths(mesh: TetMesh, edges: np.ndarray) -> np.ndarray:
    ends = mesh.points[edges]
    lengths: np.ndarray = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return lengths


def _cut(mesh: TetMesh, edges: np.ndarray) -> TetMesh:
    """The mesh with these edges of the muscle halved, the longest first."""
    if len(edges) == 0:
        return mesh
    edges = edges[np.argsort(-_lengths(mesh, edges), kind="stable")]
    parts = (bisected(part, edges, len(mesh.points)) for part in (mesh.cells, mesh.facets))
    return _numbered(mesh, edges, *parts)


def _numbered(
    mesh: TetMesh,
    edges: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray],
    facets: tuple[np.ndarray, np.ndarray],
) -> TetMesh:
    """The mesh of the parts of cells and facets, with the new nodes after the muscle's."""
    n_old, n_new = mesh.n_heart_nodes, len(edges)
    middles = mesh.points[edges].mean(axis=1)
    points = np.concatenate([mesh.points[:n_old], middles, mesh.points[n_old:]])
    new_id = np.arange(len(points))
    new_id[n_old : len(mesh.points)] += n_new
    new_id[len(mesh.points) :] = n_old + np.arange(n_new)
    parts, tags = new_id[cells[0]], mesh.cell_tags[cells[1]]
    quality = quality_summary("quality", gamma_quality(points, parts))
    triangles = new_id[facets[0]]
    quality |= quality_summary("surface_quality", triangle_quality(points, triangles))
    n_cells = int((cells[1] < mesh.n_heart_cells).sum())
    logger.info("%s: %d edges of the muscle cut; %d cells in it, %d before", mesh.patient,
                n_new, n_cells, mesh.n_heart_cells)  # fmt: skip
    return replace(
        mesh,
        points=points,
        cells=parts.astype(mesh.cells.dtype),
        cell_tags=tags,
        facets=triangles.astype(mesh.facets.dtype),
        facet_tags=mesh.facet_tags[facets[1]],
        n_heart_nodes=n_old + n_new,
        n_heart_cells=n_cells,
        quality=quality,
    )


def crossing(edges: np.ndarray, cells: np.ndarray, n_nodes: int) -> np.ndarray:
    """Mask [edge] of the edges that join two nodes of the cells' surface and are no edge of it.

    edges [edge, 2], the nodes of each rising; cells [cell, 4]; all nodes are below `n_nodes`.
    """
    faces, count = unique_sides(cells[:, TET_FACES].reshape(-1, 3))
    surface = faces[count == 1]
    on_surface = np.zeros(n_nodes, bool)
    on_surface[surface] = True
    along, _ = unique_sides(surface[:, TRIANGLE_EDGES].reshape(-1, 2))
    is_along = np.isin(edges @ [n_nodes, 1], along @ [n_nodes, 1])
    found: np.ndarray = on_surface[edges].all(axis=1) & ~is_along
    return found


def bisected(
    simplices: np.ndarray, edges: np.ndarray, first_new: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tetrahedra or triangles cut in two at some of their edges.

    Each is cut at the first of the edges that it has, then its parts are, so that two cells cut a
    face that they share in the same way.

    Args:
        simplices: [simplex, 4 or 3].
        edges: [edge, 2], the nodes of each rising, in the order of cutting.
        first_new: number of the node in the middle of the first edge; those of the others follow.

    Returns:
        Parts [part, 4 or 3], oriented like the simplex that they come from, and its number [part],
        which rises.
    """
    pairs = TET_EDGES if simplices.shape[1] == 4 else TRIANGLE_EDGES
    base = first_new + len(edges)
    order = np.argsort(edges @ [base, 1])
    keys = (edges @ [base, 1])[order]
    left, parent = simplices.astype(np.int64), np.arange(len(simplices))
    parts = list[np.ndarray]()
    parents = list[np.ndarray]()
    while len(left):
        key = np.sort(left[:, pairs], axis=2) @ [base, 1]  # [simplex, edge]
        at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        rank = np.where(keys[at] == key, order[at], len(edges)).min(axis=1)
        whole = rank == len(edges)
        parts.append(left[whole])
        parents.append(parent[whole])
        left, parent, rank = left[~whole], parent[~whole], rank[~whole]
        middle = (first_new + rank)[:, None]
        left = np.concatenate(
            [np.where(left == end[:, None], middle, left) for end in edges[rank].T]
        )
        parent = np.tile(parent, 2)
    origin = np.concatenate(parents)
    by_parent = np.argsort(origin, kind="stable")
    return np.concatenate(parts)[by_parent], origin[by_parent]
