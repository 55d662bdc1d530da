"""Every tetrahedron into eight, so that linear functions on the mesh are also some on the new one.

Nested meshes of one polyhedron isolate the effect of the size of the elements.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.simplex import TET_EDGES, sparse_rows, tet_volumes
from einthoven.data.patient.mesh import TetMesh

CORNERS = ((0, 4, 5, 6), (4, 1, 7, 8), (5, 7, 2, 9), (6, 8, 9, 3))
"""Children at the corners; 0 to 3 are the parent's nodes, 4 to 9 the midpoints of `TET_EDGES`."""
DIAGONALS = ((4, 9), (5, 8), (6, 7))
RINGS = ((5, 7, 8, 6), (4, 7, 9, 6), (4, 5, 9, 8))
"""The octahedron in the middle is cut along its shortest diagonal, around which the ring runs."""


class Subdivision(NamedTuple):
    """A mesh of eight times as many cells.

    mesh: the myocardium first. The children of cell c are 8 c to 8 c + 7, the last four about its
    centroid.
    prolongation: [node, old node], the P1 interpolation.
    midpoints: [edge] node in the middle of each old edge. edges: [edge, 2] old nodes.
    """

    mesh: TetMesh
    prolongation: sp.csr_array
    midpoints: np.ndarray
    edges: np.ndarray


def subdivide(mesh: TetMesh) -> Subdivision:
    """Halve all edges of a mesh (Bey 1995, doi:10.1007/BF02238487, with the shortest diagonal).

    Raises:
        BadInput: malformed arrays.
    """
    points = check.finite("points", check.shape("points", mesh.points, (None, 3)))
    cells = check.shape("cells", mesh.cells, (None, 4)).astype(np.int64)
    n = len(points)
    pairs = np.sort(cells[:, TET_EDGES], axis=2).reshape(-1, 2)
    keys, index = np.unique(pairs[:, 0] * n + pairs[:, 1], return_inverse=True)
    edges = np.stack([keys // n, keys % n], axis=1)
    points = np.concatenate([points, points[edges].mean(axis=1)])
    local = np.concatenate([cells, index.reshape(-1, 6) + n], axis=1)  # [cell, 10]
    children = _children(points, local)
    facets = _quarters(mesh.facets.astype(np.int64), keys, n)

    tags = np.repeat(mesh.cell_tags, 8)
    in_heart = np.zeros(len(points), dtype=bool)
    in_heart[children[tags == Tissue.MYOCARDIUM]] = True
    order = np.argsort(~in_heart, kind="stable")
    new = np.empty(len(points), dtype=np.int32)
    new[order] = np.arange(len(points), dtype=np.int32)
    half = sparse_rows(edges, np.full(edges.shape, 0.5), n)
    prolongation = sp.csr_array(sp.vstack([sp.eye_array(n), half]))[order]
    fine = TetMesh(
        patient=mesh.patient,
        points=points[order],
        cells=new[children],
        cell_tags=tags,
        facets=new[facets],
        facet_tags=np.repeat(mesh.facet_tags, 4),
        n_heart_nodes=int(in_heart.sum()),
        n_heart_cells=8 * mesh.n_heart_cells,
    )
    return Subdivision(fine, sp.csr_array(prolongation), new[n:], edges)


def _children(points: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Eight positive tetrahedra of each cell: [8 cell, 4]."""
    ends = points[local[:, DIAGONALS]]  # [cell, 3, 2, 3]
    shortest = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).argmin(axis=1)
    children = np.empty((len(local), 8, 4), dtype=np.int64)
    children[:, :4] = local[:, CORNERS]
    for kind, (diagonal, ring) in enumerate(zip(DIAGONALS, RINGS)):
        some = shortest == kind
        around = [(*diagonal, ring[k], ring[(k + 1) % 4]) for k in range(4)]
        children[some, 4:] = local[some][:, around]
    flat = children.reshape(-1, 4)
    inverted = tet_volumes(points, flat) < 0
    flat[inverted] = flat[inverted][:, [0, 2, 1, 3]]
    return flat


def _quarters(facets: np.ndarray, keys: np.ndarray, n: int) -> np.ndarray:
    """Four triangles of each facet, oriented like it: [4 facet, 3]."""
    after = np.roll(facets, -1, axis=1)
    low, high = np.minimum(facets, after), np.maximum(facets, after)
    ab, bc, ca = (np.searchsorted(keys, low * n + high) + n).T
    a, b, c = facets.T
    parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
    return np.stack([np.stack(part, axis=1) for part in parts], axis=1).reshape(-1, 3)
