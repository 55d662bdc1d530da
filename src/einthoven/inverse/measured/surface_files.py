"""Heart and torso of a measured case: closed, outward, in mm, and one inside the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import face_edges, face_pieces
from einthoven.body.imported.read import read_surface
from einthoven.body.segmentation.reading import MM
from einthoven.inverse.measured.matlab import read_matlab_surface

EXTENT_MM = {"heart": (15.0, 250.0), "torso": (60.0, 1500.0)}
"""Longest side of the bounding box, from a rabbit's to a large man's."""
WRONG_BASE = 0.6
"""Largest ratio of the edges of the right numbering of faces to those of the wrong one."""


@dataclass(frozen=True, eq=False)
class ClosedMesh:
    """A closed surface in mm."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3] outward."""
    notes: tuple[str, ...] = ()
    """Changes, a sentence each."""


def read_closed_surface(path: str | Path, part: str, unit: str = "mm") -> ClosedMesh:
    """Read a heart or torso surface.

    Args:
        path: .pts with .fac beside it (1-based), .mat, or any mesh that imported.read reads.
        part: heart or torso, which bounds its size.
        unit: of the file: mm, cm, m or um.

    Raises:
        BadInput: unreadable, or as `closed_mesh`.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file; correct the path")
    if path.suffix.lower() == ".mat":
        points, faces = read_matlab_surface(path)
    else:
        surface = read_surface(path)
        points, faces = surface.points, surface.faces
    return closed_mesh(f"{part} {path}", points, faces, part, unit)


def closed_mesh(
    name: str, points: np.ndarray, faces: np.ndarray, part: str, unit: str = "mm"
) -> ClosedMesh:
    """Check a surface of heart or torso, and correct numbering from 1, orientation and unit.

    points [node, 3] in `unit` (mm, cm, m or um), faces [face, 3]; the name is for messages.

    Raises:
        BadInput: faces with points that do not exist, holes, several pieces, points without
            triangles, or a size outside that of `part` in that unit.
    """
    points = check.finite(f"{name}: points", check.shape(f"{name}: points", points, (None, 3)))
    faces = np.asarray(check.shape(f"{name}: faces", faces, (None, 3)), np.int64)
    points, notes = np.asarray(points, float), []
    if len(faces) < 4 or faces.min() < 0 or faces.max() >= len(points) + (faces.min() > 0):
        raise BadInput(f"{name}: faces name points {faces.min() if len(faces) else 'none'} to "
                       f"{faces.max(initial=0)}, "
                       f"but there are {len(points)}; of another mesh?")  # fmt: skip
    if _counts_from_one(points, faces):
        faces = faces - 1
        notes.append(f"{name}: faces count from 1")
    _raise_if_open(name, faces, len(points))
    points = points * _factor(name, float(np.ptp(points, axis=0).max()), part, unit)
    if enclosed_volume(points, faces) < 0:
        faces = faces[:, ::-1]
        notes.append(f"{name}: orientation of the faces reversed, now outwards")
    return ClosedMesh(points, np.ascontiguousarray(faces), tuple(notes))


def _counts_from_one(points: np.ndarray, faces: np.ndarray) -> bool:
    """Whether faces number points from 1: only then they fit, or edges become much shorter.

    The wrong numbering is closed as well, but joins points that are far from each other.
    """
    if faces.min() == 0:
        return False
    if faces.max() == len(points):
        return True
    edges = face_edges(faces)
    as_is, shifted = (np.median(np.linalg.norm(np.subtract(*points[e.T]), axis=1))
                      for e in (edges, edges - 1))  # fmt: skip
    return bool(shifted < WRONG_BASE * as_is)


def _raise_if_open(name: str, faces: np.ndarray, n_points: int) -> None:
    if unused := n_points - len(np.unique(faces)):
        raise BadInput(f"{name}: {unused} of {n_points} points belong to no triangle; remove them, "
                       "or do faces count from another number than 0 or 1?")  # fmt: skip
    edges = face_edges(faces)
    _, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    if n_open := int((counts == 1).sum()):
        raise BadInput(f"{name}: not closed, {n_open} edges have one triangle; close it (a sock or "
                       "an epicardium by a cap over the valves)")  # fmt: skip
    if (counts > 2).any():
        raise BadInput(
            f"{name}: {(counts > 2).sum()} edges have more than two triangles; clean the mesh"
        )
    if len(np.unique(edges, axis=0)) < len(edges):
        raise BadInput(f"{name}: triangles face both ways; make their orientation consistent")
    if (n_pieces := len(face_pieces(faces))) > 1:
        raise BadInput(
            f"{name}: {n_pieces} pieces; one closed surface is needed, remove the others"
        )


def _factor(name: str, extent: float, part: str, unit: str) -> float:
    """Millimetres per unit, checked by the size of `part`."""
    if unit not in MM:
        raise BadInput(f"{name}: unit {unit!r} is none of {', '.join(MM)}")
    low, high = EXTENT_MM[part]
    if not low <= extent * MM[unit] <= high:
        fits = [other for other, factor in MM.items() if low <= extent * factor <= high]
        raise BadInput(f"{name}: {extent * MM[unit]:.4g} mm long if its unit is {unit}, but a "
                       f"{part} has {low:g} to {high:g} mm"
                       + (f"; is it in {' or '.join(fits)}?" if fits else ""))  # fmt: skip
    return MM[unit]


def raise_if_outside(heart: ClosedMesh, torso: ClosedMesh) -> None:
    """Check that the heart lies inside the torso.

    Raises:
        BadInput: some of its nodes lie outside; the message names the likely cause.
    """
    outside = ClosedSurface(torso.points, torso.faces).distance(heart.points) >= 0
    if not outside.any():
        return
    apart = np.linalg.norm(heart.points.mean(axis=0) - torso.points.mean(axis=0))
    causes = "another frame or origin" if outside.all() else "another pose, or a torso too small"
    raise BadInput(
        f"heart: {outside.sum()} of {len(outside)} nodes lie outside the torso (centres are "
        f"{apart:.0f} mm apart): {causes}?"
    )
