"""Near-uniform triangles on a given surface, with the result's topology checked."""

import warnings

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.core.log import logger
from einthoven.geometry.boundary_loops import loops_of_sphere
from einthoven.geometry.triangles import compact


def remesh_disc(points: np.ndarray, faces: np.ndarray, edge_mm: float) -> tuple:
    """As `remesh_open` for a disc, with its one boundary loop [corner]."""
    new_points, new_faces, (loop,) = remesh_open(points, faces, edge_mm, 1, on_surface=True)
    return new_points, new_faces, loop


def remesh_open(
    points: np.ndarray, faces: np.ndarray, edge_mm: float, n_loops: int, on_surface: bool = False
) -> tuple:
    """Near-uniform triangles on an open surface, with the result's topology checked.

    Tries pyacvd, whose triangles are the more even, then isotropic remeshing (pymeshlab).

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3], a sphere with holes.
        edge_mm: wanted mean edge length.
        n_loops: number of holes.
        on_surface: move the points of pyacvd, centres of patches, onto the surface; slow.

    Returns:
        points [vertex, 3], faces [face, 3] and its boundary loops, each [corner] in order.

    Raises:
        StepFailed: neither gives a sphere with so many holes.
    """
    failures = []
    for method in (_remesh_acvd, _remesh_isotropic):
        try:
            new_points, new_faces = compact(*method(points, faces, edge_mm, on_surface))
            return new_points, new_faces, loops_of_sphere(new_faces, n_loops)
        except StepFailed as error:
            failures.append(f"{method.__name__[8:]}: {error}")
            logger.info("remeshing at %g mm, %s", edge_mm, failures[-1])
    raise StepFailed(f"remeshing at {edge_mm:g} mm failed; {'; '.join(failures)}")


def _remesh_acvd(points: np.ndarray, faces: np.ndarray, edge_mm: float, on_surface: bool) -> tuple:
    import pyacvd
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(points, faces)
    # A vertex of a uniform triangulation owns two equilateral triangles' area.
    n_vertices = round(surface.area / (np.sqrt(3) / 2 * edge_mm**2))
    with warnings.catch_warnings(action="ignore"):  # pyacvd uses pyvista's old names
        clustering = pyacvd.Clustering(surface)
        if len(points) < 20 * n_vertices:
            clustering.subdivide(2)
        clustering.cluster(n_vertices)
        mesh = clustering.create_mesh(moveclus=on_surface)
    return np.asarray(mesh.points, dtype=float), mesh.regular_faces


def _remesh_isotropic(
    points: np.ndarray, faces: np.ndarray, edge_mm: float, _on_surface: bool
) -> tuple:
    import pymeshlab

    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(np.asarray(points, float), np.asarray(faces, np.int32)))
    meshes.meshing_isotropic_explicit_remeshing(
        iterations=8, targetlen=pymeshlab.PureValue(edge_mm), checksurfdist=False, featuredeg=180
    )
    mesh = meshes.current_mesh()
    return mesh.vertex_matrix(), mesh.face_matrix()
