"""Near-uniform triangles on a given surface, with a check of the topology."""

import math
import warnings
from functools import partial

import numpy as np

from einthoven.base.core.errors import StepFailed, extra
from einthoven.base.core.log import logger
from einthoven.base.geometry.boundary_loops import loops_of_sphere
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.triangles import compact, unique_edges

SMOOTHING_ROUNDS = 30
"""Iterations of `relaxed`."""


def remesh_open(
    points: np.ndarray, faces: np.ndarray, edge_mm: float, n_loops: int, on_surface: bool = False
) -> tuple:
    """Near-uniform triangles on an open surface, with a check of the topology.

    Tries pyacvd, whose triangles are more even, then isotropic remeshing (pymeshlab).

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3], a sphere with holes.
        edge_mm: wanted mean edge length.
        n_loops: number of holes.
        on_surface: project the points of pyacvd, which are cluster centres, onto the surface; slow.

    Returns:
        points [vertex, 3], faces [face, 3] and its boundary loops, each [corner] in order.

    Raises:
        StepFailed: neither method gives a sphere with that number of holes.
    """
    methods = {
        "acvd": partial(_acvd, on_surface=on_surface),
        "isotropic": partial(_isotropic, iterations=8, featuredeg=180, checksurfdist=False),
    }
    failures = []
    for name, method in methods.items():
        try:
            new_points, new_faces = compact(*method(points, faces, edge_mm))
            return new_points, new_faces, loops_of_sphere(new_faces, n_loops)
        except StepFailed as error:
            failures.append(f"{name}: {error}")
            logger.info("remeshing at %g mm, %s", edge_mm, failures[-1])
    raise StepFailed(f"remeshing at {edge_mm:g} mm failed; {'; '.join(failures)}")


def remesh_closed(
    points: np.ndarray,
    faces: np.ndarray,
    edge_mm: float,
    feature_deg: float = 50,
    iterations: int = 12,
) -> tuple[np.ndarray, np.ndarray]:
    """Near-equal triangles on a closed surface: points [vertex, 3] mm, faces [face, 3] outward.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        edge_mm: wanted edge length.
        feature_deg: edges with a larger angle between their triangles are kept; 180 keeps none.
        iterations: of splits, collapses, flips and smoothing.

    Raises:
        StepFailed: the result is not closed.
    """
    points, faces = compact(
        *_isotropic(points, faces, edge_mm, iterations=iterations, featuredeg=feature_deg)
    )
    if n := int((unique_edges(faces)[1] != 2).sum()):
        raise StepFailed(f"remeshing at {edge_mm:g} mm left {n} edges without two triangles")
    return points, faces if enclosed_volume(points, faces) > 0 else faces[:, ::-1]


def remesh_to(
    points: np.ndarray, faces: np.ndarray, n_vertices: int
) -> tuple[np.ndarray, np.ndarray]:
    """A given number of near-uniform vertices, at least 12, on a closed surface.

    points [vertex, 3] mm, faces [face, 3] -> points [n_vertices, 3] mm on the given surface, faces
    [2 n_vertices - 4, 3] int32 of a sphere, oriented outwards.

    Raises:
        StepFailed: the result is not a sphere with that number of vertices.
    """
    # each subdivision quadruples the vertices, which are clustered by twenty or more
    n_subdivisions = max(0, math.ceil(math.log(20 * n_vertices / len(points), 4)))
    points, faces = compact(*_clustered(points, faces, n_vertices, n_subdivisions, True))
    edges, count = unique_edges(faces)
    sphere = len(points) - len(edges) + len(faces) == 2 and (count == 2).all()
    if len(points) != n_vertices or not sphere:
        raise StepFailed(
            f"remeshing to {n_vertices} vertices: {len(points)} vertices and {len(faces)} "
            "triangles, not a sphere; try a few more or fewer"
        )
    return points, faces if enclosed_volume(points, faces) > 0 else faces[:, ::-1]


def relaxed(
    points: np.ndarray, faces: np.ndarray, fixed: np.ndarray, onto: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Even out triangles by sliding vertices on a surface: [vertex, 3] mm.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        fixed: ids of vertices that do not move.
        onto: points [vertex, 3] mm and faces [face, 3] of the surface.
    """
    import pyvista as pv
    from vtkmodules.vtkFiltersCore import vtkSmoothPolyDataFilter

    smoother = vtkSmoothPolyDataFilter()
    smoother.SetInputData(pv.PolyData.from_regular_faces(points, faces))
    smoother.SetSourceData(pv.PolyData.from_regular_faces(*onto))
    smoother.SetNumberOfIterations(SMOOTHING_ROUNDS)
    smoother.SetRelaxationFactor(0.5)
    smoother.FeatureEdgeSmoothingOff()
    smoother.BoundarySmoothingOff()
    smoother.Update()
    relaxed = np.array(pv.wrap(smoother.GetOutput()).points, float)
    relaxed[fixed] = points[fixed]
    return relaxed


def _acvd(points: np.ndarray, faces: np.ndarray, edge_mm: float, on_surface: bool) -> tuple:
    # A vertex of a uniform triangulation owns two equilateral triangles' area.
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1).sum()
    n_vertices = round(area / (np.sqrt(3) / 2 * edge_mm**2))
    n_subdivisions = 2 if len(points) < 20 * n_vertices else 0
    return _clustered(points, faces, n_vertices, n_subdivisions, on_surface)


def _clustered(
    points: np.ndarray, faces: np.ndarray, n_vertices: int, n_subdivisions: int, on_surface: bool
) -> tuple:
    """Clusters of Valette and Chassery 2004 (10.1111/j.1467-8659.2004.00769.x) as in pyacvd."""
    import pyacvd
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(points, faces)
    with warnings.catch_warnings(action="ignore"):  # pyacvd uses deprecated names of pyvista
        try:
            clustering = pyacvd.Clustering(surface)
            if n_subdivisions:
                clustering.subdivide(n_subdivisions)
            clustering.cluster(n_vertices)
            mesh = clustering.create_mesh(moveclus=on_surface)
        except (IndexError, ValueError, RuntimeError) as error:  # with few or scattered triangles
            raise StepFailed(
                f"pyacvd on {len(faces)} triangles: {type(error).__name__}: {error}"
            ) from error
    return np.asarray(mesh.points, dtype=float), mesh.regular_faces


def _isotropic(points: np.ndarray, faces: np.ndarray, edge_mm: float, **options: float) -> tuple:
    """Isotropic remeshing of Botsch and Kobbelt 2004 (10.1145/1057432.1057457) as in MeshLab."""
    with extra("solve", "remeshing a surface"):
        import pymeshlab

    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(np.asarray(points, float), np.asarray(faces, np.int32)))
    length = pymeshlab.PureValue(edge_mm)
    # By default only selected faces are remeshed, if MeshLab counts any; a wrong count has left the
    # surface unchanged.
    meshes.meshing_isotropic_explicit_remeshing(targetlen=length, selectedonly=False, **options)
    mesh = meshes.current_mesh()
    new_points, new_faces = mesh.vertex_matrix(), mesh.face_matrix()
    if np.array_equal(new_points, points):
        raise StepFailed(f"remeshing at {edge_mm:g} mm left the surface as it was")
    return new_points, new_faces
