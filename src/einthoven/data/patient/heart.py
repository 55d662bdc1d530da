"""The myocardium of a patient's mesh, with its surfaces, apex and long axis."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import p1_gradients, tet_volumes
from einthoven.data.patient.mesh import TetMesh

MUSCLE_SURFACES = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE)


@dataclass(frozen=True, eq=False)
class Heart:
    """Tetrahedra of the myocardium and the tagged triangles on them, in the mesh's frame (mm).

    Node and cell numbers are those of the whole mesh, because the myocardium comes first there.
    """

    points: np.ndarray
    """[heart node, 3] mm."""
    cells: np.ndarray
    """[heart cell, 4]."""
    facets: np.ndarray
    """[facet, 3], on EPI, LV_ENDO, RV_ENDO and BASE only."""
    facet_tags: np.ndarray
    """[facet] core.tags.Surface."""

    @classmethod
    def from_mesh(cls, mesh: TetMesh) -> Self:
        """The myocardium of a mesh.

        Raises:
            BadInput: the myocardium does not come first, a tetrahedron is not positively oriented,
                or a surface has no triangle.
        """
        points = check.finite("points", mesh.points)
        is_muscle = mesh.cell_tags == Tissue.MYOCARDIUM
        n_cells = int(is_muscle.sum())
        if n_cells == 0 or not is_muscle[:n_cells].all():
            raise BadInput("cell_tags: the myocardium must come first; re-run the mesh rule")
        cells = mesh.cells[:n_cells].astype(np.int64)
        n_nodes = int(cells.max()) + 1
        if len(np.unique(cells)) != n_nodes:
            raise BadInput("cells: the nodes of the myocardium must come first in points")
        points = np.ascontiguousarray(points[:n_nodes], dtype=float)
        if np.any(tet_volumes(points, cells) <= 0):
            raise BadInput("cells: a heart tetrahedron is flat or inverted; re-run the mesh rule")
        on_muscle = np.isin(mesh.facet_tags, MUSCLE_SURFACES)
        facets = mesh.facets[on_muscle].astype(np.int64)
        heart = cls(points, cells, facets, mesh.facet_tags[on_muscle])
        for tag in (Surface.EPI, Surface.LV_ENDO, Surface.BASE):
            if not np.any(heart.facet_tags == tag):
                raise BadInput(f"facet_tags: no triangle is tagged {tag.name}")
        if facets.max() >= n_nodes:
            raise BadInput("facets: a heart surface has nodes outside the myocardium")
        return heart

    @cached_property
    def centroids(self) -> np.ndarray:
        """Centroids [heart cell, 3] mm."""
        return self.points[self.cells].mean(axis=1)

    @cached_property
    def volumes(self) -> np.ndarray:
        """Volumes [heart cell] mm^3."""
        return tet_volumes(self.points, self.cells)

    @cached_property
    def hat_gradients(self) -> np.ndarray:
        """Gradients of the barycentric coordinates: [heart cell, 4, 3] 1/mm."""
        return p1_gradients(self.points, self.cells)

    def surface(self, tag: Surface) -> np.ndarray:
        """Triangles of one surface: [facet, 3]."""
        return self.facets[self.facet_tags == tag]

    def surface_nodes(self, tag: Surface) -> np.ndarray:
        """Sorted node numbers of one surface."""
        return np.unique(self.surface(tag))

    @property
    def has_rv(self) -> bool:
        """Whether there is a right ventricle; idealised test problems have none."""
        return bool(np.any(self.facet_tags == Surface.RV_ENDO))

    def annulus(self, endocardium: Surface) -> np.ndarray:
        """Node numbers of the boundary loop where a ventricle's endocardium meets the base.

        Raises:
            BadInput: they do not meet.
        """
        nodes = np.intersect1d(self.surface_nodes(endocardium), self.surface_nodes(Surface.BASE))
        if len(nodes) < 3:
            raise BadInput(
                f"facets: {endocardium.name} and BASE share no boundary loop; they must share nodes"
            )
        return nodes

    @cached_property
    def _lv_annulus(self) -> np.ndarray:
        return self.annulus(Surface.LV_ENDO)

    @cached_property
    def lv_base_centre(self) -> np.ndarray:
        """Centroid [3] mm of the nodes of the LV's annulus."""
        return self.points[self._lv_annulus].mean(axis=0)

    @cached_property
    def lv_apex(self) -> int:
        """LV endocardial node farthest from the centre of the LV's base."""
        nodes = self.surface_nodes(Surface.LV_ENDO)
        distance = np.linalg.norm(self.points[nodes] - self.lv_base_centre, axis=1)
        return int(nodes[distance.argmax()])

    @cached_property
    def long_axis(self) -> np.ndarray:
        """Unit vector [3] from the LV's endocardial apex to the centre of its base."""
        axis = self.lv_base_centre - self.points[self.lv_apex]
        return axis / np.linalg.norm(axis)

    @cached_property
    def height(self) -> np.ndarray:
        """Height [heart node] mm along the long axis, zero at the LV's base centre."""
        return (self.points - self.lv_base_centre) @ self.long_axis

    @cached_property
    def apex(self) -> int:
        """Epicardial node under the LV's apex: the lowest within the annulus' radius of the axis.

        The radius keeps the apex on the LV if the RV reaches further down.
        """
        offset = self.points - self.lv_base_centre
        radius = np.linalg.norm(offset - self.height[:, None] * self.long_axis, axis=1)
        nodes = self.surface_nodes(Surface.EPI)
        nodes = nodes[radius[nodes] <= radius[self._lv_annulus].max()]
        return int(nodes[self.height[nodes].argmin()])
