"""Heart and torso of a measured case: outward, in mm, one inside the other; closed or open."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.caps import capped, fan_closed
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

OPENED = ("refuse", "cap", "keep")
"""Treatments of an open surface."""


@dataclass(frozen=True, eq=False)
class MeasuredSurface:
    """A surface in mm: heart, cage, sock, torso or tank."""

    points: np.ndarray
    """[node, 3] mm; nodes of a cap come after those of the file."""
    faces: np.ndarray
    """[face, 3] outward."""
    notes: tuple[str, ...] = ()
    """Changes, a sentence each."""
    is_closed: bool = True
    """Whether it has no hole."""
    n_filed: int = -1
    """Nodes of the file; -1: all of them."""

    @property
    def n_of_file(self) -> int:
        """Number of nodes that the file has."""
        return len(self.points) if self.n_filed < 0 else self.n_filed


def read_closed_surface(
    path: str | Path, part: str, unit: str = "mm", opened: str = "refuse", geometry: str = ""
) -> MeasuredSurface:
    """Read a heart or torso surface.

    Args:
        path: .pts with .fac beside it (1-based), .mat, or any mesh that imported.read reads.
        part: heart or torso, which bounds its size.
        unit: of the file: mm, cm, m or um.
        opened: what is done with an open one, as in `closed_mesh`.
        geometry: name of the struct in a .mat with several.

    Raises:
        BadInput: unreadable, a name for a file that is no .mat, or as `closed_mesh`.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file; correct the path")
    if path.suffix.lower() == ".mat":
        points, faces = read_matlab_surface(path, geometry)
    elif geometry:
        raise BadInput(f"{path}: geometry {geometry!r} is named, but only a .mat has names")
    else:
        surface = read_surface(path)
        points, faces = surface.points, surface.faces
    return closed_mesh(f"{part} {path}", points, faces, part, unit, opened)


def closed_mesh(
    name: str,
    points: np.ndarray,
    faces: np.ndarray,
    part: str,
    unit: str = "mm",
    opened: str = "refuse",
) -> MeasuredSurface:
    """Check a surface of heart or torso, and correct numbering from 1, orientation and unit.

    points [node, 3] in `unit` (mm, cm, m or um), faces [face, 3]; the name is for messages. An open
    surface is refused, or its holes are capped, or kept, by `opened` (`OPENED`).

    Raises:
        BadInput: faces with points that do not exist, holes that are refused or have no cap,
            several pieces, points without triangles, or a size outside that of `part` in that unit.
    """
    if opened not in OPENED:
        raise BadInput(f"{name}: open surfaces: {opened!r} is none of {', '.join(OPENED)}")
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
    n_open = _open_edges(name, faces, len(points))
    if n_open and opened == "refuse":
        raise BadInput(f"{name}: not closed, {n_open} edges have one triangle; close it (a sock or "
                       "an epicardium by a cap over the valves), or say cap or keep")  # fmt: skip
    points = points * _factor(name, float(np.ptp(points, axis=0).max()), part, unit)
    if enclosed_volume(*fan_closed(name, points, faces)) < 0:
        faces = faces[:, ::-1]
        notes.append(f"{name}: orientation of the faces reversed, now outwards")
    n_filed = len(points)
    if n_open and opened == "cap":
        points, faces = capped(name, points, faces)
        notes.append(f"{name}: open at {n_open} edges, capped with {len(points) - n_filed} nodes "
                     f"after its own {n_filed}")  # fmt: skip
    elif n_open:
        notes.append(f"{name}: open at {n_open} edges, taken as it is")
    closed = not n_open or opened == "cap"
    return MeasuredSurface(points, np.ascontiguousarray(faces), tuple(notes), closed, n_filed)


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


def _open_edges(name: str, faces: np.ndarray, n_points: int) -> int:
    """Number of edges with one triangle; raises if it is no single oriented surface."""
    if unused := n_points - len(np.unique(faces)):
        raise BadInput(f"{name}: {unused} of {n_points} points belong to no triangle; remove them, "
                       "or do faces count from another number than 0 or 1?")  # fmt: skip
    edges = face_edges(faces)
    _, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
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
    return int((counts == 1).sum())


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


def raise_if_outside(heart: MeasuredSurface, torso: MeasuredSurface) -> None:
    """Check that the heart lies inside the torso.

    Raises:
        BadInput: some of its nodes lie outside; the message names the likely cause.
    """
    skin = torso.points, torso.faces
    if not torso.is_closed:
        skin = fan_closed("torso", *skin)
    outside = ClosedSurface(*skin).distance(heart.points) >= 0
    if not outside.any():
        return
    apart = np.linalg.norm(heart.points.mean(axis=0) - torso.points.mean(axis=0))
    causes = "another frame or origin" if outside.all() else "another pose, or a torso too small"
    raise BadInput(
        f"heart: {outside.sum()} of {len(outside)} nodes lie outside the torso (centres are "
        f"{apart:.0f} mm apart): {causes}?"
    )
