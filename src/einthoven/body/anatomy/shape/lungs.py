"""Two lungs in the torso: inside the ribs, above the diaphragm, beside the heart.

They are not from scans. The rib cage is a superellipsoid whose axes follow the chest. The lungs are
its interior without the mediastinum, the spine and the heart, above two domes. They thus follow the
torso's modes and the heart's pose and need no coefficients of their own.
"""

from collections.abc import Mapping

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.torso import TorsoSurface

EDGE_MM = 12.0
"""Mean edge of the lungs' triangles."""
WALL_MM = 20.0
"""Least distance from the skin to a lung: skin, fat, muscle, ribs, pleura."""
HEART_GAP_MM = 8.0
MEDIASTINUM_MM = 20.0
"""Half of the width between the lungs: vessels, trachea, oesophagus."""
SPINE_MM = (48.0, 34.0)
"""Depth of the vertebral bodies' axis under the skin of the back, and radius around it."""
HALF_BREADTH_MM, HALF_DEPTH_MM = (150.0, 130.0), (122.0, 102.0)
"""Half axes of the chest's skin, and of the rib cage in it."""
GROWTH = 0.5
"""Growth of the cage relative to the skin; the other half of a chest's size is fat."""
CAGE_POWER = 2.8
BELOW_ARMS_MM = 25.0
"""The chest's breadth is taken this far below the xiphoid, free of the arms."""
APEX_MM = 22.0
"""Height of the cage above the sternal notch."""
DOMES_MM = {Surface.LUNG_R: 0.0, Surface.LUNG_L: -12.0}
"""Tops of the diaphragm above the xiphoid; the right one is higher, over the liver."""
DOME_DROP_MM = 75.0
"""Height of the diaphragm's top above its attachment at the ribs."""
BLEND_MM = 16.0
"""Width over which the walls of a lung meet in a rounded edge."""
GRID_STEP = 0.6
"""Step of the grid on which a lung is contoured, in edges."""
MIN_GAP_MM = 3.0
VOLUME_RANGE_ML = (1000.0, 4000.0)


def lung_surfaces(torso: TorsoSurface, heart: Surfaces) -> Surfaces:
    """Both lungs of one body, patient frame: LUNG_L and LUNG_R, outward.

    Raises:
        StepFailed: a lung is not one closed surface of plausible volume with clearances.
    """
    lungs = []
    for tag in LUNGS:
        surface = _contour(tag, torso, heart)
        points, faces = remesh_closed(*surface, EDGE_MM, feature_deg=180, iterations=6)
        lungs.append(Surfaces(points, faces, np.full(len(faces), tag, np.int8)))
        _check(tag.name, lungs[-1], torso, heart)
    return Surfaces.joined(lungs)


def _contour(tag: Surface, torso: TorsoSurface, heart: Surfaces) -> tuple[np.ndarray, np.ndarray]:
    """The lung's level set by marching cubes: its largest component."""
    import pyvista as pv

    chest = _chest(torso)
    front, back = (chest["middle"] + sign * chest["half_depth"] for sign in (-1, 1))
    low = np.array([MEDIASTINUM_MM, front, chest["dome"] - 2 * DOME_DROP_MM])
    high = np.array([chest["half_breadth"], back, chest["apex"]])
    if tag == Surface.LUNG_R:
        low[0], high[0] = -high[0], -low[0]
    step = GRID_STEP * EDGE_MM
    low -= step
    n = np.ceil((high + step - low) / step).astype(int) + 1
    grid = pv.ImageData(dimensions=n, spacing=(step,) * 3, origin=low)
    nodes = np.asarray(grid.points, dtype=float)
    walls = _walls(tag, nodes, chest)
    near = walls.max(axis=0) < BLEND_MM  # the exact distances are costly
    distances = np.full((2, len(nodes)), -np.inf)
    distances[0, near] = surface_distance(torso.points, torso.faces, nodes[near]) + WALL_MM
    box = near & np.all(nodes > heart.points.min(axis=0) - HEART_GAP_MM - BLEND_MM, axis=1)
    box &= np.all(nodes < heart.points.max(axis=0) + HEART_GAP_MM + BLEND_MM, axis=1)
    to_heart = surface_distance(heart.points, heart.union("epi"), nodes[box])
    distances[1, box] = HEART_GAP_MM - to_heart
    distances[1] = _shadow(distances[1].reshape(n, order="F"), tag).ravel(order="F")
    grid["level"] = _smooth_max(np.concatenate([walls, distances]), BLEND_MM)
    piece = grid.contour([0.0], scalars="level").extract_largest().clean()
    return np.asarray(piece.points, dtype=float), piece.regular_faces


