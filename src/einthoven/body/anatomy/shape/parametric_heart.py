"""A parametric bi-ventricular heart as three implicit surfaces, and its triangulation.

The LV is a superellipsoid inside a superellipsoid. The RV cavity is an ellipsoid minus the LV. The
epicardium is the smooth union of the LV's outside and the RV with its wall. Everything is cut by
the base plane z = 0.

Atlas frame, mm: origin where the LV's long axis meets the base, z normal to the base plane and away
from the apex, x from the LV to the RV, y = z cross x.
"""

from collections.abc import Mapping

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.remeshing import remesh_open
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, mesh_plane, triangle_quality, unique_edges
from einthoven.body.anatomy.shape.pieces import sewn

LAWS = {
    # at the base, septum to lateral wall, end-diastolic, mm
    "lv_diameter": ((48.93, 3.4), (43.75, 3.1)),
    "lv_length": ((95.0, 5.2), (85.6, 4.7)),  # base to endocardial apex, mm
    "lv_wall": ((8.73, 0.9), (8.25, 0.8)),  # at the base, mm; 0.6 of it at the apex
    "lv_eccentricity": ((1.15, 0.04), (1.16, 0.04)),  # y over x diameter
    # exponent along z: 2 is an ellipsoid, more is barrel-like
    "lv_power": ((2.75, 0.15), (2.75, 0.15)),
    # the outside's exponent is smaller by this: the wall thins
    "lv_thinning": ((0.5, 0.06), (0.60, 0.06)),
    "lv_side_wall": ((0.74, 0.05), (0.48, 0.05)),  # wall along y over wall along x
    "rv_diameter": ((33.5, 3.6), (33.0, 3.4)),  # septum to free wall at the base, mm
    "rv_depth": ((1.25, 0.05), (1.23, 0.05)),  # RV over LV extent along y
    "rv_length": ((0.94, 0.03), (0.91, 0.03)),  # RV over LV length
    "rv_wall": ((3.0, 0.35), (2.9, 0.35)),  # mm
    "rv_taper": ((0.70, 0.10), (0.70, 0.10)),  # drift of the RV axis to the septum towards the apex
    "base_tilt": ((4.0, 4.0), (4.0, 4.0)),  # between the long axis and the base normal, degrees
}
"""(mean, SD) for men, and for women."""

PARAMETERS: dict[str, dict[str, tuple[float, float]]] = {
    sex: {name: laws[k] for name, laws in LAWS.items()} for k, sex in enumerate(("male", "female"))
}
"""Mean and SD by sex, for a body of mean size. The means are fitted so that `measures` of the
atlas' hearts match `reference.HEART`; docs/reference/heart-atlas.md describes what constrains the
SDs."""

RV_BLEND_MM, EPI_BLEND_MM = 12.0, 6.0
APEX_WALL = 0.6
LV_FLOOR_MM = 2.5
"""Least thickness of the LV's walls, septum included; some parameters would reach zero at the apex.
"""
RV_POWER = 2.6

Parameters = Mapping[str, float]
SHELL_TAGS = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
MIN_QUALITY = 0.15
SMOOTHING_ROUNDS = 30


def mean_parameters() -> dict[str, float]:
    """Parameters half way between the mean hearts of men and women."""
    means = [[mean for mean, _ in laws.values()] for laws in PARAMETERS.values()]
    return {name: sum(pair) / 2 for name, pair in zip(PARAMETERS["male"], zip(*means))}


def _ellipsoid(x, y, z, radii, power, left_radius=None) -> np.ndarray:
    """First-order distance to a superellipsoid, open upwards as a cylinder; negative inside."""
    rx = radii[0] if left_radius is None else np.where(x < 0, left_radius, radii[0])
    x_, y_, z_ = x / rx, y / radii[1], np.maximum(-z, 0.0) / radii[2]
    r_sq = x_**2 + y_**2 + 1e-12
    total = r_sq ** (power / 2) + z_**power
    gauge = total ** (1 / power)  # homogeneous of degree one: 1 on the surface
    outer = total ** (1 / power - 1)
    radial = outer * r_sq ** (power / 2 - 1)
    slope_sq = (radial * x_ / rx) ** 2 + (radial * y_ / radii[1]) ** 2
    slope_sq += (outer * z_ ** (power - 1) / radii[2]) ** 2
    return (gauge - 1) / np.sqrt(slope_sq + 1e-12)


