"""A closed wall from shells: epicardium and two endocardia that are open at the valves."""

from dataclasses import replace

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops, sides_of
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_pieces, unique_edges
from einthoven.body.anatomy.shape.pieces import capped, sewn
from einthoven.body.imported.defect import Defect, near
from einthoven.body.imported.orient import oriented
from einthoven.body.imported.repair import is_wide, repair_open
from einthoven.body.imported.wall_tags import is_left

SHELLS = {
    Surface.EPI: "epicardium", Surface.LV_ENDO: "LV endocardium", Surface.RV_ENDO: "RV endocardium"
}  # fmt: skip
FARTHEST_MM = 30.0
"""Largest mean distance of an endocardium's boundary from the epicardium's."""
CRUMB = 0.05
"""A component with at most this share of the largest one's area is not a shell."""


def closed_wall(heart: Surfaces) -> tuple[Surfaces, list[str]]:
    """The wall bounded by shells; a base is built between their boundary loops if it is open.

    Every opening of an endocardium belongs to the nearest opening of the epicardium, which has one
    around both ventricles or one per valve. If a given base does not reach the boundary loops, the
    new base follows it.

    Args:
        heart: as read, in mm; tagged, or three pieces without tags; without valve caps.

    Returns:
        The surface and a list of changes. A closed surface, or no set of shells, is unchanged.

    Raises:
        Defect: a shell is closed, disconnected, or cannot be joined.
    """
    if not _wide_open(heart):
        return heart, []
    heart, notes = repair_open("heart", heart)
    heart = oriented(heart)[0]
    if not (heart.face_tags > 0).any():
        tagged = _tagged(heart)
        if tagged is None:
            return heart, notes
        heart = tagged
        notes.append("heart: three shells, epicardium and ventricles found by shape")
    elif _welded_share(heart) > 0.5:  # a hole, not a gap
        return heart, notes
    shells = {tag: _shell(heart, tag) for tag in SHELLS}
    openings = {tag: _openings(shell, tag) for tag, shell in shells.items()}
    base = compact(heart.points, heart.tagged(Surface.BASE))
    wall = Surfaces.joined(shells.values())
    starts = dict(zip(shells, np.cumsum([0, *(len(s.points) for s in shells.values())])))
    rims = {tag: [loop + starts[tag] for loop in loops] for tag, loops in openings.items()}
    groups = _grouped(wall, rims)
    for group in groups:
        around = [loop[::-1] for loop in group]
        corners = [wall.points[loop] for loop in around]
        try:
            piece = fill_loops(corners, heart.edge_mm, base if len(base[1]) else None)
        except StepFailed as error:
            raise Defect(
                "heart: no base between the boundary loops of the shells, "
            f"{near(corners[0])}: {error}; "
                "give base=FILE, or shells whose boundary loops are close together",
                np.concatenate(corners), wall,
            ) from error  # fmt: skip
        wall = sewn(wall, around, piece, Surface.BASE)
    gap = "its parts do not meet" if len(base[1]) else "shells without a base"
    notes.append(f"heart: {gap}; base made between {sum(map(len, rims.values()))} rims")
    return wall, notes


def _wide_open(heart: Surfaces) -> bool:
    """Whether a surface has openings other than small holes."""
    heart = repair_open("heart", heart)[0]
    if (unique_edges(heart.faces)[1] >= 2).all():
        return False
    try:
        loops = boundary_loops(oriented(heart)[0].faces)
    except StepFailed:  # parts that touch in some places
        return True
    return any(is_wide(heart, loop) for loop in loops)


def _welded_share(heart: Surfaces) -> float:
    """Share of the boundary edges of a given base that also belong to a shell."""
    rim, counts = unique_edges(heart.tagged(Surface.BASE))
    on_rim = set(map(tuple, rim[counts == 1].tolist()))
    shells = set(map(tuple, unique_edges(heart.tagged(*SHELLS))[0].tolist()))
    return len(on_rim & shells) / max(1, len(on_rim))


