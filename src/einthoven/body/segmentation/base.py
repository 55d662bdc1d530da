"""The flat base of a segmented heart: orientation and height of its plane."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.boundary_loops import axes_along
from einthoven.body.segmentation.regions import VentricleMasks
from einthoven.body.segmentation.stack import Stack, polygon_area, signed_distance

ENCLOSED = 0.5
"""Share of the LV's contour that muscle surrounds in the slice that becomes the base."""
WHOLE_SLICE = {"lv": 0.75, "rv": 0.6}
"""Area of a cavity in that slice, at least, as a share of that in the slice below."""
ONE_PIECE = 0.9
"""Share of the largest epicardial contour in a slice that shows one connected heart."""
CUT_APEX = 0.5
FOOT_SLICES = 2
"""Slices below the topmost complete one whose sections show the columns in which the heart
continues."""
FOOT_STEP_MM, WITHIN_MM = 2.0, 2.0
STAIRS = 0.45
"""Largest RMS residual of a plane through the columns' ends, in slice distances. Slices across a
plane leave 0.29 (a uniform error); labels that end otherwise leave more."""
ONE_STAIR = 2 / 3
"""Factor on the least-squares slope over a single step: the mean of all slopes that produce it."""
MAX_OBLIQUE_DEG = 25.0
LEAST_OBLIQUE_DEG = 2.0
OPENING_QUANTILE = 0.1
"""If an opening is not flat, the base lies below all but this share of it."""
MAX_TILT_DEG = 30.0
"""Largest angle between the opening's normal and the LV's axis; beyond it the axis is the normal.
"""
EVERY_MM = 0.75
"""Distance of the voxels that are looked at, about; of finer ones some are left out."""
BELOW_MM, WHOLE = 6.0, 0.85
"""At the base a region's section is at least this share of that the given depth below."""


@dataclass(frozen=True, eq=False)
class Base:
    """A plane across a heart."""

    axes: np.ndarray
    """[3, 3], columns: from LV to RV in the plane, the second in-plane axis, from apex to base."""
    origin: np.ndarray
    """[3] mm, a point of the plane."""

    def above(self, places: np.ndarray) -> np.ndarray:
        """Height [place] mm of places [place, 3] mm above the plane."""
        return (places - self.origin) @ self.axes[:, 2]

    def lowered(self, mm: float) -> "Base":
        """The same plane, nearer to the apex."""
        return Base(self.axes, self.origin - mm * self.axes[:, 2])


def upright(stack: Stack) -> Stack:
    """The stack with its normal from apex to base, i.e. towards the wider end of the LV.

    Raises:
        BadInput: the LV is wide at both ends, so the apex is missing.
    """
    there = stack.filled("lv")
    areas = np.array([abs(sum(map(polygon_area, stack.contours["lv"][k]))) for k in there])
    heights = stack.heights[there]
    # use all slices: the last one at the base may contain only part of the cavity
    if np.average(heights, weights=areas) < heights.mean():
        stack, areas = stack.turned(), areas[::-1]
    if areas[0] > CUT_APEX * areas.max():
        raise BadInput(
            f"stack: no apex: the LV's cavity has {areas[0] / 100:.1f} cm^2 in the slice farthest "
            f"from the base, at most {areas.max() / 100:.1f}; are slices missing?"
        )
    return stack


def base_of_stack(stack: Stack) -> tuple[Base, list[str]]:
    """The plane in which the labels end, or else the upper face of the topmost complete slice.

    A complete slice contains both cavities, with muscle around the LV. Its upper face is used if
    the labels end in one slice or in no plane.

    Raises:
        BadInput: there is none.
    """
    lv, rv = stack.filled("lv"), stack.filled("rv")
    enclosed = [k for k in lv if _enclosed(stack, k) >= ENCLOSED]
    whole = [k for k in enclosed if k in rv and _is_whole(stack, k)]
    if len(whole) == 0:
        raise BadInput("labels: in no slice muscle surrounds the LV beside an RV; swapped labels?")
    top = whole[-1]
    notes = []
    half = 0.5 * stack.thickness_mm
    if top < lv[-1]:
        notes.append(f"base: {lv[-1] - top} slices below the LV's last, above which the RV has no "
                     "label, or muscle surrounds too little of the LV, or only a part of a "
                     "ventricle is in the slice")  # fmt: skip
    middle = [np.concatenate(stack.contours[name][top]).mean(axis=0) for name in ("lv", "rv")]
    slopes, height = _plane_of_ends(stack, top) or (np.zeros(2), stack.heights[top] + half)
    up = stack.axes @ np.append(-slopes, 1.0)
    up /= np.linalg.norm(up)
    if slopes.any():
        tilt_deg = np.degrees(np.arctan(np.linalg.norm(slopes)))
        notes = [f"base: a plane through the ends of the labels, {tilt_deg:.0f} degrees oblique to "
                 "the slices"]  # fmt: skip
    origin = stack.axes @ np.append(middle[0], height + slopes @ middle[0])
    return Base(axes_along(up, stack.axes[:, :2] @ (middle[1] - middle[0])), origin), notes