def _smooth_max(p: np.ndarray, q: np.ndarray, width: float) -> np.ndarray:
    """Maximum of two distances, rounded over `width` mm where they are nearly equal."""
    weight = np.clip(0.5 + 0.5 * (p - q) / width, 0, 1)
    return q + (p - q) * weight + width * weight * (1 - weight)


def level(surface: str, points: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Approximate signed distance to one surface of the heart, not cut by the base.

    Args:
        surface: "lv" or "rv" (endocardium) or "epi".
        points: [point, 3] mm, atlas frame.
        parameters: values by the names in `PARAMETERS`.

    Returns:
        [point] mm, negative inside (the cavity; for "epi" the whole heart).

    Raises:
        BadInput: an unknown surface.
    """
    p = parameters
    tilt = np.radians(p["base_tilt"])
    x = np.cos(tilt) * points[:, 0] + np.sin(tilt) * points[:, 2]
    y = points[:, 1]
    z = -np.sin(tilt) * points[:, 0] + np.cos(tilt) * points[:, 2]

    lv_radii = np.array([1.0, p["lv_eccentricity"], 0.0]) * p["lv_diameter"] / 2
    lv_radii[2] = p["lv_length"]
    lv_inside = _ellipsoid(x, y, z, lv_radii, p["lv_power"])
    if surface == "lv":
        return lv_inside
    out_radii = lv_radii + p["lv_wall"] * np.array([1.0, p["lv_side_wall"], APEX_WALL])
    lv_outside = _ellipsoid(x, y, z, out_radii, p["lv_power"] - p["lv_thinning"])
    lv_outside = -_smooth_max(-lv_outside, LV_FLOOR_MM - lv_inside, LV_FLOOR_MM)

    # The RV's left half must end inside the septum, or the RV would enclose the LV.
    centre = 0.40 * out_radii[0]
    left = centre + 0.12 * out_radii[0]
    right = out_radii[0] + p["rv_diameter"] - centre
    rv_radii = np.array([right, p["rv_depth"] * out_radii[1], p["rv_length"] * out_radii[2]])
    x_rv = x - centre * (1 + p["rv_taper"] * np.minimum(z, 0.0) / out_radii[2])
    if surface == "rv":
        rv_inside = _ellipsoid(x_rv, y, z, rv_radii, RV_POWER, left)
        return _smooth_max(rv_inside, -lv_outside, RV_BLEND_MM)
    if surface == "epi":
        wall = p["rv_wall"]
        rv_outside = _ellipsoid(x_rv, y, z, rv_radii + wall, RV_POWER, left + wall)
        return -_smooth_max(-lv_outside, -rv_outside, EPI_BLEND_MM)
    raise BadInput(f"surface: {surface!r}; must be lv, rv or epi")


def level_gradient(surface: str, points: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Gradient of `level` by central differences: [point, 3]."""
    step = 1e-4
    shifted = np.concatenate(
        [points + sign * step * axis for axis in np.eye(3) for sign in (1, -1)]
    )
    values = level(surface, shifted, parameters).reshape(3, 2, -1)
    return ((values[:, 0] - values[:, 1]) / (2 * step)).T


def project(
    surface: str, points: np.ndarray, parameters: Parameters, on_base: np.ndarray
) -> np.ndarray:
    """Move points along the normal onto a surface of `level`, whose |level| is then below 1e-6.

    Points [point, 3] mm are near the surface; those `on_base` [point] stay in the plane z = 0.

    Raises:
        StepFailed: Newton's method did not reach the surface.
    """
    points = np.array(points, dtype=float)
    points[on_base, 2] = 0.0
    for _ in range(25):
        value = level(surface, points, parameters)
        if np.abs(value).max() < 1e-6:
            return points
        gradient = level_gradient(surface, points, parameters)
        gradient[on_base, 2] = 0.0
        step = value[:, None] * gradient / np.maximum((gradient**2).sum(axis=1), 1e-3)[:, None]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        points -= step * np.minimum(1.0, 3.0 / np.maximum(length, 1e-12))
    worst = float(np.abs(value).max())
    text = ", ".join(f"{name}={float(v):.3g}" for name, v in parameters.items())
    raise StepFailed(f"heart surface {surface!r}: projection missed by {worst:.2g} mm for {text}")


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