def _chest(torso: TorsoSurface) -> dict[str, float]:
    """Measures of this body that the rib cage follows, mm."""
    mark = torso.landmarks
    xiphoid = mark["XIPHOID"]
    level = _section(torso, xiphoid[2] - BELOW_ARMS_MM)
    skin_back = level[np.abs(level[:, 0]) < 40.0, 1].max()
    half_breadth, half_depth = np.ptp(level[:, 0]) / 2, (skin_back - xiphoid[1]) / 2
    return {
        "half_breadth": HALF_BREADTH_MM[1] + GROWTH * (half_breadth - HALF_BREADTH_MM[0]),
        "half_depth": HALF_DEPTH_MM[1] + GROWTH * (half_depth - HALF_DEPTH_MM[0]),
        "middle": float(skin_back - half_depth),
        "skin_back": float(skin_back),
        "dome": float(xiphoid[2]),
        "apex": float(mark["STERNAL_NOTCH"][2]) + APEX_MM,
    }


def _section(torso: TorsoSurface, height: float) -> np.ndarray:
    """Points where edges of the skin cross the plane z = height: [crossing, 3] mm."""
    edges, _ = unique_edges(torso.faces)
    low, high = torso.points[edges[:, 0]], torso.points[edges[:, 1]]
    part = (height - low[:, 2]) * (high[:, 2] - height) > 0
    low, high = low[part], high[part]
    share = (height - low[:, 2]) / (high[:, 2] - low[:, 2])
    return low + share[:, None] * (high - low)


def _walls(tag: Surface, nodes: np.ndarray, chest: Mapping[str, float]) -> np.ndarray:
    """Levels [4, node] about mm, positive beyond a wall: cage, mediastinum, spine, diaphragm."""
    x, y, z = nodes.T
    side = 1.0 if tag == Surface.LUNG_L else -1.0
    height = chest["apex"] - chest["dome"]
    across = x / chest["half_breadth"]
    deep = (y - chest["middle"]) / chest["half_depth"]
    up = np.maximum(z - chest["dome"], 0.0) / height
    gauge = (np.abs(across) ** CAGE_POWER + np.abs(deep) ** CAGE_POWER + up**CAGE_POWER) ** (
        1 / CAGE_POWER
    )
    cage = (gauge - 1) * min(chest["half_breadth"], chest["half_depth"])
    mediastinum = MEDIASTINUM_MM - side * x
    depth, radius = SPINE_MM
    spine = radius - np.hypot(x, y - (chest["skin_back"] - depth))
    # the top lies in the middle of the lung, slightly in front
    fall = (2 * side * across - 1) ** 2 / 2 + (deep + 0.25) ** 2
    diaphragm = chest["dome"] + DOMES_MM[tag] - DOME_DROP_MM * fall - z
    return np.stack([cage, mediastinum, spine, diaphragm])


def _shadow(level: np.ndarray, tag: Surface) -> np.ndarray:
    """The heart [nx, ny, nz] with everything below it or between it and the midline.

    The heart rests on the diaphragm and hangs on its vessels: a lung that passed beneath or
    medially would be a ring, not a ball.
    """
    below = np.maximum.accumulate(level[:, :, ::-1], axis=2)[:, :, ::-1]
    if tag == Surface.LUNG_R:
        return np.maximum.accumulate(below, axis=0)
    return np.maximum.accumulate(below[::-1], axis=0)[::-1]


def _smooth_max(levels: np.ndarray, width: float) -> np.ndarray:
    """Maximum of levels [level, node], rounded where two are equal; never below the maximum."""
    largest = levels.max(axis=0)
    return largest + width / 4 * np.log(np.exp((levels - largest) * 4 / width).sum(axis=0))


def _check(name: str, lung: Surfaces, torso: TorsoSurface, heart: Surfaces) -> None:
    """Check for one component, no holes, plausible volume, inside the skin, off the heart."""
    if len(lung.points) - len(unique_edges(lung.faces)[0]) + len(lung.faces) != 2:
        raise StepFailed(f"{name}: remeshing gave no connected closed surface")
    volume = enclosed_volume(lung.points, lung.faces) / 1000
    low, high = VOLUME_RANGE_ML
    if not low <= volume <= high:
        raise StepFailed(f"{name} has {volume:.0f} ml, outside {low:.0f} to {high:.0f} ml")
    gaps = {
        "skin": -surface_distance(torso.points, torso.faces, lung.points).max(),
        "heart": min(
            surface_distance(heart.points, heart.union("epi"), lung.points).min(),
            surface_distance(lung.points, lung.faces, heart.points).min(),
        ),
    }
    for other, gap in gaps.items():
        if gap < MIN_GAP_MM:
            raise StepFailed(f"{name} is {gap:.1f} mm from the {other}, less than {MIN_GAP_MM:g}")
