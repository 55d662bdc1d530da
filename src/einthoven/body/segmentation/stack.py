"""Closed contours in parallel slices, and the surfaces through them.

Shape-based interpolation (Raya and Udupa 1990, doi:10.1109/42.52980; Herman, Zheng and Bucholtz
1992, doi:10.1109/38.135915): the signed distances d of each slice are interpolated between slices.
Here it is applied to g = d (d + 2 r), with r the radius of the circle with the slice's area.
Between circles g is a difference of squared radii, which is quadratic along the axis of an
ellipsoid and linear along that of a paraboloid, where d has a root at the apex. So an apex between
the last slice and the next is closed smoothly instead of by a cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numba
import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.geometry.contouring import zero_level
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import compact, face_pieces
from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.reading import CAVITIES
from einthoven.body.segmentation.regions import REGIONS, VentricleMasks, smoothed

Mesh = tuple[np.ndarray, np.ndarray]
"""Points [vertex, 3] mm, faces [face, 3], closed and outward."""
STEP_MM = 1.2
MIN_SLICES = 4
THICK, THICK_MM = 1.5, 3.0
"""Slices are interpolated by shape if their distance exceeds this many times the longer pixel side,
and this many mm: those of CT are as fine as voxels need to be."""
SMOOTHING_PIXELS = 0.7
"""Gaussian on masks before the contour at one half is taken, which removes the staircase."""
MAX_GAP_RATIO = 1.3
MAX_SLOPE = 0.4
"""Largest slope of a wall against the axis in the continuation beyond the last slice at the base.
"""
MARGIN_MM = 6.0
NEAR_BASE = 0.25
"""Share of the slice distance below an oblique base within which a slice may be incomplete."""
THIN_QUANTILE = 0.1


@dataclass(frozen=True, eq=False)
class Stack:
    """Contours of regions in slices of one orientation.

    Attributes:
        axes: [3, 3], columns: two directions in the slices, and their normal; right-handed.
        heights: [slice] mm along the normal, ascending.
        contours: region -> for every slice its polygons [corner, 2] mm, or none.
        pixel_mm: of the slices, for the step of the grid.
        thickness_mm: distance of slices.
    """

    axes: np.ndarray
    heights: np.ndarray
    contours: dict[str, list[list[np.ndarray]]]
    pixel_mm: float

    @property
    def thickness_mm(self) -> float:
        """Distance between neighbouring slices."""
        return float(np.median(np.diff(self.heights)))

    @property
    def covariance_mm2(self) -> np.ndarray:
        """Covariance [3, 3]: see `grid_covariance`."""
        return grid_covariance(self.axes * [self.pixel_mm, self.pixel_mm, self.thickness_mm])

    def filled(self, name: str) -> np.ndarray:
        """Numbers of the slices in which a region has contours."""
        return np.flatnonzero([len(polygons) > 0 for polygons in self.contours[name]])

    def turned(self) -> "Stack":
        """The same stack with the opposite normal."""
        axes = self.axes * [1.0, -1.0, -1.0]
        turned = {name: [[polygon * [1.0, -1.0] for polygon in polygons] for polygons in slices]
                  for name, slices in self.contours.items()}  # fmt: skip
        back = {name: slices[::-1] for name, slices in turned.items()}
        return Stack(axes, -self.heights[::-1], back, self.pixel_mm)


def grid_covariance(steps: np.ndarray) -> np.ndarray:
    """Positional covariance [3, 3] mm^2 of a surface that is known on a grid only.

    A surface across an index is known to within one step s of it, uniformly: s^2 / 12. Along a unit
    normal n the variance is n C n. Observer variability is not included. Columns of `steps` [3, 3]
    mm lead from one voxel to the next.
    """
    return steps @ steps.T / 12


def thick_axis(image: LabelImage) -> int | None:
    """Index along which slices are thick; None for a grid of nearly cubic voxels."""
    order = np.argsort(image.spacing)
    thick_mm = max(THICK * image.spacing[order[1]], THICK_MM)
    return int(order[2]) if image.spacing[order[2]] >= thick_mm else None


def stack_of(regions: VentricleMasks, axis: int) -> Stack:
    """Contours of masks, slice by slice along an index.

    The slices of a sheared grid are shifted relative to each other by the shear.
    """
    with extra("images", "a label image"):
        from skimage.measure import find_contours

    image = regions.image
    others = [a for a in range(3) if a != axis]
    normal = np.cross(image.steps[:, others[0]], image.steps[:, others[1]])
    normal /= np.linalg.norm(normal)
    if normal @ image.steps[:, axis] < 0:
        normal = -normal
    first = image.steps[:, others[0]] / image.spacing[others[0]]
    axes = np.stack([first, np.cross(normal, first), normal], axis=1)
    contours: dict[str, list[list[np.ndarray]]] = {name: [] for name in REGIONS}
    for name, mask in regions.masks.items():
        for k, plane in enumerate(np.moveaxis(mask, axis, 0)):
            soft = smoothed(np.pad(plane, 3).astype(float), SMOOTHING_PIXELS)
            polygons = []
            for line in find_contours(soft, 0.5):
                index = np.insert(line[:-1] - 3, axis, k, axis=1)
                polygons.append((image.place(index) @ axes)[:, :2])
            contours[name].append(polygons)
    n = regions.masks["lv"].shape[axis]
    starts = image.place(np.arange(n)[:, None] * np.eye(3)[axis])
    return Stack(axes, starts @ normal, contours, float(image.spacing[others].max()))


def check_gaps(stack: Stack) -> None:
    """Raise BadInput if slices are missing, or a region in one of them."""
    gaps = np.diff(stack.heights)
    if (wide := gaps > MAX_GAP_RATIO * stack.thickness_mm).any():
        k = int(wide.argmax())
        raise BadInput(
            f"stack: a slice is missing between {stack.heights[k]:.1f} and "
            f"{stack.heights[k + 1]:.1f} mm along the stack: {gaps[k]:.1f} mm, elsewhere "
            f"{stack.thickness_mm:.1f}; add it, or drop the slices beyond"
        )
    for name in REGIONS:
        there = stack.filled(name)
        if len(there) < MIN_SLICES:
            raise BadInput(f"stack: {name} is in {len(there)} slices; {MIN_SLICES} are needed")
        if len(missing := np.setdiff1d(np.arange(there[0], there[-1]), there)):
            raise BadInput(
                f"stack: a gap: {name} is missing in slice {missing[0]} (from 0; "
                f"{stack.heights[missing[0]]:.1f} mm) but there on both sides; label it"
            )


def surfaces_of(
    stack: Stack, above: Callable[[np.ndarray], np.ndarray] | None = None
) -> dict[str, Mesh]:
    """Closed surfaces of all regions; the base must be up (towards greater heights).

    They continue above the topmost slice and end some mm above it. Below its last slice a cavity
    keeps the wall thickness it has there.

    Args:
        stack: upright.
        above: for an oblique base, the height [place] mm of places [place, 3] mm above it. There
            the slices do not show the heart's section, so those below are continued.
    """
    corners = np.concatenate([polygon for slices in stack.contours["epi"] for polygon in slices])
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    step = float(np.clip(stack.pixel_mm, 0.7, STEP_MM))
    x, y = (np.arange(low[d], high[d] + step, step) for d in range(2))
    plane = np.stack(np.meshgrid(x, y, indexing="xy"), axis=-1).reshape(-1, 2)
    unknown = np.zeros((len(stack.heights), len(plane)), bool)
    if above is not None:
        for k, height in enumerate(stack.heights):
            places = np.column_stack([plane, np.full(len(plane), height)]) @ stack.axes.T
            unknown[k] = above(places) > -NEAR_BASE * stack.thickness_mm
    columns = {name: _Column.of(stack, name, plane, unknown) for name in REGIONS}
    ends = np.array([column.heights[[0, -1]] for column in columns.values()])
    z = np.arange(ends[:, 0].min(), ends[:, 1].max() + step, step)
    outer = columns["epi"].at(z)
    found = {}
    for name, column in columns.items():
        distance = column.at(z)
        if name in CAVITIES:
            below = stack.heights[stack.filled(name)[0]] - z
            share = np.clip(below / (0.5 * stack.thickness_mm), 0.0, 1.0)[:, None]
            kept = outer + share * _wall_at_apex(stack, name)
            distance = np.where(below[:, None] > 0, np.maximum(distance, kept), distance)
        # the last layer is outside, which closes the surface
        field = np.concatenate([distance, np.abs(distance[-1:]) + 1.0])
        field = field.reshape(-1, len(y), len(x))
        points, faces = zero_level(field, np.array([x[0], y[0], z[0]]), np.full(3, step))
        found[name] = outward_piece(points @ stack.axes.T, faces)
    return found


def _wall_at_apex(stack: Stack, name: str) -> float:
    """Typical distance in mm of a cavity's last contour from the epicardium."""
    k = stack.filled(name)[0]
    if not stack.contours["epi"][k]:
        return 0.0
    corners = np.concatenate(stack.contours[name][k])
    depth = -signed_distance(corners, stack.contours["epi"][k])
    return max(0.0, float(np.quantile(depth, THIN_QUANTILE)))


