"""Signed distances to closed surfaces, and their gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.core.threads import in_blocks
from einthoven.base.geometry.closest import EDGE_AB, INSIDE, Closest, TriangleTree, along_curve
from einthoven.base.geometry.sampling import points_on_surface
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact

CLOUD_POINTS = 500_000
"""Surface points for mesh-to-sdf: 1 to 2 mm apart on a torso, which is also the error there."""
ON_SURFACE_MM = 1e-6
"""Below this distance the direction to the closest point is noise, and the normal is used."""


@dataclass(frozen=True)
class ClosedSurface:
    """A closed surface with outward triangles, and its signed distance (negative inside).

    The sign is that of the angle-weighted normal at the closest point (Baerentzen and Aanaes,
    IEEE Trans. Vis. Comput. Graph. 11:243, 2005, doi:10.1109/TVCG.2005.49).
    """

    points: np.ndarray
    """[vertex, 3] mm; further vertices are ignored."""
    faces: np.ndarray
    """[face, 3]."""

    def distance(self, queries: np.ndarray) -> np.ndarray:
        """Signed distances [query] mm of points [query, 3] mm."""
        nearest, _, sign = self.nearest(queries)
        return sign * nearest.distance

    def distance_and_gradient(
        self, queries: np.ndarray, curve: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances [query] mm and unit gradients [query, 3]; on the surface, its normal."""
        nearest, normals, sign = self.nearest(queries, curve)
        outward = (queries - nearest.points) * sign[:, None]
        gradient = np.where(nearest.distance[:, None] < ON_SURFACE_MM, normals, outward)
        return sign * nearest.distance, gradient / np.linalg.norm(gradient, axis=1, keepdims=True)

    def nearest(
        self, queries: np.ndarray, curve: np.ndarray | None = None
    ) -> tuple[Closest, np.ndarray, np.ndarray]:
        """Closest points, normals at them [query, 3], and sign [query]: -1 inside, else 1.

        `curve` is `closest.along_curve` of the queries, if known.
        """
        nearest = self._tree.closest(queries, curve)
        normals = self._normals_at(nearest)
        along = np.einsum("qd,qd->q", queries - nearest.points, normals)
        return nearest, normals, np.where(along < 0, -1.0, 1.0)

    @cached_property
    def _tree(self) -> TriangleTree:
        return TriangleTree(self.points, self.faces)

    def _normals_at(self, nearest: Closest) -> np.ndarray:
        """Angle-weighted normals at closest points, of any length: [query, 3]."""
        normals, edges, vertices = self._normals
        faces, part = nearest.faces, nearest.part
        result = normals[faces]
        on_edge = (part >= EDGE_AB) & (part < INSIDE)
        result[on_edge] = edges[faces[on_edge], part[on_edge] - EDGE_AB]
        at_corner = part < EDGE_AB
        result[at_corner] = vertices[self.faces[faces[at_corner], part[at_corner]]]
        return result

    @cached_property
    def _normals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Normals of faces [face, 3], of their edges [face, 3, 3] and of vertices [vertex, 3]."""
        area = triangle_area_vectors(self.points, self.faces)
        length = np.linalg.norm(area, axis=1, keepdims=True)
        face = area / np.where(length > 0, length, 1.0)
        ends = np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]], axis=2).astype(np.int64)
        number = ends[..., 0] * len(self.points) + ends[..., 1]
        _, edge = np.unique(number, return_inverse=True)
        edge = edge.reshape(-1, 3)
        at_edges = _sums(edge, np.repeat(face[:, None], 3, axis=1), edge.max() + 1)
        corners = np.asarray(self.points, dtype=np.float64)[self.faces]
        to_next = np.roll(corners, -1, axis=1) - corners
        to_last = np.roll(corners, 1, axis=1) - corners
        angle = np.arctan2(
            np.linalg.norm(np.cross(to_next, to_last), axis=2),
            np.einsum("fkd,fkd->fk", to_next, to_last),
        )
        at_vertices = _sums(self.faces, angle[..., None] * face[:, None], len(self.points))
        return face, at_edges[edge], at_vertices


def _sums(groups: np.ndarray, vectors: np.ndarray, n_groups: int) -> np.ndarray:
    """Sums of vectors [.., 3] by group [..]: [group, 3]."""
    weights = vectors.reshape(-1, 3).T
    return np.stack([np.bincount(groups.ravel(), w, minlength=n_groups) for w in weights], axis=1)


def signed_distances(
    surfaces: Surfaces, queries: np.ndarray, backend: str = "einthoven"
) -> np.ndarray:
    """Signed distances [query, 4] mm, negative inside, in the order of core.tags.SDF_SURFACES.

    They are those of Dokuchaev 2026, section 2.5.

    Args:
        surfaces: surfaces of a body.
        queries: [query, 3] mm.
        backend: 'einthoven' or 'vtk' (exact distance to the triangles), or 'mesh-to-sdf' (to a
            dense cloud of points on them, as in Dokuchaev 2026; slow).

    Raises:
        BadInput: NaN, wrong shapes, an unknown backend, or a surface without triangles.
    """
    shape("queries", finite("queries", queries), (None, 3))
    return np.stack(
        [surface_distance(surfaces.points, surfaces.union(name), queries, backend)
         for name in SDF_SURFACES], axis=1,
    )  # fmt: skip


def signed_distances_and_gradients(
    surfaces: Surfaces, queries: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances [query, 4] mm, and their unit gradients [query, 4, 3].

    Args:
        surfaces, queries: as in `signed_distances`.
        threads: number of threads, each on one surface.

    Raises:
        BadInput: as `signed_distances`.
    """
    checked = shape("queries", finite("queries", queries), (None, 3)).astype(np.float64)
    n = len(SDF_SURFACES)
    distances, gradients = np.empty((len(checked), n)), np.empty((len(checked), n, 3))
    curve = along_curve(checked)

    def fill(some: slice) -> None:
        surface = ClosedSurface(*surfaces.closed(SDF_SURFACES[some.start]))
        found = surface.distance_and_gradient(checked, curve)
        distances[:, some.start], gradients[:, some.start] = found

    in_blocks(fill, n, 1, threads)
    return distances, gradients


