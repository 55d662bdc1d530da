"""Removal of slivers, as clipping and closing leave them, so that normals are well defined."""

import numpy as np

from einthoven.base.core.extras import extra
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import triangle_quality, unique_edges

LEAST_QUALITY = 0.02
LONG_EDGES = 6.0
"""A triangle is a sliver below this quality or with an edge of this many medians."""
FEATURE_DEG = 40.0
"""Creases with a larger angle are kept."""
N_REMESHING = 6
MAX_VOLUME_CHANGE = 1e-3


def even_out(surface: Surfaces) -> tuple[Surfaces, str]:
    """Remesh slivers and their neighbours, tag by tag, so that boundaries of tags stay.

    Args:
        surface: closed and oriented, mm.

    Returns:
        The surface and a list of changes.
    """
    bad = _slivers(surface)
    n = int(bad.sum())
    if n == 0:
        return surface, ""
    for tag in np.unique(surface.face_tags[bad]):
        bad = _slivers(surface)
        around = np.isin(surface.faces, surface.faces[bad & (surface.face_tags == tag)]).any(axis=1)
        surface = _remeshed(surface, around & (surface.face_tags == tag), tag)
    return surface, f"{n} slivers remeshed"


def _slivers(surface: Surfaces) -> np.ndarray:
    """Slivers among the triangles: [face] bool."""
    corners = surface.points[surface.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    limit = LONG_EDGES * np.median(longest)
    return (triangle_quality(surface.points, surface.faces) < LEAST_QUALITY) | (longest > limit)


def _remeshed(surface: Surfaces, chosen: np.ndarray, tag: int) -> Surfaces:
    """Isotropic remeshing (Botsch and Kobbelt 2004, 10.1145/1057432.1057457) of some faces [face].

    A result that is open or encloses another volume is discarded; slivers are not an error.
    """
    with extra("solve", "remeshing slivers of a surface"):
        import pymeshlab

    edges = surface.points[unique_edges(surface.faces)[0]]
    median = float(np.median(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)))
    meshes = pymeshlab.MeshSet(verbose=False)
    rank = np.argsort(~chosen, kind="stable")  # the chosen ones first, as the condition requires
    meshes.add_mesh(pymeshlab.Mesh(surface.points, surface.faces[rank]))
    meshes.compute_selection_by_condition_per_face(condselect=f"fi < {int(chosen.sum())}")
    meshes.meshing_isotropic_explicit_remeshing(
        targetlen=pymeshlab.PureValue(median), iterations=N_REMESHING, selectedonly=True,
        featuredeg=FEATURE_DEG, checksurfdist=False,
    )  # fmt: skip
    mesh = meshes.current_mesh()
    points, faces, new = mesh.vertex_matrix(), mesh.face_matrix(), mesh.face_selection_array()
    tags = np.full(len(faces), tag, surface.face_tags.dtype)
    tags[~new] = surface.face_tags[~chosen]
    found = Surfaces(points, faces, tags)
    closed = (unique_edges(faces)[1] == 2).all()
    had, has = (enclosed_volume(s.points, s.faces) for s in (surface, found))
    return found if closed and abs(has / had - 1) < MAX_VOLUME_CHANGE else surface
