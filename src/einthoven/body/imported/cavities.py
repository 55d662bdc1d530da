"""Cavities of a wall, as the space that a ball rolling outside cannot reach."""

from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput

SPACING_MM = 2.5
BALLS_MM = np.arange(10.0, 46.0, 5.0)
"""Radii tried in turn; the first ball that enters neither ventricle excludes the rest best."""
STEP_MM, SIGHT_MM = 2.5, 80.0
LEAST_CAVITY_ML = 12.0
LEAST_DEPTH_MM = 10.0


class Pockets(NamedTuple):
    """A regular grid around a wall.

    Attributes:
        low: [3] mm, centre of the first voxel.
        label: [i, j, k] 1 and 2 in the two largest cavities, as deep as they are separate from each
            other and from outside; -1 in the wall; 0 elsewhere.
    """

    low: np.ndarray
    label: np.ndarray

    def sees_out(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Whether [point] the view from points on the wall along their normals is free."""
        free = np.ones(len(points), bool)
        for far in np.arange(2 * STEP_MM, SIGHT_MM, STEP_MM):
            free &= self.at(points + far * normals) == 0
        return free

    def at(self, points: np.ndarray) -> np.ndarray:
        """Labels [point] at points [point, 3] mm."""
        ids = np.rint((points - self.low) / SPACING_MM).astype(int)
        return self.label[tuple(np.clip(ids, 0, np.array(self.label.shape) - 1).T)]


def find_pockets(points: np.ndarray, faces: np.ndarray) -> Pockets:
    """Both cavities of a closed wall around two ventricles, open at any number of valves.

    A ball is rolled over the outside (morphological closing). What is neither wall nor reached by
    the ball is cavity. The radius grows until two deep cavities remain.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3], closed.

    Raises:
        BadInput: there are no two such cavities.
    """
    from scipy.ndimage import distance_transform_edt, label

    low, wall = _voxels(points, faces)
    clearance = SPACING_MM * distance_transform_edt(~wall)
    volume_ml, largest = SPACING_MM**3 / 1000, 0.0
    for radius in BALLS_MM:
        centres, _ = label(clearance >= radius)
        outside = SPACING_MM * distance_transform_edt(centres != centres[0, 0, 0]) < radius
        depth = SPACING_MM * distance_transform_edt(~outside)
        depth[wall] = 0.0
        for least in np.arange(LEAST_DEPTH_MM, depth.max(), STEP_MM):
            found, _ = label(depth > least)
            sizes = np.bincount(found.ravel())
            sizes[0] = 0
            first, second = np.argsort(sizes)[::-1][:2] if len(sizes) > 2 else (0, 0)
            largest = max(largest, sizes.max() * volume_ml)
            if sizes[second] * volume_ml >= LEAST_CAVITY_ML:
                both = (found == first) + 2 * (found == second).astype(np.int8)
                return Pockets(low, np.where(wall, -1, both).astype(np.int8))
    raise BadInput(
        f"heart wall: no two ventricles are found in it (the largest cavity has {largest:.0f} ml); "
        "is it the wall of both, closed along the valves' annuli and open at the valves?"
    )


def _voxels(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corner [3] mm of a grid, and whether [i, j, k] voxels contain wall, however thin."""
    import pyvista as pv

    pad = BALLS_MM[-1] + 3 * SPACING_MM
    low = points.min(axis=0) - pad
    shape = np.ceil((np.ptp(points, axis=0) + 2 * pad) / SPACING_MM).astype(int) + 1
    grid = pv.ImageData(dimensions=shape, spacing=(SPACING_MM,) * 3, origin=low)
    surface = pv.PolyData.from_regular_faces(points, faces)
    mask = surface.voxelize_binary_mask(reference_volume=grid)
    wall = np.asarray(mask.point_data["mask"]).reshape(shape, order="F") > 0
    ids = np.rint((_spread_over(points[faces]) - low) / SPACING_MM).astype(int)
    wall[tuple(ids.T)] = True
    return low, wall


def _spread_over(corners: np.ndarray) -> np.ndarray:
    """Points [point, 3] at most half a voxel apart on triangles [face, 3, 3]."""
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    steps = np.maximum(1, np.ceil(2 * longest / SPACING_MM)).astype(int)
    found = []
    for n in np.unique(steps):
        i, j = np.nonzero(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n)
        weights = np.stack([i, j, n - i - j], axis=1) / n
        found.append(np.einsum("wk,fkd->fwd", weights, corners[steps == n]).reshape(-1, 3))
    return np.concatenate(found)
