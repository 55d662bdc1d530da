"""A wall rebuilt from signed distances, where triangles of the given one cannot be meshed.

The heart within its epicardium and base, and both cavities, are three solids. They are sampled on
one grid, smoothed if need be, and the muscle is what is in the first and in none of the others: its
contour never intersects itself, whatever the triangles that it is made from do.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops, loop_area
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.contouring import zero_level
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_neighbours, face_pieces, unique_edges
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.anatomy.shape.heart_check import CURVED, MIN_WALL_MM
from einthoven.body.anatomy.shape.pieces import capped, fan, sewn
from einthoven.body.anatomy.shape.tagged_heart import VALVE_CAPS, without_islands
from einthoven.body.segmentation.regions import smoothed

STEP_PER_EDGE = 0.55
STEP_MM = (0.8, 1.4)
"""Range of the grid's step."""
BAND_MM = 4.5
"""Distances up to this are exact; beyond, they are interpolated from a grid of `COARSE` steps."""
COARSE = 4
MARGIN_MM = 8.0
BEYOND_MM = 4.0
"""Cavities go on so far above their valves, so that the rim of the wall is sharp there."""
EVEN_MM = 2.0
"""Width over which the boundary of the base is evened out."""
LEAST_BASE_STEPS = 2.0
"""Least width of a base between an endocardium and the epicardium, in steps of the grid."""
CAP_EDGE_MM = 4.0
MAX_OPENINGS = 4
"""Largest number of openings of a cavity, which has two valves; tags with more are ragged."""
N_UNPINCHING = 6
SOFT_STEPS = 1.0
"""Width of a smoothing of the outer surface, in steps of the grid."""
LID_MM = 2.0
"""Width over which the height above the base is averaged, as it jumps beyond an uneven rim."""
CAVITIES = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO}
ENDO = tuple(CAVITIES.values())


@dataclass(frozen=True, eq=False)
class WallGrid:
    """Signed distances of a wall's three solids on a grid; negative inside."""

    low: np.ndarray
    """[3] mm, the first point."""
    step: float
    """mm."""
    distance: dict[str, np.ndarray]
    """epi, lv and rv: [z, y, x] mm; the cavities extend beyond their valves."""
    lid: np.ndarray
    """[z, y, x] mm, height above the base and the valves."""
    outer: Surfaces
    """Epicardium, base and valve caps."""

    @classmethod
    def of(cls, wall: Surfaces, edge_mm: float) -> Self:
        """Sample a closed, tagged wall (mm, outward) without valve caps.

        Raises:
            StepFailed: the boundary of a cavity touches itself, or it has too many openings.
        """
        from scipy.ndimage import gaussian_filter

        tags = without_islands(wall.points, wall.faces, wall.face_tags)
        wall = replace(wall, face_tags=_unpinched(wall.faces, tags))
        solids, outer = dict[str, Surfaces](), wall
        for name, tag in CAVITIES.items():
            cavity = wall.only(wall.face_tags == tag)
            solids[name] = _beyond_valves(replace(cavity, faces=cavity.faces[:, ::-1]))
            loops = boundary_loops(cavity.faces)
            if len(loops) > MAX_OPENINGS:
                raise StepFailed(f"{tag.name} has {len(loops)} openings")
            for loop in loops:
                outer = sewn(outer, [loop], _cap(outer.points[loop]), VALVE_CAPS[tag])
        outer = outer.only(~np.isin(outer.face_tags, ENDO))
        solids["epi"] = outer
        step = float(np.clip(STEP_PER_EDGE * edge_mm, *STEP_MM))
        low = wall.points.min(axis=0) - MARGIN_MM
        n = np.ceil((wall.points.max(axis=0) + MARGIN_MM - low) / step).astype(int) + 1
        distance = {}
        for name, solid in solids.items():
            found = _distances(low, n, step, ClosedSurface(*compact(solid.points, solid.faces)))
            distance[name] = _flooded(found, step)
        lid = ClosedSurface(*compact(outer.points, outer.faces[outer.face_tags != Surface.EPI]))
        height = gaussian_filter(_distances(low, n, step, lid), LID_MM / step)
        return cls(low, step, distance, height, outer)

    def wall(self, smooth_mm: float, spare_mm: float) -> Surfaces:
        """The muscle's closed, tagged contour, outward, at least `MIN_WALL_MM + spare_mm` thick.

        Too thin walls grow outwards, a too thin septum to both sides; nothing grows above the base.
        Distances are smoothed by 2 G - G^2, G a Gaussian of `smooth_mm`.
        """
        found = {k: smoothed(d, smooth_mm / self.step) for k, d in self.distance.items()}
        least_mm = MIN_WALL_MM + spare_mm
        lack = 0.5 * np.maximum(least_mm - found["lv"] - found["rv"], 0.0)
        lv, rv = found["lv"] + lack, found["rv"] + lack
        around = np.minimum(lv, rv) - least_mm
        grown = np.maximum(around, self.lid)
        outer = smoothed(np.minimum(found["epi"], grown), SOFT_STEPS)
        layers = np.stack([outer, -lv, -rv])
        ledge = (grown < found["epi"]) & (self.lid > around)
        points, faces = zero_level(layers.max(axis=0), self.low, np.full(3, self.step))
        points, faces = compact(points, faces[max(face_pieces(faces), key=len)])
        faces = outward(points, faces)
        return Surfaces(points, faces, self._tags(points, faces, layers, ledge))

    def _tags(
        self, points: np.ndarray, faces: np.ndarray, layers: np.ndarray, ledge: np.ndarray
    ) -> np.ndarray:
        """Tags [face]: of the layer that bounds the muscle there; base is what was nearest to it.

        The boundary of the base is evened out by averaging over neighbours. On a ledge, a wall that
        grew ends at the height of the base.
        """
        from scipy.ndimage import map_coordinates
        from scipy.spatial import cKDTree

        middle = points[faces].mean(axis=1)
        index = ((middle - self.low) / self.step).T[::-1]
        here = np.stack([map_coordinates(layer, index, order=1) for layer in layers])
        tags = np.array([Surface.EPI, *ENDO])[here.argmax(axis=0)]
        inner = tags != Surface.EPI
        nearest = TriangleTree(self.outer.points, self.outer.faces).closest(middle).faces
        on_ledge = map_coordinates(ledge.astype(float), index, order=1) > 0.5
        on_top = on_ledge | (self.outer.face_tags[nearest] != Surface.EPI)
        base = np.where(inner | on_top, 1.0, -1.0)
        neighbours = face_neighbours(faces)
        for _ in range(round(6 * (EVEN_MM / self.step) ** 2)):
            base = np.where(inner, 1.0, 0.5 * base + base[neighbours].sum(axis=1) / 6)
        rim = points[np.intersect1d(faces[inner], faces[~inner])]
        wide = (base > 0) | (cKDTree(rim).query(middle)[0] < LEAST_BASE_STEPS * self.step)
        tags[~inner & wide] = Surface.BASE
        return _unpinched(faces, _without_teeth(faces, tags)).astype(np.int8)


