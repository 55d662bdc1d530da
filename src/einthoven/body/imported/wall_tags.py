"""Tags for an untagged heart wall, with a base of any shape and any openings.

Its cavities are the space that a ball rolling outside cannot reach.
"""

from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, loop_area
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import face_edges, face_neighbours, unique_edges
from einthoven.body.anatomy.shape.carry import outward

SPACING_MM = 2.5
BALLS_MM = np.arange(10.0, 46.0, 5.0)
"""Radii tried in turn; the first ball that enters neither ventricle excludes the rest best."""
STEP_MM, SIGHT_MM = 2.5, 80.0
LEAST_CAVITY_ML = 12.0
LEAST_DEPTH_MM = 10.0
SMOOTHING_MM = 3.0
"""Width over which normals are averaged before creases are searched."""
CREASE_MM = 8.0
"""A cut along a crease costs less the sharper the crease is than this radius."""
FARTHEST_EPI_MM = 40.0
OPPOSITE = 0.8
LEAST_COST = 0.02
"""Cost of a cut along a sharp crease, as a share of its length."""
COST_PER_MM = 0.005
"""Cost per mm^2 of an included face, so that of two creases the first is cut."""
CAPACITY, LARGE = 1000, 2**24
LEAST_BASE_MM = 2.0
CLEAR_RATIO = 1.2
GIVE_TAGS = "give a tag for every triangle or vertex"


class Pockets(NamedTuple):
    """A regular grid around a wall."""

    low: np.ndarray
    """[3] mm, centre of the first voxel."""
    label: np.ndarray
    """[i, j, k] 1 and 2 in the two largest cavities, as deep as they are separate from each other
    and from outside; -1 in the wall; 0 elsewhere."""

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


def _find_pockets(points: np.ndarray, faces: np.ndarray) -> Pockets:
    """Both cavities of a closed wall around two ventricles, open at any number of valves.

    A ball is rolled over the outside (morphological closing). What is neither wall nor reached by
    the ball is cavity. The radius grows until two deep cavities remain.
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


def tag_wall(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Tags of a closed wall by its shape: [face] int8 (core.tags.Surface).

    Deep in the cavities a face is endocardium, and opposite to that epicardium. From there each of
    the three surfaces extends to the shortest cut along a convex crease (isolating minimum cuts,
    Dahlhaus et al. 1994, 10.1137/S0097539792225297). What remains between them is the base: annuli
    of valves, flat or curved. `is_left` distinguishes the ventricles. points [vertex, 3] mm, faces
    [face, 3] without valve caps.

    Raises:
        BadInput: there are not two ventricles, or they cannot be distinguished.
    """
    faces = outward(points, faces)
    normals = _smooth_normals(points, faces)
    seeds = _seeds(points, faces, normals)
    between, capacity = _links(points, faces, normals)
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    held = np.rint(CAPACITY * COST_PER_MM * area).astype(np.int32) + 1
    tags = np.full(len(faces), Surface.BASE, np.int8)
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        held_back = np.where((seeds > 0) & (seeds != tag), LARGE, held)
        tags[_reached(seeds == tag, held_back, between, capacity)] = tag
    tags = _parted(points, faces, tags)
    lv, rv, epi = (faces[tags == t] for t in (Surface.LV_ENDO, Surface.RV_ENDO, Surface.EPI))
    try:
        first_is_left = is_left(points, lv, rv, epi)
    except StepFailed as error:
        raise BadInput(f"heart wall: {error} in the tags found by shape; {GIVE_TAGS}") from error
    if first_is_left:
        return tags
    swapped = tags.copy()
    swapped[tags == Surface.LV_ENDO] = Surface.RV_ENDO
    swapped[tags == Surface.RV_ENDO] = Surface.LV_ENDO
    return swapped


def _smooth_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [face, 3], averaged by area with neighbours, so that slivers have one, too."""
    area = triangle_area_vectors(points, faces)
    neighbours = face_neighbours(faces)
    step_mm = np.sqrt(np.median(np.linalg.norm(area, axis=1)))
    for _ in range(max(1, round((SMOOTHING_MM / step_mm) ** 2 / 3))):
        area = 0.5 * area + area[neighbours].sum(axis=1) / 6
    return area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-12)


def _seeds(points: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Tags [face] of unambiguous faces; 0 elsewhere. Left and right are not decided here."""
    from scipy.spatial import cKDTree

    pockets = _find_pockets(points, faces)
    centres = points[faces].mean(axis=1)
    ahead = np.stack([pockets.at(centres + k * STEP_MM * normals) for k in (1, 2)])
    cavity = np.maximum(ahead.max(axis=0), 0)
    endo = np.flatnonzero(cavity)
    outer = np.flatnonzero((cavity == 0) & pockets.sees_out(centres, normals))
    apart, at = cKDTree(centres[endo]).query(centres[outer])
    facing = np.einsum("ij,ij->i", centres[outer] - centres[endo[at]], normals[outer])
    opposite = np.einsum("ij,ij->i", normals[outer], normals[endo[at]])
    sure = (facing > OPPOSITE * apart) & (opposite < -OPPOSITE) & (apart < FARTHEST_EPI_MM)
    seeds = np.array([0, Surface.LV_ENDO, Surface.RV_ENDO])[cavity]
    seeds[outer[sure]] = Surface.EPI
    return seeds


