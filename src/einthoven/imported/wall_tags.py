"""Tags for a heart's wall that comes without: the flat base, then epicardium, LV and RV."""

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.tags import Surface
from einthoven.geometry.boundary_loops import boundary_loops, loop_area
from einthoven.geometry.simplex import triangle_area_vectors
from einthoven.geometry.triangles import face_pieces

N_CANDIDATES = 400
MAX_TILT_COSINE = np.cos(np.radians(3.0))
OFF_PLANE_EDGES = 0.1
CLEAR_RATIO = 1.2
GIVE_TAGS = "give a tag for every triangle or vertex"


def tag_wall(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Tags of a wall cut by one plane at its base.

    The base is the plane that holds the largest area of triangles. Without it the wall falls
    into three pieces: the epicardium spans the most, and `is_left` parts the other two.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3], closed, without valve caps.

    Returns:
        [face] int8 (core.tags.Surface).

    Raises:
        BadInput: there is no such plane, or the ventricles cannot be told apart.
    """
    on_base = _largest_plane(points, faces)
    rest = np.flatnonzero(~on_base)
    pieces = [rest[piece] for piece in face_pieces(faces[rest])]
    if len(pieces) != 3:
        raise BadInput(
            f"heart wall: without its largest flat part ({int(on_base.sum())} triangles) it has "
            f"{len(pieces)} pieces, not epicardium, LV and RV; {GIVE_TAGS}"
        )
    spans = [np.ptp(points[np.unique(faces[piece])], axis=0).prod() for piece in pieces]
    epi, one, other = (pieces[k] for k in np.argsort(spans)[::-1])
    first_is_left = is_left(points, faces[one], faces[other], faces[epi])
    lv, rv = (one, other) if first_is_left else (other, one)
    tags = np.full(len(faces), Surface.BASE, np.int8)
    for tag, piece in ((Surface.EPI, epi), (Surface.LV_ENDO, lv), (Surface.RV_ENDO, rv)):
        tags[piece] = tag
    return tags


def is_left(points: np.ndarray, endo: np.ndarray, other_endo: np.ndarray, epi: np.ndarray) -> bool:
    """Whether `endo` is the left ventricle's: its free wall is thicker, its cavity rounder.

    Roundness is the volume as a share of the convex hull's: the RV is wrapped around the LV.

    Args:
        points: [vertex, 3] mm.
        endo: [face, 3], an open cavity; other_endo: likewise; epi: [face, 3].

    Raises:
        BadInput: the two criteria disagree, or hardly see a difference.
    """
    wall = _free_wall(points, endo, other_endo, epi) / _free_wall(points, other_endo, endo, epi)
    roundness = _roundness(points, endo) / _roundness(points, other_endo)
    thicker, rounder = wall > 1, roundness > 1
    score = wall * roundness
    if thicker != rounder or max(score, 1 / score) < CLEAR_RATIO:
        raise BadInput(
            f"heart wall: which ventricle is the left one? their free walls differ by the factor "
            f"{wall:.2f}, their roundness by {roundness:.2f}; {GIVE_TAGS}"
        )
    return bool(rounder)


def _free_wall(points: np.ndarray, endo: np.ndarray, other: np.ndarray, epi: np.ndarray) -> float:
    """Median distance in mm to the epicardium, where the other cavity is farther away."""
    from scipy.spatial import cKDTree

    own = points[np.unique(endo)]
    to_epi, _ = cKDTree(points[np.unique(epi)]).query(own)
    to_other, _ = cKDTree(points[np.unique(other)]).query(own)
    free = to_epi < to_other
    return float(np.median(to_epi[free])) if free.any() else 0.0


def _roundness(points: np.ndarray, endo: np.ndarray) -> float:
    """Volume of an open cavity, closed to the centre of its opening, over its convex hull's."""
    from scipy.spatial import ConvexHull

    # the cone over the boundary adds nothing when its tip lies in its plane
    loops = boundary_loops(endo)
    tip = np.mean([loop_area(points[loop])[1] for loop in loops], axis=0)
    a, b, c = (points[endo[:, k]] - tip for k in range(3))
    volume = abs(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
    return volume / ConvexHull(points[np.unique(endo)]).volume


def _largest_plane(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which faces [face] lie in the plane that holds the largest area."""
    area = triangle_area_vectors(points, faces)
    size = np.linalg.norm(area, axis=1)
    normals = area / np.maximum(size, 1e-12)[:, None]
    centres = points[faces].mean(axis=1)
    off = OFF_PLANE_EDGES * np.sqrt(2.3 * np.median(size))  # of an equilateral triangle's edge
    every = max(1, len(faces) // N_CANDIDATES)
    best, most = np.zeros(len(faces), bool), 0.0
    for k in range(0, len(faces), every):
        inside = (normals @ normals[k] > MAX_TILT_COSINE) & (
            np.abs((centres - centres[k]) @ normals[k]) < off
        )
        if (held := float(size[inside].sum())) > most:
            best, most = inside, held
    return best
