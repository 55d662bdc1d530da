"""The wall of both ventricles from three closed surfaces: LV cavity, LV outside, RV cavity.

Atlases from labelled images have no outside of the RV, whose wall is too thin to be segmented. It
gets a wall of 3 mm, as in Schuler and Loewe (10.5281/zenodo.4506463).
"""

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_pieces
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.anatomy.shape.pieces import Piece, filled

RV_WALL_MM = 3.0
GRID_MM = 3.0
FINER = 2
"""Distances are smooth: they are computed every 3 mm and interpolated every 1.5 mm."""
BELOW_CAPS_MM = 2.0
"""Depth of the base below the lowest of the surfaces' flat tops."""
STEP_OUT_MM = 2.5
"""Thinner than any wall of the LV, thicker than a closed top."""
LEAST_TOP = 0.02
"""Least share of the cavity's surface that its top has."""


def wall_between(lv: Piece, lv_epi: Piece, rv: Piece) -> Surfaces:
    """One closed surface around the myocardium, with the base cut by a plane.

    The muscle is the region inside the LV's outside or within 3 mm of the RV cavity, but in neither
    cavity. Its boundary is found by marching cubes on the signed distances.

    Args:
        lv: LV cavity, closed, faces outward.
        lv_epi: outside of the LV (or its muscle alone), closed, faces outward.
        rv: RV cavity, closed, faces outward.

    Returns:
        EPI, LV_ENDO, RV_ENDO, BASE, outward.

    Raises:
        BadInput: the LV is not closed by a top.
        StepFailed: the wall is not one closed surface.
    """
    up, height = _base_plane(lv, lv_epi, rv)
    across = np.linalg.svd(up[None])[2][1]
    axes = np.stack([across, np.cross(up, across), up], axis=1)  # as columns, right-handed
    pieces = ((points @ axes, faces) for points, faces in (lv, lv_epi, rv))
    distances, origin = _distances(height, *pieces)
    points, faces = _shells(distances, origin)
    annuli = sorted(boundary_loops(faces), key=lambda loop: -np.ptp(points[loop], axis=0).max())
    if len(annuli) != 3:
        raise StepFailed(
            f"wall of the atlas' mean: {len(annuli)} boundary loops at the base, not 3"
        )
    levels = _levels(distances, origin, points[faces].mean(axis=1))
    tags = np.array(list(levels), np.int8)[np.abs(list(levels.values())).argmin(axis=0)]
    wall = filled(Surfaces(points, faces, tags), annuli, Surface.BASE, GRID_MM)
    points = wall.points @ axes.T
    return Surfaces(points, outward(points, wall.faces), wall.face_tags)


def _distances(height: float, *pieces: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances [piece, x, y, z] mm on a grid whose top is z = `height`; its origin [3]."""
    everything = np.concatenate([points for points, _ in pieces])
    margin = RV_WALL_MM + 2 * GRID_MM
    low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    high[2] = height
    n = np.ceil((high - low) / GRID_MM).astype(int) + 1
    low[2] = height - (n[2] - 1) * GRID_MM
    places = np.stack(np.meshgrid(*map(np.arange, n), indexing="ij"), axis=-1) * GRID_MM + low
    flat = places.reshape(-1, 3)
    values = [surface_distance(*piece, flat) for piece in pieces]
    return np.reshape(values, (len(pieces), *n)), low


def _levels(
    distances: np.ndarray, origin: np.ndarray, points: np.ndarray
) -> dict[Surface, np.ndarray]:
    """Signed distance [point] mm to each boundary of the muscle, negative on its side.

    `distances` are those to LV cavity, LV outside and RV cavity, on the grid from `origin`.
    """
    from scipy.ndimage import map_coordinates

    steps = (points - origin).T / GRID_MM
    in_lv, in_epi, in_rv = (map_coordinates(its, steps, mode="nearest") for its in distances)
    in_left = np.minimum(in_epi, in_lv)  # a file may hold the muscle's shell or its outside
    return {
        Surface.EPI: np.minimum(in_left, in_rv - RV_WALL_MM),
        Surface.LV_ENDO: -in_lv,
        Surface.RV_ENDO: -np.maximum(in_rv, -in_left),
    }


def _shells(distances: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The muscle's three curved boundaries below the base: points [vertex, 3], faces [face, 3]."""
    import pyvista as pv

    shape = FINER * (np.array(distances.shape[1:]) - 1) + 1
    grid = pv.ImageData(dimensions=shape, spacing=(GRID_MM / FINER,) * 3, origin=origin)
    # Inside the muscle every level is negative; cavities enter with the opposite sign.
    levels = _levels(distances, origin, np.asarray(grid.points, float))
    grid.point_data["wall"] = np.max(list(levels.values()), axis=0)
    surface = grid.contour([0.0], scalars="wall", method="contour").triangulate()
    faces = np.asarray(surface.regular_faces)
    largest = sorted(face_pieces(faces), key=len)[-3:]  # small ones remain where surfaces touch
    faces = faces[np.sort(np.concatenate(largest))]
    return compact(np.asarray(surface.points, float), faces)


def _base_plane(lv: Piece, lv_epi: Piece, rv: Piece) -> tuple[np.ndarray, float]:
    """Unit normal [3] and height in mm of the plane that cuts the base.

    The normal is that of the LV's top, where a step out of the cavity also leaves the LV.

    Raises:
        BadInput: there is no such place.
    """
    points, faces = lv
    area = triangle_area_vectors(points, faces)
    size = np.linalg.norm(area, axis=1, keepdims=True)
    middle = points[faces].mean(axis=1)
    ahead = middle + STEP_OUT_MM * area / np.maximum(size, 1e-12)
    top = surface_distance(*lv_epi, ahead) > 0
    up = area[top].sum(axis=0)
    if np.linalg.norm(up) < LEAST_TOP * size.sum():
        raise BadInput(
            f"the LV cavity has no open base: {STEP_OUT_MM:g} mm out of it, the LV's outside is "
            "left almost nowhere; are these the right surfaces, in mm?"
        )
    up /= np.linalg.norm(up)
    heights = rv[0] @ up
    rv_top = heights[heights >= np.quantile(heights, 0.99)]  # without protruding parts
    tops = np.median(middle[top] @ up), np.median(rv_top)
    return up, float(min(tops)) - BELOW_CAPS_MM
