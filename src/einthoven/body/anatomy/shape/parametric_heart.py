"""A parametric bi-ventricular heart as three implicit surfaces.

The LV is a superellipsoid inside a superellipsoid. The RV cavity is an ellipsoid minus the LV. The
epicardium is the smooth union of the LV's outside and the RV with its wall. Everything is cut by
the base plane z = 0.

Atlas frame, mm: origin where the LV's long axis meets the base, z normal to the base plane and away
from the apex, x from the LV to the RV, y = z cross x.
"""

from collections.abc import Mapping

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed

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
    """Move points along the normal onto a surface; those `on_base` stay in the plane z = 0.

    Args:
        surface: as in `level`.
        points: [point, 3] mm, near the surface.
        parameters: as in `PARAMETERS`.
        on_base: [point] bool.

    Returns:
        [point, 3] mm with |level| < 1e-6.

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
