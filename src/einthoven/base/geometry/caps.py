"""Open surfaces: a cage or a sock around a heart, the leads of a tank; their caps."""

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops
from einthoven.base.geometry.triangles import face_edges


def capped(name: str, points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close every hole by triangles as large as those of the surface.

    points [node, 3] mm and faces [face, 3]; the new nodes come last.

    Raises:
        BadInput: the boundary touches itself, or a hole has no simple cap.
    """
    ends = points[face_edges(faces)]
    edge_mm = float(np.median(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)))
    for loop in _loops(name, faces):
        rim = loop[::-1]
        try:
            new, triangles = fill_loops([points[rim]], edge_mm)
        except StepFailed as error:
            raise BadInput(
                f"{name}: a hole of {len(loop)} edges cannot be capped ({error}); close it, or "
                "keep it open and give a transfer matrix"
            ) from error
        ids = np.r_[rim, len(points) + np.arange(len(new) - len(rim))]
        points = np.vstack([points, new[len(rim) :]])
        faces = np.vstack([faces, ids[triangles]])
    return points, faces


def fan_closed(name: str, points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The surface with one node more in the middle of each hole, to tell inside from outside.

    Raises:
        BadInput: the boundary touches itself.
    """
    for loop in _loops(name, faces):
        middle, after = np.full(len(loop), len(points)), np.roll(loop, -1)
        points = np.vstack([points, points[loop].mean(axis=0)])
        faces = np.vstack([faces, np.column_stack([after, loop, middle])])
    return points, faces


def _loops(name: str, faces: np.ndarray) -> list[np.ndarray]:
    try:
        return boundary_loops(faces)
    except StepFailed as error:
        raise BadInput(f"{name}: its holes have no simple rim ({error}); clean the mesh") from error
