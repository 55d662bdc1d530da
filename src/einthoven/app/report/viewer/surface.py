"""Triangles shown in the page, as many as fit."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyvista as pv
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.sampling import farthest_points
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.heart import Heart

OUTER = (Surface.EPI, Surface.BASE)
ENDOCARDIUM = (Surface.LV_ENDO, Surface.RV_ENDO)


@dataclass(frozen=True, eq=False)
class HeartShown:
    """Nodes and triangles of the muscle's surface.

    Attributes:
        nodes: [shown] heart nodes.
        outer: [face, 3] of epicardium and base, endocardium: [face, 3]; numbers into `nodes`,
            oriented as in core.tags: away from the cavities.
    """

    nodes: np.ndarray
    outer: np.ndarray
    endocardium: np.ndarray

    @classmethod
    def of(cls, heart: Heart, most_nodes: int) -> Self:
        """All of the surface, or `most_nodes` of its nodes, in triangles between them."""
        points, faces = compact(heart.points, heart.facets)
        kept, faces, origin = thinned(points, faces, most_nodes)
        tags = heart.facet_tags[origin]
        nodes = np.unique(heart.facets)[kept]
        return cls(nodes, *(faces[np.isin(tags, some)] for some in (OUTER, ENDOCARDIUM)))

    def places(self, heart: Heart, faces: np.ndarray, n: int) -> np.ndarray:
        """Numbers into `nodes` of `n` of the faces' nodes, far from each other."""
        nodes = np.unique(faces)
        points = heart.points[self.nodes[nodes]]
        chosen = farthest_points(points, points[0], min(n, len(nodes)))
        return nodes[cKDTree(points).query(chosen)[1]]

    def cell_mean(self, heart: Heart) -> sp.csr_array:
        """Matrix [shown, heart cell]: mean over the cells about a node, weighted by volume."""
        weights: np.ndarray = np.repeat(heart.volumes, 4)
        columns: np.ndarray = np.repeat(np.arange(len(heart.cells)), 4)
        shape = (len(heart.points), len(heart.cells))
        incident = sp.csr_array((weights, (heart.cells.ravel(), columns)), shape)[self.nodes]
        return sp.csr_array(sp.diags_array(1 / incident.sum(axis=1)) @ incident)


def thinned(
    points: np.ndarray, faces: np.ndarray, most_nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A surface with nodes taken away until at most `most_nodes` are left; none is moved.

    Nodes go by Schroeder's decimation (vtkDecimatePro, 10.1145/133994.134010), which keeps the
    topology.

    Args:
        points: [node, 3] mm.
        faces: [face, 3] of a surface.
        most_nodes: of the result.

    Returns:
        kept: [kept] nodes. faces: [left, 3] numbers into `kept`. origin: [left] the face of the
        input whose middle is nearest.
    """
    if len(points) <= most_nodes:
        return np.arange(len(points)), faces, np.arange(len(faces))
    surface = pv.PolyData.from_regular_faces(points, faces)
    left = surface.decimate_pro(1 - most_nodes / len(points), preserve_topology=True)
    kept = cKDTree(points).query(np.asarray(left.points, float))[1]
    triangles = left.regular_faces.astype(np.int64)
    middles = cKDTree(points[faces].mean(axis=1))
    return kept, triangles, middles.query(points[kept[triangles]].mean(axis=1))[1]
