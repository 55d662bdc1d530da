"""Hearts as people bring them: outflow tracts, shells, thin walls; made from the embedded one."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.triangles import compact
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.carry import outward

ROOF_MM = 3.0
ANNULI = (
    ("LV_BASE", np.array([-9.0, -3.0, -8.0]), (0.0, 0.0, 1.0), 12.0, 9.0),
    ("LV_BASE", np.array([13.0, 4.0, -8.0]), (0.2, 0.1, 1.0), 9.0, 18.0),
    ("RV_BASE", np.array([2.0, -14.0, -8.0]), (0.0, -0.2, 1.0), 11.0, 9.0),
    ("RV_BASE", np.array([-6.0, 22.0, -8.0]), (-0.1, 0.7, 1.0), 8.0, 20.0),
)
"""Mitral, aortic, tricuspid, pulmonary: foot from a landmark, axis, radius and length in mm."""


@lru_cache(maxsize=1)
def wall_with_outflow_tracts(spacing_mm=2.5):
    """Points, faces of a wall with mitral, tricuspid, aortic and pulmonary openings; no tags.

    The cavities have a curved roof, through which four annuli are drilled; aortic and pulmonary
    root are tubes above it, tilted. By marching cubes on signed distances: edges are rounded.
    """
    heart = heart_surfaces(np.zeros(10), 4.0)
    low, high = heart.points.min(axis=0) - 8, heart.points.max(axis=0) + [8, 8, 24]
    n = int(np.ceil((high - low).max() / spacing_mm)) + 1
    grid = Grid(low, np.full(3, spacing_mm), n)
    x = grid.points()
    lv, rv, epi = (surface_distance(*heart.closed(name), x) for name in ("lv", "rv", "epi"))
    inner = np.minimum(lv, rv)
    outer = np.minimum(epi, inner - ROOF_MM)
    for name, place, towards, radius, length in ANNULI:
        foot = heart.landmarks[name] + place
        axis = np.array(towards) / np.linalg.norm(towards)
        along = (x - foot) @ axis
        across = np.linalg.norm(x - foot - along[:, None] * axis, axis=1)
        inner = np.minimum(inner, np.maximum(across - radius, -along))
        root = np.maximum(across - radius - ROOF_MM, -along)
        outer = np.minimum(outer, np.maximum(root, along - length))
    return largest(*grid.contour(np.maximum(outer, -inner)))


def largest(points, faces):
    """The largest piece, outward."""
    whole = pv.PolyData.from_regular_faces(points, faces).connectivity("largest")
    part = whole.extract_surface(algorithm="dataset_surface")
    points, faces = compact(np.asarray(part.points, float), part.regular_faces)
    return points, outward(points, faces)


def thinned(heart, least_mm, reach_mm=25.0):
    """A wall whose RV is only so thick within a reach of its thinnest place off the base."""
    epi, rv, base = (
        np.unique(heart.tagged(tag)) for tag in (Surface.EPI, Surface.RV_ENDO, Surface.BASE)
    )
    apart, at = cKDTree(heart.points[rv]).query(heart.points[epi])
    far = cKDTree(heart.points[base]).query(heart.points[epi])[0] > 20.0
    centre = heart.points[epi[np.flatnonzero(far)[apart[far].argmin()]]]
    points = heart.points.copy()
    inner = TriangleTree(heart.points, heart.tagged(Surface.RV_ENDO)).closest(heart.points[epi])
    near = np.linalg.norm(heart.points[epi] - centre, axis=1) < reach_mm
    near &= inner.distance < 8.0
    out = (heart.points[epi] - inner.points) / inner.distance[:, None]
    points[epi[near]] = (inner.points + least_mm * out)[near]
    return replace(heart, points=points)
