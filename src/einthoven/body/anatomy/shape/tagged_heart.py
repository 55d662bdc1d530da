"""A heart from a tagged wall surface: an atlas' mean, or an imported one."""

from dataclasses import replace

import numpy as np

from einthoven.base.config.models import HEART_EDGE_MM
from einthoven.base.core.check import between, finite, shape
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, loop_area, smooth_loop, spread
from einthoven.base.geometry.remeshing import relaxed, remesh_open
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_neighbours, face_pieces, unique_edges
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.anatomy.shape.heart_check import CURVED, BadShape, check_heart
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces, heart_axes
from einthoven.body.anatomy.shape.pieces import filled

VALVE_CAPS = {Surface.LV_ENDO: Surface.LV_CAP, Surface.RV_ENDO: Surface.RV_CAP}
CREASE_COSINE = np.cos(np.radians(45.0))


class RaggedTags(BadInput):
    """Tags of a wall whose boundaries touch.

    Attributes:
        places: [place, 3] mm.
    """

    def __init__(self, message: str, places: np.ndarray):
        super().__init__(message)
        self.places = places


def placed_heart(wall: Surfaces, edge_mm: float) -> tuple[HeartSurfaces, np.ndarray, np.ndarray]:
    """The heart whose myocardium a tagged surface bounds, and its pose.

    Each cavity may have one or several openings (valves); the base may be curved. The staircase of
    label boundaries is smoothed on the scale of `edge_mm`.

    Args:
        wall: EPI, LV_ENDO, RV_ENDO, BASE: closed without its valve caps, which are rebuilt; in any
            rigid frame and orientation.
        edge_mm: wanted mean edge length.

    Returns:
        HeartSurfaces in the heart frame; rotation [3, 3] and origin [3] mm, so that the given frame
        is heart @ rotation.T + origin.

    Raises:
        BadInput: not one closed surface with the four tags, each connected.
        StepFailed: it could not be triangulated, or the result is not a valid heart; BadShape with
            places in the given frame.
    """
    heart, rotation, origin = triangulated_heart(wall, edge_mm)
    try:
        check_heart(heart, flat_base=False)
    except BadShape as error:
        raise type(error)(error.reason, error.places @ rotation.T + origin) from error
    return heart, rotation, origin


def triangulated_heart(
    wall: Surfaces, edge_mm: float
) -> tuple[HeartSurfaces, np.ndarray, np.ndarray]:
    """Heart of `placed_heart` before its last check: triangles may intersect, walls be thin."""
    between("edge_mm", edge_mm, *HEART_EDGE_MM, "is this mm?")
    wall = checked_wall(wall)
    landmarks, rotation, origin = heart_frame(wall)
    wall = replace(wall, points=(wall.points - origin) @ rotation)
    landmarks = {name: (place - origin) @ rotation for name, place in landmarks.items()}
    heart = HeartSurfaces(**vars(_triangulate(wall, edge_mm)), landmarks=landmarks)
    return heart, rotation, origin


def heart_frame(wall: Surfaces) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Landmarks and heart frame of a wall surface (outward faces), in its given frame.

    LV_BASE and RV_BASE are the centroids of the cavities' openings, LV_APEX the point of the LV
    farthest from LV_BASE; RV_APEX and APEX_EPI are lowest along the long axis.

    Returns:
        landmarks, each [3] mm; axes as columns [3, 3]; origin [3] mm.
    """
    points, landmarks = wall.points, {}
    for name, tag in (("LV_BASE", Surface.LV_ENDO), ("RV_BASE", Surface.RV_ENDO)):
        openings = [loop_area(points[loop]) for loop in boundary_loops(wall.tagged(tag))]
        areas = [np.linalg.norm(area) for area, _ in openings]
        landmarks[name] = np.average([centre for _, centre in openings], axis=0, weights=areas)
    epi, lv, rv = (points[np.unique(wall.tagged(tag))] for tag in CURVED)
    from_base = np.linalg.norm(lv - landmarks["LV_BASE"], axis=1)
    landmarks["LV_APEX"] = lv[from_base.argmax()]
    rotation, origin = heart_axes(landmarks)
    landmarks["RV_APEX"] = rv[(rv @ rotation[:, 2]).argmin()]
    landmarks["APEX_EPI"] = epi[(epi @ rotation[:, 2]).argmin()]
    return landmarks, rotation, origin


def checked_wall(wall: Surfaces) -> Surfaces:
    """The wall without valve caps: outward faces, every tag without islands.

    Raises:
        BadInput: not one closed surface with the four tags, each connected.
    """
    points, faces, face_tags = wall.points, wall.faces, wall.face_tags
    shape("points", finite("points", points), (None, 3))
    shape("face_tags", face_tags, (len(shape("faces", faces, (None, 3))),))
    kept = ~np.isin(face_tags, list(VALVE_CAPS.values()))
    face_tags = np.asarray(face_tags)[kept].astype(np.int8)
    points, faces = compact(np.asarray(points, float), np.asarray(faces)[kept])
    if found := {int(tag) for tag in np.unique(face_tags)} ^ {*CURVED, Surface.BASE}:
        names = ", ".join(Surface(tag).name for tag in found if tag in set(Surface))
        raise BadInput(f"face_tags: {names or sorted(found)} missing or too many; a heart's wall "
                       "has EPI, LV_ENDO, RV_ENDO and BASE")  # fmt: skip
    faces = _outward(points, faces)
    face_tags = without_islands(points, faces, face_tags)
    bare = face_tags != Surface.BASE
    across = face_neighbours(faces)
    touching = bare[:, None] & bare[across] & (face_tags[:, None] != face_tags[across])
    if touching.any():
        raise RaggedTags(
            f"face_tags: along {touching.sum() // 2} edges cavities and epicardium meet without "
            "BASE between them; the base must be a triangle wide everywhere",
            points[faces[touching.any(axis=1)]].mean(axis=1),
        )
    for tag in CURVED:
        try:
            n_loops = len(boundary_loops(faces[face_tags == tag]))
        except StepFailed as error:
            places = points[np.unique(faces[face_tags == tag])]
            raise RaggedTags(f"{tag.name}: {error}; are its labels ragged?", places) from error
        if n_loops == 0:
            raise BadInput(f"{tag.name}: closed by itself, without an opening at BASE")
    return Surfaces(points, faces, face_tags)


def _outward(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Faces of one closed surface, oriented out of the wall."""
    edges, counts = unique_edges(faces)
    if n := int((counts != 2).sum()):
        raise BadInput(f"heart wall: {n} of {len(edges)} edges do not lie between two triangles; "
                       "it must be closed without valve caps")  # fmt: skip
    if (n := len(face_pieces(faces))) > 1:
        raise BadInput(f"heart wall: {n} separate surfaces; keep only the one around the muscle")
    return outward(points, faces)