def _links(
    points: np.ndarray, faces: np.ndarray, normals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of faces [link, 2] and the cost of a cut between them [link]: length, if no crease."""
    neighbours = face_neighbours(faces)
    face, side = np.nonzero(neighbours >= 0)
    other = neighbours[face, side]
    once = face < other
    face, side, other = face[once], side[once], other[once]
    edges = face_edges(faces).reshape(3, -1, 2)[side, face]
    length = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
    centres = points[faces].mean(axis=1)
    across = centres[other] - centres[face]
    bend = np.einsum("ij,ij->i", normals[other] - normals[face], across)
    curvature = np.maximum(bend, 0) / np.maximum((across**2).sum(axis=1), 1e-6)  # 1/mm, convex
    cost = length * np.maximum(np.exp(-CREASE_MM * curvature), LEAST_COST)
    return np.stack([face, other], axis=1), np.rint(CAPACITY * cost).astype(np.int32) + 1


def _reached(
    sources: np.ndarray, held_back: np.ndarray, between: np.ndarray, capacity: np.ndarray
) -> np.ndarray:
    """Faces [face] bool on the sources' side of the minimum cut; including a face costs, too."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    n = len(sources)
    start, end = n, n + 1
    source, sink = np.flatnonzero(sources), np.flatnonzero(~sources)
    rows = np.concatenate([between[:, 0], between[:, 1], np.full(len(source), start), sink])
    columns = np.concatenate([between[:, 1], between[:, 0], source, np.full(len(sink), end)])
    values = np.concatenate([capacity, capacity, np.full(len(source), LARGE), held_back[sink]])
    graph = csr_array((values.astype(np.int32), (rows, columns)), shape=(n + 2, n + 2))
    left = graph - maximum_flow(graph, start, end).flow
    left.data = (left.data > 0).astype(np.int32)
    left.eliminate_zeros()
    order = breadth_first_order(left, start, return_predecessors=False)
    reached = np.zeros(n + 2, bool)
    reached[order] = True
    return reached[:n]


def _parted(points: np.ndarray, faces: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Tags with a base at least some mm wide, also along a round or sharp ridge."""
    from scipy.spatial import cKDTree

    endo = faces[np.isin(tags, (Surface.LV_ENDO, Surface.RV_ENDO))]
    edges, counts = unique_edges(endo)
    apart, _ = cKDTree(points[np.unique(edges[counts == 1])]).query(points)
    wide = tags.copy()
    wide[(tags == Surface.EPI) & (apart[faces] < LEAST_BASE_MM).any(axis=1)] = Surface.BASE
    return wide


def is_left(points: np.ndarray, endo: np.ndarray, other_endo: np.ndarray, epi: np.ndarray) -> bool:
    """Whether `endo` is the left ventricle's: its free wall is thicker, its cavity rounder.

    Roundness is the volume as a share of the convex hull's; the RV wraps around the LV. points
    [vertex, 3] mm; faces [face, 3] of two open cavities and the epicardium.

    Raises:
        BadInput: the two criteria disagree, or the difference is too small.
    """
    wall = _free_wall(points, endo, other_endo, epi) / _free_wall(points, other_endo, endo, epi)
    roundness = _roundness(points, endo) / _roundness(points, other_endo)
    thicker, rounder = wall > 1, roundness > 1
    score = wall * roundness
    if thicker != rounder or max(score, 1 / score) < CLEAR_RATIO:
        raise BadInput(
            f"heart wall: which ventricle is the left one? their free walls differ by the factor "
            f"{wall:.2f}, their roundness by {roundness:.2f}; {GIVE_TAGS}"
        )
    return bool(rounder)


def _free_wall(points: np.ndarray, endo: np.ndarray, other: np.ndarray, epi: np.ndarray) -> float:
    """Median distance in mm to the epicardium, where the other cavity is farther off."""
    from scipy.spatial import cKDTree

    own = points[np.unique(endo)]
    to_epi, _ = cKDTree(points[np.unique(epi)]).query(own)
    to_other, _ = cKDTree(points[np.unique(other)]).query(own)
    free = to_epi < to_other
    return float(np.median(to_epi[free])) if free.any() else 0.0


def _roundness(points: np.ndarray, endo: np.ndarray) -> float:
    """Volume of an open cavity, closed to the centre of its opening, over its convex hull's."""
    from scipy.spatial import ConvexHull

    # the cone over the boundary has no volume if its tip lies in its plane
    loops = boundary_loops(endo)
    tip = np.mean([loop_area(points[loop])[1] for loop in loops], axis=0)
    a, b, c = (points[endo[:, k]] - tip for k in range(3))
    volume = abs(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
    return volume / ConvexHull(points[np.unique(endo)]).volume