def _unpinched(faces: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Tags with more base where the boundary of another surface touches itself in a vertex."""
    tags = tags.copy()
    for _ in range(N_UNPINCHING):
        done = True
        for tag in CURVED:
            edges, counts = unique_edges(faces[tags == tag])
            vertices, n = np.unique(edges[counts == 1], return_counts=True)
            there = np.isin(faces, vertices[n > 2]).any(axis=1) & (tags == tag)
            tags[there] = Surface.BASE
            done &= not there.any()
        if done:
            break
    return tags


def _without_teeth(faces: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Tags in which no triangle of a curved surface has two neighbours of base, or the reverse."""
    neighbours, tags = face_neighbours(faces), tags.copy()
    for _ in range(N_UNPINCHING):
        middle = np.sort(tags[neighbours], axis=1)[:, 1]
        teeth = ((tags[neighbours] == middle[:, None]).sum(axis=1) >= 2) & (middle != tags)
        if not teeth.any():
            break
        tags[teeth] = middle[teeth]
    return tags


def _cap(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles over a loop [corner, 3] mm; a fan would fold over a crescent."""
    try:
        return fill_loops([corners], CAP_EDGE_MM)
    except StepFailed:
        return fan(corners)


def _beyond_valves(cavity: Surfaces) -> Surfaces:
    """A cavity (outward) closed by a cylinder, and a cap, above each of its openings."""
    for loop in boundary_loops(cavity.faces):
        corners = cavity.points[loop]
        area = -loop_area(corners)[0]
        top = corners + BEYOND_MM * area / np.linalg.norm(area)
        ring = len(cavity.points) + np.arange(len(loop))
        after, ahead = np.roll(loop, -1), np.roll(ring, -1)
        sides = np.stack([[after, loop, ahead], [loop, ring, ahead]]).transpose(0, 2, 1)
        cavity = Surfaces(
            np.vstack([cavity.points, top]),
            np.vstack([cavity.faces, *sides]),
            np.append(cavity.face_tags, np.full(2 * len(loop), cavity.face_tags[0])),
        )
    return capped(cavity, int(cavity.face_tags[0]))


def _distances(low: np.ndarray, n: np.ndarray, step: float, surface: ClosedSurface) -> np.ndarray:
    """Signed distances [z, y, x] mm at n [3] grid points."""
    from scipy.ndimage import zoom

    few = (n - 2) // COARSE + 2
    values = surface.distance(_points(low, few, COARSE * step)).reshape(few[::-1])
    finer = [((m - 1) * COARSE + 1) / m for m in values.shape]
    x, y, z = (slice(k) for k in n)
    result = np.ascontiguousarray(zoom(values, finer, order=1)[z, y, x])
    near = np.abs(result) < BAND_MM
    result[near] = surface.distance(_points(low, n, step)[near.ravel()])
    return result


def _points(low: np.ndarray, n: np.ndarray, step: float) -> np.ndarray:
    """Grid points [z y x, 3] mm."""
    x, y, z = (low[d] + step * np.arange(n[d]) for d in range(3))
    return np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1).reshape(-1, 3)


def _flooded(distance: np.ndarray, step: float) -> np.ndarray:
    """Distances whose sign is that of what the outside reaches, except right at the surface.

    Of two neighbours on different sides, one is within half a step of the surface; so the outside
    is what is connected to the first point of the grid beyond that.
    """
    from scipy.ndimage import label

    size = np.abs(distance)
    far = size > 0.5 * step
    pieces, _ = label(far)
    sign = np.where(pieces == pieces[0, 0, 0], 1.0, -1.0)
    return np.where(far, sign * size, distance)


@dataclass(frozen=True)
class Move:
    """Distance of a new wall from the given one."""

    mean_mm: float
    """Over vertices of the new one."""
    max_mm: float
    """Over vertices of the new one and edges of the old one."""
    place: np.ndarray
    """[3] mm, where it is farthest."""

    @classmethod
    def between(cls, given: Surfaces, new: Surfaces) -> Self:
        """Distances of points of each surface from the other; of epicardium and cavities by tag.

        Raises:
            StepFailed: the new surface lacks a tag.
        """
        to_old = TriangleTree(given.points, given.faces).closest(new.points).distance
        apart, places = [to_old], [new.points]
        for tag in np.unique(given.face_tags):
            old = _along_edges(given.points, given.faces[given.face_tags == tag])
            same = new.tagged(tag) if tag in CURVED else new.faces
            if not len(same):
                raise StepFailed(f"nothing is left of {Surface(tag).name}")
            apart.append(TriangleTree(new.points, same).closest(old).distance)
            places.append(old)
        far, at = np.concatenate(apart), np.vstack(places)
        return cls(float(to_old.mean()), float(far.max()), at[far.argmax()])


def _along_edges(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points [point, 3] mm at the ends and quarters of all edges."""
    start, end = points[unique_edges(faces)[0]].transpose(1, 0, 2)
    return np.vstack([start + share * (end - start) for share in (0.0, 0.25, 0.5, 0.75, 1.0)])


def resampled(
    surface: Surfaces, edge_mm: float, smooth_mm: float, closing_mm: float = 0.0
) -> Surfaces:
    """The contour, without tags, of what a surface (mm) encloses: closed, simple and outward.

    What the outside does not reach is inside, so sheets within the muscle disappear. The surface
    need be neither a manifold nor free of intersections. Distances are smoothed by 2 G - G^2, G a
    Gaussian of `smooth_mm`. Holes through the wall that a ball of radius `closing_mm` cannot enter
    are filled (morphological closing).

    Raises:
        StepFailed: it encloses nothing.
    """
    step = float(np.clip(STEP_PER_EDGE * edge_mm, *STEP_MM))
    low = surface.points.min(axis=0) - MARGIN_MM
    n = np.ceil((surface.points.max(axis=0) + MARGIN_MM - low) / step).astype(int) + 1
    given = ClosedSurface(*compact(surface.points, surface.faces))
    distance = _agreed(_flooded(_distances(low, n, step, given), step), step)
    if closing_mm:
        distance = _without_holes(distance, step, closing_mm)
    points, faces = zero_level(smoothed(distance, smooth_mm / step), low, np.full(3, step))
    points, faces = compact(points, faces[max(face_pieces(faces), key=len)])
    return Surfaces(points, outward(points, faces), np.zeros(len(faces), int))


def _without_holes(distance: np.ndarray, step: float, radius_mm: float) -> np.ndarray:
    """Distances of what a ball that rolls over the outside cannot enter.

    Half a step less is filled, as the distance to points of a grid is that much uncertain; so even
    surfaces stay where they are.
    """
    from scipy.ndimage import distance_transform_edt

    depth = step * distance_transform_edt(distance < radius_mm)
    return np.minimum(distance, radius_mm + 0.5 * step - depth)


def _agreed(distance: np.ndarray, step: float) -> np.ndarray:
    """Distances whose sign at the surface is that of their neighbours beyond, if these agree."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = np.abs(distance)
    far = size > 0.5 * step
    inside = minimum_filter(np.where(far, distance, np.inf), 3) < 0
    outside = maximum_filter(np.where(far, distance, -np.inf), 3) > 0
    result = np.where(~far & inside & ~outside, -size, distance)
    return np.where(~far & outside & ~inside, size, result)