def _plane_of_ends(stack: Stack, top: int) -> tuple[np.ndarray, float] | None:
    """The plane z = slopes @ (x, y) + height in which the heart's columns end, if it is oblique.

    A column that is labelled in one slice and not in the next ends between them; the plane is the
    least squares fit to the middles of these intervals. None if the columns end in one slice, or in
    no plane.
    """
    polygons, foot = stack.contours["epi"], max(top - FOOT_SLICES, 0)
    corners = np.concatenate(polygons[foot])
    x, y = (
        np.arange(*ends, FOOT_STEP_MM) for ends in zip(corners.min(axis=0), corners.max(axis=0))
    )
    columns = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    columns = columns[signed_distance(columns, polygons[foot]) < -WITHIN_MM]
    last, goes_on = np.full(len(columns), foot), np.ones(len(columns), bool)
    for k in range(foot + 1, len(polygons)):
        if not polygons[k]:
            break
        goes_on &= signed_distance(columns, polygons[k]) < 0
        last[goes_on] = k
    ends = stack.heights[last] + 0.5 * stack.thickness_mm
    rows = np.column_stack([columns, np.ones(len(columns))])
    plane = np.linalg.lstsq(rows, ends, rcond=None)[0]
    residual = float(np.sqrt(np.mean((rows @ plane - ends) ** 2)))
    if len(levels := np.unique(ends)) == 2:  # a single step fits any slope from zero on
        plane = ONE_STAIR * plane + [0.0, 0.0, (1.0 - ONE_STAIR) * levels.mean()]
    tilt_deg = np.degrees(np.arctan(np.linalg.norm(plane[:2])))
    if residual > STAIRS * stack.thickness_mm:
        return None
    if not LEAST_OBLIQUE_DEG <= tilt_deg <= MAX_OBLIQUE_DEG:
        return None
    return plane[:2], float(plane[2])


def _is_whole(stack: Stack, k: int) -> bool:
    """Whether a slice shows one heart, with cavities not much smaller than in the slice below."""
    outlines = sorted(abs(polygon_area(polygon)) for polygon in stack.contours["epi"][k])
    if outlines[-1] < ONE_PIECE * sum(outlines):
        return False
    for name, share in WHOLE_SLICE.items():
        here, below = (abs(sum(map(polygon_area, stack.contours[name][slice_])))
                       for slice_ in (k, max(k - 1, 0)))  # fmt: skip
        if here < share * below:
            return False
    return True


def _enclosed(stack: Stack, k: int) -> float:
    """Share of the LV's contour in a slice that is well inside the epicardium."""
    if not stack.contours["epi"][k]:
        return 0.0
    corners = np.concatenate(stack.contours["lv"][k])
    depth = -signed_distance(corners, stack.contours["epi"][k])
    return float((depth > 0.5 * stack.pixel_mm).mean())


def base_of_volume(regions: VentricleMasks) -> tuple[Base, list[str]]:
    """The plane through the opening of the LV's cavity, at the height that both ventricles reach.

    The opening consists of cavity voxel faces next to neither muscle nor RV.

    Raises:
        BadInput: the LV is closed, or a ventricle ends below the middle of the LV.
    """
    image = regions.image
    opening = _opening(regions)
    if len(opening) == 0:
        raise BadInput("labels: muscle surrounds the LV's cavity on all sides; where is its base?")
    every = np.maximum(1, np.round(EVERY_MM / image.spacing)).astype(int)
    some = tuple(slice(None, None, n) for n in every)
    places = {name: image.place(np.argwhere(mask[some]) * every)
              for name, mask in regions.masks.items()}  # fmt: skip
    cavity, centre = places["lv"], opening.mean(axis=0)
    for _ in range(3):
        apex = cavity[np.linalg.norm(cavity - centre, axis=1).argmax()]
        upper = (opening - 0.5 * (apex + centre)) @ (centre - apex) > 0
        centre = opening[upper].mean(axis=0)
    axis = (centre - apex) / np.linalg.norm(centre - apex)
    up = np.linalg.svd(opening[upper] - centre, full_matrices=False)[2][2]
    up = up * np.sign(up @ axis)
    if up @ axis < np.cos(np.radians(MAX_TILT_DEG)):
        up = axis
    middle = float(0.5 * (apex + centre) @ up)
    height = start = float(np.quantile(opening[upper] @ up, OPENING_QUANTILE))
    step = float((image.spacing * every).min())
    while (name := _ending(places, up, height, 2 * step)) and height > middle:
        height -= step
    if height <= middle:
        raise BadInput(f"labels: {name} ends below the middle of the LV; is it cut off?")
    notes = []
    if start - height > 2 * step:
        notes.append(f"base: {start - height:.0f} mm lower than the LV's opening, where both "
                     "ventricles are whole")  # fmt: skip
    axes = axes_along(up, places["rv"].mean(axis=0) - cavity.mean(axis=0))
    return Base(axes, centre + (height - centre @ up) * up), notes


def _opening(regions: VentricleMasks) -> np.ndarray:
    """Centres [face, 3] mm of faces of LV voxels next to no region."""
    lv, outside = regions.masks["lv"], np.pad(~regions.masks["epi"], 1, constant_values=True)
    found = []
    for axis in range(3):
        for side in (1, -1):
            beside = np.roll(outside, -side, axis)[1:-1, 1:-1, 1:-1]
            found.append(np.argwhere(lv & beside) + 0.5 * side * np.eye(3)[axis])
    return regions.image.place(np.concatenate(found))


def _ending(places: dict[str, np.ndarray], up: np.ndarray, height: float, slab_mm: float) -> str:
    """A region whose section below a height is smaller than further down, or an empty text."""
    for name, points in places.items():
        depth = height - points @ up
        here = ((depth > 0) & (depth < slab_mm)).sum()
        below = ((depth > BELOW_MM) & (depth < BELOW_MM + slab_mm)).sum()
        if here < WHOLE * below:
            return name
    return ""
