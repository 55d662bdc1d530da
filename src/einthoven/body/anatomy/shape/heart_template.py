"""Triangulation of a parametric heart: seven tagged surfaces that share their boundaries."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.remeshing import remesh_open
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, mesh_plane, triangle_quality, unique_edges
from einthoven.body.anatomy.shape.parametric_heart import Parameters, level, project
from einthoven.body.anatomy.shape.pieces import sewn

SHELL_TAGS = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
MIN_QUALITY = 0.15
SMOOTHING_ROUNDS = 30


def build_template(parameters: Parameters, edge_mm: float) -> Surfaces:
    """Triangulate the parametric heart with edges of about `edge_mm`, in the atlas frame.

    Raises:
        StepFailed: a surface could not be remeshed well at this edge length.
    """
    heart = Surfaces.joined([_shell(surface, parameters, edge_mm) for surface in SHELL_TAGS])
    loops = {name: boundary_loops(heart.tagged(tag))[0] for name, tag in SHELL_TAGS.items()}
    bounds = {Surface.BASE: ("epi", "lv", "rv"), Surface.LV_CAP: ("lv",), Surface.RV_CAP: ("rv",)}
    for tag, names in bounds.items():
        around = [loops[name] for name in names]
        piece = mesh_plane([heart.points[loop] for loop in around], edge_mm)
        heart = sewn(heart, around, piece, tag)
    return heart


def _shell(surface: str, parameters: Parameters, edge_mm: float) -> Surfaces:
    """One curved surface below the base plane, with its boundary in the plane."""
    disc = _contour(surface, parameters, edge_mm)
    points, faces, (loop,) = remesh_open(*disc, edge_mm, 1, on_surface=True)
    on_base = np.zeros(len(points), dtype=bool)
    on_base[loop] = True
    points[~on_base, 2] = np.minimum(points[~on_base, 2], -0.25 * edge_mm)
    points = project(surface, points, parameters, on_base)
    averaging = _averaging(faces, loop, len(points))
    for _ in range(SMOOTHING_ROUNDS):
        points = project(surface, 0.5 * (points + averaging @ points), parameters, on_base)
    worst = triangle_quality(points, faces).min()
    if worst < MIN_QUALITY or points[~on_base, 2].max() > -0.1 * edge_mm:
        raise StepFailed(
            f"heart surface {surface!r}: triangle quality {worst:.3f} at {edge_mm:g} mm"
        )
    return Surfaces(points, faces, np.full(len(faces), SHELL_TAGS[surface], np.int8))


def _averaging(faces: np.ndarray, loop: np.ndarray, n_points: int):
    """Sparse mean over neighbours [vertex, vertex]; boundary vertices use only the boundary."""
    from scipy.sparse import coo_matrix, diags

    edges = np.concatenate([e := unique_edges(faces)[0], e[:, ::-1]])
    on_loop = np.zeros(n_points, dtype=bool)
    on_loop[loop] = True
    along_loop = np.stack([loop, np.roll(loop, -1)], axis=1)
    edges = np.concatenate([edges[~on_loop[edges[:, 0]]], along_loop, along_loop[:, ::-1]])
    adjacency = coo_matrix(
        (np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n_points, n_points)
    ).tocsr()
    return diags(1.0 / np.asarray(adjacency.sum(axis=1)).ravel()) @ adjacency


def _contour(surface: str, parameters: Parameters, edge_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Level set below z = 0 by marching cubes on a grid finer than `edge_mm`, outward faces."""
    import pyvista as pv

    spacing = np.clip(0.5 * edge_mm, 0.6, 1.2)  # points are projected later, so no more is needed
    p = parameters
    lv = p["lv_diameter"] / 2 * p["lv_eccentricity"] + p["lv_wall"]
    depth = max(1.0, p["rv_depth"]) * lv + p["rv_wall"] + 6
    low = np.array([-lv - 16, -depth, -p["lv_length"] - p["lv_wall"] - 8])
    high = np.array([lv + p["rv_diameter"] + p["rv_wall"] + 20, depth, 12.0])
    n = np.ceil((high - low) / spacing).astype(int) + 1
    grid = pv.ImageData(dimensions=n, spacing=(spacing,) * 3, origin=low)
    grid.point_data["level"] = level(surface, np.asarray(grid.points, float), parameters)
    closed_above = grid.contour([0.0], scalars="level").clip("z", origin=(0, 0, 0))
    shell = closed_above.triangulate().clean(tolerance=1e-5).connectivity("largest")
    points, faces = compact(np.asarray(shell.points, float), shell.regular_faces)
    ahead = points[faces].mean(axis=1) + 2e-2 * triangle_area_vectors(points, faces)
    outward = np.mean(level(surface, ahead, parameters) > 0) >= 0.5
    return points, faces if outward else faces[:, ::-1].copy()
