"""Exact signed distances and their gradients from a patient's own surfaces."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays
from einthoven.core.tags import CLOSED_SURFACES, SDF_SURFACES
from einthoven.geometry.signed_distance import ClosedSurface

NAMES = ("points", "faces", "face_tags")


@dataclass(frozen=True)
class Surfaces:
    """All surfaces of a body: points [vertex, 3] mm, faces [face, 3], face_tags [face]."""

    points: np.ndarray
    faces: np.ndarray
    face_tags: np.ndarray

    def closed(self, surface: str) -> tuple[np.ndarray, np.ndarray]:
        """Points and faces of one of core.tags.SDF_SURFACES, unused points dropped.

        Raises:
            BadInput: no triangle belongs to it.
        """
        faces = self.faces[np.isin(self.face_tags, CLOSED_SURFACES[surface])]
        if len(faces) == 0:
            raise BadInput(f"face_tags: no triangle belongs to surface {surface}")
        used, compact = np.unique(faces, return_inverse=True)
        return np.asarray(self.points, dtype=np.float64)[used], compact.reshape(-1, 3)

    def signed_distance(self, surface: str, queries: np.ndarray) -> np.ndarray:
        """Distance to one closed surface: [query, 3] mm -> [query] mm, negative inside."""
        return ClosedSurface(*self.closed(surface)).distance(_points(queries))

    def signed_distances(self, queries: np.ndarray) -> np.ndarray:
        """[query, 3] mm -> [query, surface] mm, negative inside."""
        return np.stack([self.signed_distance(s, queries) for s in SDF_SURFACES], axis=1)

    def signed_distances_and_gradients(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[query, 3] mm -> ([query, surface] mm, [query, surface, 3]); gradients have length 1."""
        queries = _points(queries)
        surfaces = [ClosedSurface(*self.closed(s)) for s in SDF_SURFACES]
        pairs = [surface.distance_and_gradient(queries) for surface in surfaces]
        return np.stack([d for d, _ in pairs], axis=1), np.stack([g for _, g in pairs], axis=1)


SurfaceProvider = Callable[[str], Surfaces]
"""Patient name -> surfaces."""


def stage_file_surfaces(folder: str | Path) -> SurfaceProvider:
    """Surfaces from `{folder}/{patient}/anatomy.npz`, the workflow's stage files."""

    def provide(patient: str) -> Surfaces:
        arrays = load_arrays(Path(folder) / patient / "anatomy.npz", NAMES)
        return Surfaces(*(arrays[name] for name in NAMES))

    return provide


def patient_store_surfaces(folder: str | Path) -> SurfaceProvider:
    """Surfaces from `{folder}/{patient}.zarr.zip`, the published patient stores."""
    from einthoven.dataset.store import open_store

    def provide(patient: str) -> Surfaces:
        with open_store(Path(folder) / f"{patient}.zarr.zip") as root:
            return Surfaces(*(np.asarray(root[f"anatomy/{name}"]) for name in NAMES))

    return provide


def _points(queries: np.ndarray) -> np.ndarray:
    checked = check.shape("points", check.finite("points", queries), (None, 3))
    return np.ascontiguousarray(checked, dtype=np.float64)
