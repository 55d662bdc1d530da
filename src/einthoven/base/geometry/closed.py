"""Requirements on every surface that is written or meshed: closed, manifold, oriented outwards."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import CLOSED_SURFACES, LUNGS
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges


def check_closed(label: str, points: np.ndarray, faces: np.ndarray) -> None:
    """Check that each directed edge and its opposite occur once, and that the volume is positive.

    Args:
        label: name of the surface, for messages.
        points: [vertex, 3] mm.
        faces: [face, 3].

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
