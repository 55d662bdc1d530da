"""Tagged triangles of a body: the one type for points, faces and tags.

Every surface that is written or meshed is closed, manifold and oriented outwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import CLOSED_SURFACES, LUNGS, Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import compact, face_edges, unique_edges


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Triangulated surfaces that may share vertices."""

    points: np.ndarray
    """[vertex, 3] mm."""
    faces: np.ndarray
    """[face, 3] vertex ids, oriented as in core.tags."""
    face_tags: np.ndarray
    """[face] core.tags.Surface."""

    def tagged(self, *tags: Surface) -> np.ndarray:
        """Triangles of some surfaces: [face, 3]."""
        return self.faces[np.isin(self.face_tags, tags)]

    def union(self, name: str) -> np.ndarray:
        """Triangles of one of core.tags.SDF_SURFACES: [face, 3], a closed surface.

        Raises:
            BadInput: no triangle belongs to it.
        """
        faces = self.tagged(*CLOSED_SURFACES[name])
        if len(faces) == 0:
            raise BadInput(f"face_tags: no triangle belongs to surface {name}")
        return faces

    def closed(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """One closed surface with its own vertices: points [vertex, 3] mm, faces [face, 3]."""
        return compact(self.points, self.union(name))

    def only(self, kept: np.ndarray) -> Self:
        """A subset of the faces: [face] bool or ids."""
        return replace(self, faces=self.faces[kept], face_tags=self.face_tags[kept])

    @property
    def extent_mm(self) -> float:
        """Longest side of the bounding box, mm."""
        return float(np.ptp(self.points[np.unique(self.faces)], axis=0).max())

    @property
    def edge_mm(self) -> float:
        """Mean edge length, mm."""
        ends = self.points[unique_edges(self.faces)[0]]
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """One set of surfaces from several; faces are int32."""
        parts = list(parts)
        starts = np.cumsum([0, *(len(part.points) for part in parts)])
        return cls(
            np.concatenate([part.points for part in parts]),
            np.concatenate([p.faces + s for p, s in zip(parts, starts)]).astype(np.int32),
            np.concatenate([part.face_tags for part in parts]),
        )


def check_closed(label: str, points: np.ndarray, faces: np.ndarray) -> None:
    """Check that each directed edge and its opposite occur once, and that the volume is positive.

    points [vertex, 3] mm, faces [face, 3]; the label names the surface in messages.

    Raises:
        BadInput: a condition is violated.
    """
    directed = face_edges(faces)
    _, edge, n_faces = np.unique(
        np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    n_forward = np.bincount(edge, weights=directed[:, 0] < directed[:, 1])
    if n := int((n_faces == 1).sum()):
        used = np.unique(faces)
        doubled = len(used) - len(np.unique(points[used], axis=0))
        hint = f"; {doubled} vertices are doubled, merge them" if doubled else "; a hole?"
        raise BadInput(f"{label} is not closed: {n} open edges{hint}")
    if n := int((n_faces > 2).sum()):
        raise BadInput(f"{label} is not a manifold: {n} edges with three or more faces")
    if n := int((n_forward != 1).sum()):
        raise BadInput(
            f"{label} is not oriented: {n} edges run the same way in both faces; flipped triangles?"
        )
    if enclosed_volume(points, faces) <= 0:
        raise BadInput(f"{label} is inside out: reverse its triangles to point outwards")


def check_all_closed(surfaces: Surfaces) -> None:
    """Check skin, epicardium and cavities with their base and caps, and lungs if there are any.

    Raises:
        BadInput: one of them is missing, open, folded or inside out.
    """
    for name, tags in CLOSED_SURFACES.items():
        label = f"surface {name} ({' + '.join(tag.name for tag in tags)})"
        check_closed(label, surfaces.points, surfaces.union(name))
    for tag in LUNGS:
        if np.any(surfaces.face_tags == tag):
            check_closed(f"surface lung ({tag.name})", surfaces.points, surfaces.tagged(tag))
