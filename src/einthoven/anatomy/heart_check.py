"""Is this triangulated heart a heart? Closed, simple, with walls, of human size."""

import numpy as np

from einthoven.anatomy.surface_mesh import face_edges
from einthoven.core.errors import StepFailed
from einthoven.core.simplex import enclosed_volume
from einthoven.core.tags import CLOSED_SURFACES, Surface

MIN_WALL_MM = 1.5
VOLUME_RANGES_ML = {"lv": (60, 320), "rv": (60, 340), "myocardium": (60, 320)}


def heart_volumes(points: np.ndarray, faces: np.ndarray, face_tags: np.ndarray) -> dict[str, float]:
    """Volumes of both cavities and the myocardium in ml, from points [vertex, 3] mm."""
    inside = {
        name: enclosed_volume(points, faces[np.isin(face_tags, CLOSED_SURFACES[name])]) / 1000
        for name in ("lv", "rv", "epi")
    }
    myocardium = inside["epi"] - inside["lv"] - inside["rv"]
    return {"lv": inside["lv"], "rv": inside["rv"], "myocardium": myocardium}


def check_heart(points: np.ndarray, faces: np.ndarray, face_tags: np.ndarray) -> None:
    """Refuse what could not be meshed or is no heart.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        face_tags: [face] core.tags.Surface.

    Raises:
        StepFailed: a shell is open or wrongly oriented, surfaces intersect, a wall is thinner
            than 1.5 mm, or a volume is outside the human range.
    """
    for name in ("lv", "rv", "epi"):
        shell = faces[np.isin(face_tags, CLOSED_SURFACES[name])]
        edges = set(map(tuple, face_edges(shell).tolist()))
        if len(edges) != 3 * len(shell) or any((b, a) not in edges for a, b in edges):
            raise StepFailed(f"shell {name!r} is not closed and consistently oriented")
    for name, volume in heart_volumes(points, faces, face_tags).items():
        low, high = VOLUME_RANGES_ML[name]
        if not low <= volume <= high:
            raise StepFailed(f"{name} volume {volume:.0f} ml is outside {low} to {high} ml")
    thin = min_wall(points, faces, face_tags)
    if thin < MIN_WALL_MM:
        raise StepFailed(f"a wall is only {thin:.2f} mm thick, less than {MIN_WALL_MM:g}")
    if n := count_self_intersections(points, faces):
        raise StepFailed(f"{n} triangles intersect others")


def min_wall(points: np.ndarray, faces: np.ndarray, face_tags: np.ndarray) -> float:
    """Least signed distance in mm from the endocardia outwards to the next surface.

    From both cavities to the epicardium, and from the LV to the RV through the septum;
    negative when a cavity sticks out.
    """
    import pyvista as pv

    thinnest = np.inf
    pairs = (
        (Surface.LV_ENDO, "epi", -1),
        (Surface.RV_ENDO, "epi", -1),
        (Surface.LV_ENDO, "rv", 1),
    )
    for tag, shell, sign in pairs:
        # Base and lids are left out: an endocardium meets their plane at its rim by design.
        others = (CLOSED_SURFACES[shell][0],)
        surface = pv.PolyData.from_regular_faces(points, faces[np.isin(face_tags, others)])
        ids = np.unique(faces[face_tags == tag])
        probe = pv.PolyData(points[ids]).compute_implicit_distance(surface)
        thinnest = min(thinnest, float((sign * probe["implicit_distance"]).min()))
    return thinnest


def count_self_intersections(points: np.ndarray, faces: np.ndarray) -> int:
    """Number of triangles that cut another one with which they share no vertex or edge."""
    import pymeshlab

    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(np.asarray(points, float), np.asarray(faces, np.int32)))
    meshes.compute_selection_by_self_intersections_per_face()
    return int(meshes.current_mesh().selected_face_number())