def without_islands(points: np.ndarray, faces: np.ndarray, face_tags: np.ndarray) -> np.ndarray:
    """Labels without islands and teeth.

    A triangle with two collinear neighbours of another tag takes that tag, repeatedly. Then all but
    the largest component of each tag take the surrounding tag. Components of the base that separate
    two other tags are kept. Triangles beyond a crease are not teeth: those of a flat cap span it
    from side to side, and one after the other would be lost.
    """
    tags = face_tags.copy()
    neighbours = face_neighbours(faces)
    normals = triangle_area_vectors(points, faces)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    in_line = np.einsum("fnk,fk->fn", normals[neighbours], normals) > CREASE_COSINE
    for _ in range(20):
        around = tags[neighbours]
        middle = np.sort(around, axis=1)[:, 1]
        others = (around == middle[:, None]) & in_line
        teeth = (others.sum(axis=1) >= 2) & (middle != tags)
        if not teeth.any():
            break
        tags[teeth] = middle[teeth]
    for piece in face_pieces(faces, tags):
        tag = tags[piece[0]]
        around = tags[neighbours[piece]]
        others, counts = np.unique(around[around != tag], return_counts=True)
        largest = len(piece) > 0.5 * (tags == tag).sum()
        if len(others) and not largest and (tag != Surface.BASE or len(others) == 1):
            tags[piece] = others[counts.argmax()]
    return tags


def _triangulate(wall: Surfaces, edge_mm: float) -> Surfaces:
    """All seven surfaces: remeshed shells, then the base between them and valve caps over them."""
    shells: list[Surfaces] = []
    annuli: list[tuple[Surface, np.ndarray, np.ndarray]] = []  # tag, old and new vertex ids
    for tag in CURVED:
        shell, loops = _shell(wall, tag, edge_mm)
        n = sum(len(other.points) for other in shells)
        annuli += [(tag, old, new + n) for old, new in loops]
        shells.append(shell)
    heart = Surfaces.joined(shells)
    base = wall.tagged(Surface.BASE)
    for piece in (base[ids] for ids in face_pieces(base)):
        # boundaries of shells run clockwise as seen from the base next to them
        around = [new[::-1] for _, old, new in annuli if np.isin(old, piece).all()]
        around.sort(key=len, reverse=True)
        heart = filled(heart, around, Surface.BASE, edge_mm, (wall.points, piece))
    for tag, _, new in annuli:
        if tag in VALVE_CAPS:  # counter-clockwise from above, as valve caps point
            heart = filled(heart, [new], VALVE_CAPS[tag], edge_mm)
    return heart


def _shell(
    wall: Surfaces, tag: Surface, edge_mm: float
) -> tuple[Surfaces, list[tuple[np.ndarray, np.ndarray]]]:
    """One curved surface remeshed, and the old and new vertex ids of each boundary loop."""
    piece = compact(wall.points, wall.tagged(tag))
    old_loops = boundary_loops(wall.tagged(tag))
    try:
        points, faces, new_loops = remesh_open(*piece, edge_mm, len(old_loops))
    except StepFailed as error:
        raise StepFailed(f"{tag.name}: {error}") from error
    pairs = []
    centres = [wall.points[loop].mean(axis=0) for loop in old_loops]
    for new in new_loops:
        apart = np.linalg.norm(centres - points[new].mean(axis=0), axis=1)
        old = old_loops[int(apart.argmin())]
        smooth = smooth_loop(wall.points[old], edge_mm)
        points[new] = spread(smooth, len(new), near=points[new])
        pairs.append((old, new))
    points = relaxed(points, faces, np.concatenate(new_loops), piece)
    if tag != Surface.EPI:
        faces = faces[:, ::-1]  # endocardia point out of their cavities
    return Surfaces(points, faces, np.full(len(faces), tag, np.int8)), pairs
