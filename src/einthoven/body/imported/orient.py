"""Consistent orientation of triangles."""

from dataclasses import replace

import numpy as np

from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces


def oriented(surface: Surfaces) -> tuple[Surfaces, int]:
    """Reorient triangles that disagree with their neighbours; return their number."""
    import pyvista as pv

    normals = pv.PolyData.from_regular_faces(surface.points, surface.faces).compute_normals(
        cell_normals=True, point_normals=False, consistent_normals=True,
        auto_orient_normals=False, split_vertices=False,
    )  # fmt: skip
    faces = np.asarray(normals.regular_faces)
    before = triangle_area_vectors(surface.points, surface.faces)
    after = triangle_area_vectors(surface.points, faces)
    flipped = np.einsum("ij,ij->i", before, after) < 0
    if flipped.sum() > len(faces) / 2:
        faces, flipped = faces[:, ::-1], ~flipped
    return replace(surface, faces=faces), int(flipped.sum())
