"""Validity of a triangulated heart: closed, simple, with walls, of human size."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges

MIN_WALL_MM = 1.5
MIN_CLEARANCE_MM = 2.0
"""Minimum distance between a heart and the skin or a lung, as a mesher needs it."""
FLAT_MM = 0.01
CURVED = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
PLANAR = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)
WALLS = (
    (Surface.LV_ENDO, Surface.EPI),
    (Surface.RV_ENDO, Surface.EPI),
    (Surface.LV_ENDO, Surface.RV_ENDO),
)
"""Free walls and septum: an endocardium, and the surface on the other side."""
VOLUME_RANGES_ML = {"lv": (60, 320), "rv": (60, 340), "myocardium": (60, 320)}


class BadShape(StepFailed):
    """A heart that is wrong in some places.

    Attributes:
        reason: the fault, with its number.
        places: [place, 3] mm, the worst first.
    """

    def __init__(self, reason: str, places: np.ndarray):
        x, y, z = places[0]
        super().__init__(f"{reason}, near ({x:.1f}, {y:.1f}, {z:.1f}) mm")
        self.reason, self.places = reason, places


class ThinWall(BadShape):
    """A wall is thinner than `MIN_WALL_MM`."""


class BadVolume(StepFailed):
    """A volume outside the range of adult hearts.

    Attributes:
        beyond: the volume over the upper limit, or the lower limit over it; 1 if it is not
            positive, as then the surface is wrong and not its size.
    """

    def __init__(self, name: str, volume_ml: float, low_ml: float, high_ml: float):
        super().__init__(f"{name} volume {volume_ml:.0f} ml is outside {low_ml} to {high_ml} ml")
        self.beyond = max(volume_ml / high_ml, low_ml / volume_ml if volume_ml > 0 else 1.0)


def heart_volumes(heart: Surfaces) -> dict[str, float]:
    """Volumes of both cavities and the myocardium in ml."""
    inside = {
        name: enclosed_volume(heart.points, heart.union(name)) / 1000
        for name in ("lv", "rv", "epi")
    }
    myocardium = inside["epi"] - inside["lv"] - inside["rv"]
    return {"lv": inside["lv"], "rv": inside["rv"], "myocardium": myocardium}


def check_heart(heart: Surfaces, flat_base: bool = True) -> None:
    """Refuse a heart that cannot be meshed or is not plausible.

    Args:
        heart: all seven surfaces.
        flat_base: base and valve caps must tile one plane, as in the embedded atlas; otherwise the
            base may be curved, and base and valve caps must not intersect anything.

    Raises:
        StepFailed: a shell is open or wrongly oriented.
        BadVolume: a volume is outside the human range.
        ThinWall: a wall is thinner than 1.5 mm.
        BadShape: surfaces intersect.
    """
    points = heart.points
    for name in ("lv", "rv", "epi"):
        shell = heart.union(name)
        edges, n = face_edges(shell).astype(np.int64), len(points)
        there, back = np.sort(edges @ [n, 1]), np.sort(edges @ [1, n])
        if not np.all(np.diff(there)) or not np.array_equal(there, back):
            raise StepFailed(f"shell {name!r} is not closed and consistently oriented")
    for name, volume in heart_volumes(heart).items():
        low, high = VOLUME_RANGES_ML[name]
        if not low <= volume <= high:
            raise BadVolume(name, volume, low, high)
    for inner, outer in WALLS:
        ids, apart = thickness(heart, inner, outer)
        order = np.argsort(apart)
        if (least := float(apart[order[0]])) < MIN_WALL_MM:
            raise ThinWall(
                f"the wall between {inner.name} and {outer.name} is only {least:.2f} mm thick, "
                f"less than {MIN_WALL_MM:g}",
                points[ids[order[: int((apart < MIN_WALL_MM).sum())]]],
            )
    cutting = heart.faces
    if flat_base:
        cutting = heart.tagged(*CURVED)
        _check_plane(points, heart.tagged(*PLANAR), cutting)
    if len(pairs := intersecting_pairs(points, cutting)):
        raise BadShape(
            f"{len(pairs)} pairs of triangles intersect",
            points[cutting[np.unique(pairs)]].mean(axis=1),
        )


def _check_plane(points: np.ndarray, planar: np.ndarray, curved: np.ndarray) -> None:
    """Check that base and valve caps tile one plane, without overlap, above all curved surfaces."""
    area = triangle_area_vectors(points, planar)
    normal = area.sum(axis=0) / np.linalg.norm(area.sum(axis=0))
    height = (points - points[planar].mean(axis=(0, 1))) @ normal
    on_plane = np.isin(np.arange(len(points)), planar)
    if np.abs(height[on_plane]).max() > FLAT_MM:
        raise StepFailed(
            f"base and valve caps are not flat: {np.abs(height[on_plane]).max():.3g} mm"
        )
    # Triangles that all face up inside their boundaries cannot overlap.
    if n := int((area @ normal <= 0).sum()):
        raise StepFailed(f"{n} triangles of base and valve caps are inverted")
    inner = np.setdiff1d(curved, planar)
    if height[inner].max() >= 0:
        raise StepFailed("the heart reaches above its base plane")


def thickness(heart: Surfaces, inner: Surface, outer: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of an endocardium [vertex] and the distance [vertex] mm from each to a surface."""
    ids = np.unique(heart.tagged(inner))
    tree = TriangleTree(heart.points, heart.tagged(outer))
    return ids, tree.closest(heart.points[ids]).distance