def outward_piece(points: np.ndarray, faces: np.ndarray) -> Mesh:
    """The largest component of closed surfaces, oriented outwards."""
    largest = max(face_pieces(faces), key=len)
    points, faces = compact(points, faces[largest])
    return points, faces if enclosed_volume(points, faces) > 0 else faces[:, ::-1]


@dataclass(frozen=True, eq=False)
class _Column:
    """Slices of a region, and those beyond its ends that continue it."""

    heights: np.ndarray
    """[slice] mm, ascending."""
    values: np.ndarray
    """G [slice, point] mm^2."""
    radii: np.ndarray
    """R [slice] mm."""

    @classmethod
    def of(cls, stack: Stack, name: str, plane: np.ndarray, unknown: np.ndarray) -> Self:
        """The column at points [point, 2] mm of the plane; unknown [slice, point] are filled in."""
        there, gap = stack.filled(name), stack.thickness_mm
        values, radii = list[np.ndarray](), list[float]()
        for k in there:
            polygons = stack.contours[name][k]
            distance = signed_distance(plane, polygons)
            area = abs(sum(map(polygon_area, polygons)))
            radii.append(max(float(np.sqrt(area / np.pi)), -float(distance.min())))
            if len(values) > 1 and unknown[k].any():
                radii[-1] = max(radii[-1], radii[-2])  # a partial section gives no radius
            values.append(distance * (distance + 2 * radii[-1]))
            if len(values) > 2 and unknown[k].any():
                bound = 2 * radii[-1] * MAX_SLOPE * gap
                on = values[-2] + np.clip(values[-2] - values[-3], -bound, bound)
                values[-1] = np.where(unknown[k], on, values[-1])
        g = np.array(values)
        # below the apex: extrapolated from the last two slices, but closed before the next one
        down = np.maximum(g[0] - g[1], -1.001 * g[0].min())
        bound = 2 * radii[-1] * MAX_SLOPE * gap
        up = np.clip(g[-1] - g[-2], -bound, bound)
        first, last = stack.heights[there[0]], stack.heights[there[-1]]
        return cls(
            np.array([first - 2 * gap, first - gap, *stack.heights[there],
                      last + 0.5 * gap, last + gap, last + gap + MARGIN_MM]),
            np.stack([g[0] + 2 * down, g[0] + down, *g, g[-1] + 0.5 * up, g[-1] + up, g[-1] + up]),
            np.array([radii[0]] * 2 + radii + [radii[-1]] * 3),
        )  # fmt: skip

    def at(self, z: np.ndarray) -> np.ndarray:
        """Distances d [height, point] mm at heights z mm; beyond the ends, those at the ends."""
        from scipy.interpolate import Akima1DInterpolator

        within = np.clip(z, self.heights[0], self.heights[-1])
        through = Akima1DInterpolator(self.heights, self.values, axis=0, method="makima")
        radius = np.interp(within, self.heights, self.radii)[:, None]
        return np.sqrt(np.maximum(through(within) + radius**2, 0.0)) - radius


def polygon_area(polygon: np.ndarray) -> float:
    """Signed area of a polygon [corner, 2] in mm^2."""
    x, y = polygon.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def signed_distance(points: np.ndarray, polygons: list[np.ndarray]) -> np.ndarray:
    """Distance [point] mm to the sides of polygons, negative inside an odd number of them."""
    start = np.concatenate(polygons)
    end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    return _distances(np.ascontiguousarray(points), start, end)


@numba.njit(cache=True)
def _distances(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    result = np.empty(len(points))
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        best, inside = np.inf, False
        for k in range(len(start)):
            ax, ay, bx, by = start[k, 0], start[k, 1], end[k, 0], end[k, 1]
            ux, uy = bx - ax, by - ay
            square = ux * ux + uy * uy
            share = ((x - ax) * ux + (y - ay) * uy) / square if square > 0 else 0.0
            share = min(max(share, 0.0), 1.0)
            dx, dy = x - ax - share * ux, y - ay - share * uy
            best = min(best, dx * dx + dy * dy)
            if (ay > y) != (by > y) and x < ax + (y - ay) * ux / uy:
                inside = not inside
        result[i] = -np.sqrt(best) if inside else np.sqrt(best)
    return result
