"""Tape measurements of a torso: girths of chest and waist, depth and breadth."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.body.anatomy.shape.torso import TorsoSurface


def torso_measures(torso: TorsoSurface) -> dict[str, float]:
    """Measures of one torso in mm, by the names of `reference.TORSO`.

    A girth follows the convex hull, as a tape does; breadth and depth are from skin to skin. The
    chest is at the height of the nipples, the waist at that of the navel.
    """
    nipples = 0.5 * (torso.landmarks["NIPPLE_R"][2] + torso.landmarks["NIPPLE_L"][2])
    chest = section(torso.points, torso.faces, nipples)
    waist = section(torso.points, torso.faces, torso.landmarks["NAVEL"][2])
    breadth, depth = np.ptp(chest, axis=0)
    return {
        "chest_girth": tape(chest),
        "chest_depth": float(depth),
        "waist_girth": tape(waist),
        "chest_breadth": float(breadth),
    }


def section(points: np.ndarray, faces: np.ndarray, z: float) -> np.ndarray:
    """Points [point, (x, y)] mm of the horizontal section at height z: the loop nearest x = 0."""
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(points, faces)
    cut = surface.slice(normal=(0, 0, 1), origin=(0, 0, z)).connectivity()
    if not cut.n_points:
        raise StepFailed(f"the torso has no section at z = {z:.0f} mm")
    regions = np.asarray(cut.point_data["RegionId"])
    loops = [np.asarray(cut.points)[regions == k] for k in np.unique(regions)]
    return min(loops, key=lambda loop: abs(loop[:, 0].mean()))[:, :2].astype(float)


def tape(loop: np.ndarray) -> float:
    """Length in mm of a tape around points [point, 2] mm: the perimeter of their hull."""
    from scipy.spatial import ConvexHull

    return float(ConvexHull(loop).area)  # SciPy calls the length of a 2-D hull its area
