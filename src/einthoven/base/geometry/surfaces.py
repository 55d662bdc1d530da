"""Tagged triangles of a body: the one type for points, faces and tags."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import CLOSED_SURFACES, Surface
from einthoven.base.geometry.triangles import compact, unique_edges


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Triangulated surfaces that may share vertices.

    Attributes:
        points: [vertex, 3] mm.
        faces: [face, 3] vertex ids, oriented as in core.tags.
        face_tags: [face] core.tags.Surface.
    """

    points: np.ndarray
    faces: np.ndarray
    face_tags: np.ndarray

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
