"""Requirements before meshing: closed, oriented, disjoint surfaces, with the heart in the torso."""

import numpy as np

from einthoven.base.core.check import between, finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import BOUNDARY, CLOSED_SURFACES, LUNGS, Surface, Tissue
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces, check_all_closed
from einthoven.body.anatomy.shape.heart_check import MIN_CLEARANCE_MM

REQUIRED = (Surface.SKIN, Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
"""Base and valve caps may be absent: then epicardium and cavities are closed by themselves. Lungs
may be absent, too."""

MAX_ELECTRODE_GAP_MM = 10.0
TORSO_EXTENT_MM = (100.0, 2500.0)


class Crossing(BadInput):
    """Surfaces of a heart that intersect; other triangles of it may not."""


def check_surfaces(surfaces: Surfaces) -> None:
    """Refuse surfaces that no conforming mesh can be made of.

    Raises:
        BadInput: names the surface, the defect and its likely cause.
    """
    _check_arrays(surfaces)
    _check_units(surfaces.only(surfaces.face_tags == Surface.SKIN).extent_mm)
    check_all_closed(surfaces)
    _check_intersections(surfaces)
    _check_nesting(surfaces)


def check_electrodes(surfaces: Surfaces, electrode_points: np.ndarray) -> None:
    """Refuse electrodes that are not on the skin (another frame, other units).

    Raises:
        BadInput: gives the number of electrodes off the skin and the largest distance.
    """
    shape("electrode_points", finite("electrode_points", electrode_points), (None, 3))
    if len(electrode_points) == 0:
        return
    skin = surfaces.tagged(Surface.SKIN)
    gap = np.abs(surface_distance(surfaces.points, skin, electrode_points))
    if gap.max() > MAX_ELECTRODE_GAP_MM:
        raise BadInput(
            f"electrode_points: {int((gap > MAX_ELECTRODE_GAP_MM).sum())} of {len(gap)} lie more "
            f"than {MAX_ELECTRODE_GAP_MM:g} mm off the skin (up to {gap.max():.3g} mm); other "
            "units or another frame than the surfaces?"
        )


def tissue_volumes(surfaces: Surfaces) -> dict[Tissue, float]:
    """Volume enclosed by the surfaces around each tissue, mm^3 (divergence theorem)."""
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    centred = points - points[faces].mean(axis=(0, 1))
    flux = np.linalg.det(centred[faces]) / 6.0
    return {
        tissue: sum(sign * float(flux[face_tags == tag].sum()) for tag, sign in around.items())
        for tissue, around in BOUNDARY.items()
        if np.isin(face_tags, list(around)).any()
    }


def lungs_in(surfaces: Surfaces) -> list[Surface]:
    """Lungs of this body."""
    return [tag for tag in LUNGS if np.any(surfaces.face_tags == tag)]


def _check_arrays(surfaces: Surfaces) -> None:
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    shape("points", finite("points", points), (None, 3))
    shape("faces", faces, (None, 3))
    shape("face_tags", face_tags, (len(faces),))
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(points):
        raise BadInput(f"faces: vertex ids outside 0 to {len(points) - 1}; 1-based?")
    unknown = sorted(set(np.unique(face_tags).tolist()) - set(map(int, Surface)))
    if unknown:
        raise BadInput(f"face_tags: {unknown} are not tags of core.tags.Surface")
    missing = [tag.name for tag in REQUIRED if not np.any(face_tags == tag)]
    if missing:
        raise BadInput(f"face_tags: no triangle of {', '.join(missing)}")
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    longest = np.linalg.norm(points[faces] - points[np.roll(faces, 1, axis=1)], axis=2).max(axis=1)
    flat = area <= 1e-6 * longest**2
    if flat.any():
        names = ", ".join(Surface(tag).name for tag in np.unique(face_tags[flat]))
        raise BadInput(f"faces: {int(flat.sum())} triangles without area in {names}")


def _check_units(skin_mm: float) -> None:
    low, high = TORSO_EXTENT_MM
    units = (("metres", 1000.0), ("centimetres", 10.0), ("micrometres", 1e-3))
    guess = [f"in {unit}? multiply by {factor:g}"
             for unit, factor in units if low <= skin_mm * factor <= high]  # fmt: skip
    between("points: extent of SKIN in mm", skin_mm, low, high, *guess)


def _check_intersections(surfaces: Surfaces) -> None:
    """Check skin, heart and lungs separately; their clearances are checked elsewhere."""
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    lungs = np.isin(face_tags, LUNGS)
    skin = face_tags == Surface.SKIN
    for part, error in ((skin, BadInput), (~skin & ~lungs, Crossing), (lungs, BadInput)):
        ids = np.flatnonzero(part)
        if len(ids) == 0:
            continue
        pairs = intersecting_pairs(points, faces[ids])
        if len(pairs):
            tags = np.sort(face_tags[ids[pairs[0]]])
            where = points[faces[ids[pairs[0, 0]]]].mean(axis=0)
            names = " and ".join(Surface(tag).name for tag in np.unique(tags))
            raise error(
                f"surfaces intersect: {len(pairs)} pairs of triangles, first in {names} near "
                f"({where[0]:.1f}, {where[1]:.1f}, {where[2]:.1f}) mm"
            )


def _check_nesting(surfaces: Surfaces) -> None:
    """Check that the heart is well inside the torso, and the cavities inside the heart."""
    points, closed = surfaces.points, {name: surfaces.union(name) for name in CLOSED_SURFACES}
    heart = points[np.unique(closed["epi"])]
    depth = -surface_distance(points, closed["torso"], heart)
    if depth.min() < MIN_CLEARANCE_MM:
        raise BadInput(
            f"surface epi: {int((depth < MIN_CLEARANCE_MM).sum())} of {len(depth)} vertices are "
            f"outside the torso or closer than {MIN_CLEARANCE_MM:g} mm to SKIN (clearance "
            f"{depth.min():.1f} mm); move the heart inwards or check the frame"
        )
    # The surfaces do not cross, so the vertex farthest from a surface tells which side it is on.
    for tag, other, wanted in (
        (Surface.LV_ENDO, "epi", -1), (Surface.RV_ENDO, "epi", -1),
        (Surface.LV_ENDO, "rv", 1), (Surface.RV_ENDO, "lv", 1),
    ):  # fmt: skip
        cavity = points[np.unique(surfaces.tagged(tag))]
        distance = surface_distance(points, closed[other], cavity)
        if wanted * distance[np.argmax(np.abs(distance))] < 0:
            side = "inside" if wanted < 0 else "outside"
            raise BadInput(f"surface {tag.name} does not lie {side} surface {other}")
    for tag in lungs_in(surfaces):
        lung = surfaces.tagged(tag)
        for other, side, wanted in (("torso", "inside", -1), ("epi", "outside", 1)):
            of_lung = surface_distance(points, closed[other], points[np.unique(lung)])
            of_other = surface_distance(points, lung, points[np.unique(closed[other])])
            least = min(float((wanted * of_lung).min()), float(of_other.min()))
            if least < MIN_CLEARANCE_MM:
                raise BadInput(
                    f"surface {tag.name} does not lie {side} surface {other} with "
                    f"{MIN_CLEARANCE_MM:g} mm of clearance (least {least:.1f} mm)"
                )