def surface_distance(
    points: np.ndarray, faces: np.ndarray, queries: np.ndarray, backend: str = "einthoven"
) -> np.ndarray:
    """Signed distance to one closed surface with outward triangles: [query] mm."""
    if backend not in BACKENDS:
        raise BadInput(f"backend: {backend!r} is none of {', '.join(BACKENDS)}")
    queries = np.asarray(queries, dtype=np.float64).reshape(-1, 3)
    return BACKENDS[backend](*compact(points, faces), queries)


def _vtk_distance(points: np.ndarray, faces: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Distance to the closest point of the triangles; sign by angle-weighted normals."""
    import pyvista

    mesh = pyvista.PolyData.from_regular_faces(points, faces)
    cloud = pyvista.PolyData(queries).compute_implicit_distance(mesh)
    return np.asarray(cloud["implicit_distance"])


def _cloud_distance(points: np.ndarray, faces: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Distance to the closest of many surface points; sign by the majority of 11 normals.

    The cloud is sampled here, because mesh-to-sdf uses NumPy's global generator; a fixed seed gives
    the same cloud for the same surface.
    """
    with extra("backends", "backend 'mesh-to-sdf'"):
        from mesh_to_sdf.surface_point_cloud import SurfacePointCloud

    rng = generator(0, "mesh-to-sdf", len(faces))
    cloud, normals = points_on_surface(points, faces, CLOUD_POINTS, rng)
    distance = SurfacePointCloud(None, cloud, normals).get_sdf_in_batches(queries, sample_count=11)
    return distance.astype(np.float64)


BACKENDS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "einthoven": lambda points, faces, queries: ClosedSurface(points, faces).distance(queries),
    "vtk": _vtk_distance,
    "mesh-to-sdf": _cloud_distance,
}