def _tagged(heart: Surfaces) -> Surfaces | None:
    """Tags of three open pieces, the largest being the epicardium; None if there are not three."""
    area = np.linalg.norm(triangle_area_vectors(heart.points, heart.faces), axis=1)
    pieces = sorted(face_pieces(heart.faces), key=lambda ids: -area[ids].sum())
    pieces = [ids for ids in pieces if area[ids].sum() > CRUMB * area[pieces[0]].sum()]
    if len(pieces) != len(SHELLS):
        return None
    span = [np.ptp(heart.points[heart.faces[ids]], axis=(0, 1)).prod() for ids in pieces]
    epi, one, other = (pieces[k] for k in np.argsort(span)[::-1])
    faces = heart.faces
    tags = np.zeros(len(faces), np.int8)
    tags[epi], tags[one], tags[other] = Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO
    try:
        if not is_left(heart.points, faces[one], faces[other], faces[epi]):
            tags[one], tags[other] = Surface.RV_ENDO, Surface.LV_ENDO
    except StepFailed:  # a shell without an opening, or a ragged one: a later check names it
        pass
    return replace(heart, face_tags=tags).only(tags > 0)


def _shell(heart: Surfaces, tag: Surface) -> Surfaces:
    """One shell as one component, with triangles pointing out of the wall."""
    faces = heart.tagged(tag)
    if len(faces) == 0:
        raise Defect(
            f"heart: no {SHELLS[tag]} among its parts; is one duplicated?", heart.points[:1], heart
        )
    pieces = sorted(face_pieces(faces), key=len)
    if len(pieces) > 1 and len(pieces[-2]) > CRUMB * len(pieces[-1]):
        places = heart.points[faces[pieces[-2]]].mean(axis=1)
        raise Defect(
            f"heart: {SHELLS[tag]} in {len(pieces)} pieces, the second {near(places)}; join them",
            places, heart,
        )  # fmt: skip
    points, faces = compact(heart.points, faces[pieces[-1]])
    shell = Surfaces(points, faces, np.full(len(faces), tag, np.int8))
    closed = capped(shell, 0)
    out_of_wall = enclosed_volume(closed.points, closed.faces) > 0
    return shell if out_of_wall == (tag == Surface.EPI) else replace(shell, faces=faces[:, ::-1])


def _openings(shell: Surfaces, tag: Surface) -> list[np.ndarray]:
    """Boundary loops of a shell, except small holes."""
    found = [loop for loop in boundary_loops(shell.faces) if is_wide(shell, loop)]
    if not found:
        raise Defect(
            f"heart: {SHELLS[tag]}: closed by itself, without an opening at a valve; cut it open "
            "at the valves' annuli",
            shell.points[:1], shell,
        )  # fmt: skip
    return found


def _grouped(wall: Surfaces, rims: dict[Surface, list[np.ndarray]]) -> list[list[np.ndarray]]:
    """Loops of each opening of the epicardium and of the endocardia next to it."""
    from scipy.spatial import cKDTree

    outer = rims[Surface.EPI]
    groups = [[loop] for loop in outer]
    for tag in (Surface.LV_ENDO, Surface.RV_ENDO):
        for loop in rims[tag]:
            gaps = [cKDTree(wall.points[rim]).query(wall.points[loop])[0].mean() for rim in outer]
            if min(gaps) > FARTHEST_MM:
                raise _hole(wall, loop, tag)
            groups[int(np.argmin(gaps))].append(loop)
    for group in groups:
        if len(group) == 1:
            raise _hole(wall, group[0], Surface.EPI)
    return groups


def _hole(wall: Surfaces, loop: np.ndarray, tag: Surface) -> Defect:
    """Error for an opening without a neighbour in the other layer."""
    corners = wall.points[loop]
    return Defect(
        f"heart: not closed: a hole in the {SHELLS[tag]} with a boundary of "
        f"{sides_of(corners).sum():.0f} mm ({len(loop)} edges) {near(corners)}, without a rim of "
        "the other layer beside it; close it in the program that made it",
        corners, wall,
    )  # fmt: skip
