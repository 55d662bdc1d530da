"""Signed distances to the four closed surfaces of a body."""

from collections.abc import Callable, Mapping

import numpy as np

from einthoven.core.check import between, finite, shape
from einthoven.core.errors import BadInput
from einthoven.core.seeds import generator
from einthoven.core.tags import CLOSED_SURFACES, SDF_SURFACES
from einthoven.geometry.simplex import triangle_area_vectors

CLOUD_POINTS = 500_000
"""Surface points for mesh-to-sdf: 1 to 2 mm apart on a torso, which is its error there."""


def signed_distances(
    points: np.ndarray,
    faces: np.ndarray,
    face_tags: np.ndarray,
    queries: np.ndarray,
    backend: str = "vtk",
) -> np.ndarray:
    """Signed distances in the order of core.tags.SDF_SURFACES (Dokuchaev 2026, section 2.5).

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        face_tags: [face] (Surface).
        queries: [query, 3] mm.
        backend: 'vtk' (exact distance to the triangles) or 'mesh-to-sdf' (to a dense cloud of
            points on them, as in the paper; slow).

    Returns:
        [query, 4] mm, negative inside.

    Raises:
        BadInput: NaN, wrong shapes, an unknown backend, or a surface without triangles.
    """
    shape("queries", finite("queries", queries), (None, 3))
    columns = []
    for name in SDF_SURFACES:
        closed = faces[np.isin(face_tags, CLOSED_SURFACES[name])]
        if len(closed) == 0:
            raise BadInput(f"face_tags: no triangle belongs to surface {name}")
        columns.append(surface_distance(points, closed, queries, backend))
    return np.stack(columns, axis=1)


def surface_distance(
    points: np.ndarray, faces: np.ndarray, queries: np.ndarray, backend: str = "vtk"
) -> np.ndarray:
    """Signed distance to one closed surface with outward triangles: [query] mm."""
    if backend not in BACKENDS:
        raise BadInput(f"backend: {backend!r} is none of {', '.join(BACKENDS)}")
    used, compact = np.unique(faces, return_inverse=True)
    corners = np.asarray(points, dtype=np.float64)[used]
    return BACKENDS[backend](
        corners, compact.reshape(-1, 3), np.asarray(queries, dtype=np.float64).reshape(-1, 3)
    )


def sample_sdf(
    anatomy: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    n_points: int,
    near_fraction: float,
    near_mm: float,
    backend: str = "vtk",
) -> tuple[np.ndarray, np.ndarray]:
    """Points about the four surfaces and all through the torso's box, with their distances.

    Of the first `near_fraction`, a quarter belongs to each closed surface: a point uniform on
    its area, moved in a random direction by a length uniform in 0 to `near_mm`, so that the
    density is highest at the surface. The rest is uniform in the skin's box, widened by
    `near_mm` so that points outside the body are known as such. Order is shuffled.

    Args:
        anatomy: points, faces, face_tags of anatomy.npz.
        rng: the patient's generator.
        n_points: number of samples.
        near_fraction: share of samples within `near_mm` of a surface by construction.
        near_mm: width of that shell.
        backend: see `signed_distances`.

    Returns:
        sdf_points [sample, 3] float32 mm and sdf [sample, 4] float32 mm, the distances of
        the points as stored.
    """
    between("near_fraction", near_fraction, 0.0, 1.0)
    points, faces, face_tags = anatomy["points"], anatomy["faces"], anatomy["face_tags"]
    n_near = int(round(near_fraction * n_points))
    samples = []
    for k, name in enumerate(SDF_SURFACES):
        closed = faces[np.isin(face_tags, CLOSED_SURFACES[name])]
        count = n_near * (k + 1) // 4 - n_near * k // 4
        on_surface, _ = _points_on_surface(points, closed, count, rng)
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        samples.append(on_surface + direction * rng.uniform(0.0, near_mm, size=(count, 1)))
    skin = points[np.unique(faces[np.isin(face_tags, CLOSED_SURFACES["torso"])])]
    low, high = skin.min(axis=0) - near_mm, skin.max(axis=0) + near_mm
    samples.append(rng.uniform(low, high, size=(n_points - n_near, 3)))
    stored = rng.permutation(np.concatenate(samples)).astype(np.float32)
    sdf = signed_distances(points, faces, face_tags, stored, backend)
    return stored, sdf.astype(np.float32)


def _points_on_surface(
    points: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points uniform by area and the unit normals of their triangles, both [count, 3]."""
    area_vectors = triangle_area_vectors(points, faces)
    area = np.linalg.norm(area_vectors, axis=1)
    chosen = rng.choice(len(faces), size=count, p=area / area.sum())
    u, v = rng.uniform(size=(2, count, 1))
    outside = u + v > 1.0
    u, v = np.where(outside, 1.0 - u, u), np.where(outside, 1.0 - v, v)
    a, b, c = (points[faces[chosen, k]] for k in range(3))
    return a + u * (b - a) + v * (c - a), area_vectors[chosen] / area[chosen, None]


def _vtk_distance(points: np.ndarray, faces: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Distance to the closest point of the triangles; sign by angle-weighted normals."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance

    vertices = vtkPoints()
    vertices.SetDataTypeToDouble()
    vertices.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    triangles = vtkCellArray()
    offsets = np.arange(0, 3 * len(faces) + 1, 3, dtype=np.int64)
    triangles.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces, dtype=np.int64).ravel(), deep=True),
    )
    surface = vtkPolyData()
    surface.SetPoints(vertices)
    surface.SetPolys(triangles)
    implicit = vtkImplicitPolyDataDistance()
    implicit.SetInput(surface)
    distance = vtkDoubleArray()
    implicit.FunctionValue(numpy_to_vtk(np.ascontiguousarray(queries), deep=True), distance)
    return vtk_to_numpy(distance).copy()


def _cloud_distance(points: np.ndarray, faces: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Distance to the closest of many surface points; sign by the vote of 11 normals.

    The cloud is ours, because mesh-to-sdf draws its own from NumPy's global generator; its
    fixed seed makes the same surface give the same cloud.
    """
    from mesh_to_sdf.surface_point_cloud import SurfacePointCloud

    rng = generator(0, "mesh-to-sdf", len(faces))
    cloud, normals = _points_on_surface(points, faces, CLOUD_POINTS, rng)
    distance = SurfacePointCloud(None, cloud, normals).get_sdf_in_batches(queries, sample_count=11)
    return distance.astype(np.float64)


BACKENDS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "vtk": _vtk_distance,
    "mesh-to-sdf": _cloud_distance,
}
