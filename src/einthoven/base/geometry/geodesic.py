"""Geodesic distances on triangle meshes: shortest paths in a graph of nearby vertices."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from einthoven.base.geometry.triangles import adjacency, unique_edges

RINGS = 3
"""Vertices up to this many edges apart are joined: the error is 8 % with 1, at most 0.5 % with 3.
"""


def geodesic_distances(
    points: np.ndarray, faces: np.ndarray, sources: np.ndarray, rings: int = RINGS
) -> np.ndarray:
    """Shortest paths on a surface, [source, vertex] mm; infinite in other components.

    Steps are straight between vertices up to `rings` edges apart; more directions make the path
    less angular. The error of a straight step on a curved surface falls with the edge length
    squared.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3] of a connected surface.
        sources: [source] vertices.
        rings: 1 or more.
    """
    edges, _ = unique_edges(faces)
    n = len(points)
    neighbours = adjacency(edges, n) + sp.eye_array(n, format="csr")
    near = neighbours
    for _ in range(rings - 1):
        near = near @ neighbours
    pairs = sp.coo_array(near)
    i, j = pairs.coords
    apart = i != j
    i, j = i[apart], j[apart]
    length = np.linalg.norm(points[i] - points[j], axis=1)
    return dijkstra(sp.csr_array((length, (i, j)), shape=(n, n)), indices=np.asarray(sources))
