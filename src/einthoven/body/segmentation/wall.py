"""The wall of both ventricles, closed by a flat base, from closed surfaces of their regions."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import boundary_loops, smooth_loop, spread
from einthoven.base.geometry.contouring import zero_level
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.remeshing import relaxed, remesh_open
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_pieces
from einthoven.body.anatomy.shape.pieces import filled
from einthoven.body.segmentation.base import Base
from einthoven.body.segmentation.regions import smoothed
from einthoven.body.segmentation.stack import Mesh

EDGE_MM = 2.5
STEPS_PER_EDGE = 1.7
BAND_MM = 3.0
COARSE = 4
FEW_POINTS = 8
MIN_WALL_MM = 2.0
"""Least thickness of muscle: labels have slits and end at the outflow tract."""
ATTEMPTS = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.85), (0.5, 2.0, 0.85), (1.0, 3.0, 0.7))
"""Spare thickness in mm, width of smoothing in mm and share of the edge length, until no surfaces
intersect: triangles of two surfaces may, where these are apart by less than an edge or rough."""
TAGS = {"epi": Surface.EPI, "lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO}


class InParts(StepFailed):
    """Disconnected section at the base; further down it may be connected."""


@dataclass(frozen=True, eq=False)
class _Grid:
    """Grid points [z, y, x] below the plane z = 0, which is the last layer."""

    low: np.ndarray
    n: np.ndarray
    step: float

    @classmethod
    def below(cls, corners: np.ndarray, step: float, margin_mm: float) -> Self:
        """Grid around points [point, 3] mm, as far as they are below the plane."""
        low = corners.min(axis=0) - margin_mm - 3 * step
        high = np.append(corners[:, :2].max(axis=0) + margin_mm + 3 * step, 0.0)
        n = np.ceil((high - low) / step).astype(int) + 1
        low[2] = -(n[2] - 1) * step
        return cls(low, n, step)

    def points(self) -> np.ndarray:
        """[z y x, 3] mm."""
        x, y, z = (self.low[d] + self.step * np.arange(self.n[d]) for d in range(3))
        return np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1).reshape(-1, 3)

    def distances(self, mesh: Mesh, band_mm: float) -> np.ndarray:
        """Signed distances [z, y, x]: exact up to `band_mm`, beyond from a coarser grid."""
        from scipy.ndimage import zoom

        surface = ClosedSurface(*mesh)
        coarse = _Grid(self.low, (self.n - 2) // COARSE + 2, COARSE * self.step)
        values = surface.distance(coarse.points()).reshape(coarse.n[::-1])
        finer = [((m - 1) * COARSE + 1) / m for m in values.shape]
        x, y, z = (slice(n) for n in self.n)
        result = np.ascontiguousarray(zoom(values, finer, order=1)[z, y, x])
        near = np.abs(result) < band_mm
        result[near] = surface.distance(self.points()[near.ravel()])
        return result


def wall_of(
    meshes: dict[str, Mesh], base: Base, rv_wall_mm: float, edge_mm: float = EDGE_MM
) -> tuple[Surfaces, list[str]]:
    """Cut three closed surfaces at the base and join them.

    Signed distances are sampled on a grid whose uppermost plane is the base. Where muscle is
    thinner than allowed, the septum is widened to both sides and the epicardium moved outwards.

    Args:
        meshes: of lv, rv and epi (which may coincide with rv where there is no muscle).
        base: of the heart; the surfaces reach above it.
        rv_wall_mm: least distance of the RV's cavity from the epicardium.
        edge_mm: wanted mean edge length.

    Returns:
        EPI, LV_ENDO, RV_ENDO and BASE, closed, outward from the muscle; and a record of thickening.

    Raises:
        InParts: the base cuts the epicardium in several components.
        BadInput: a surface has holes, or intersects another.
    """
    local = {name: ((points - base.origin) @ base.axes, faces)
             for name, (points, faces) in meshes.items()}  # fmt: skip
    corners = np.concatenate([points for points, _ in local.values()])
    grid = _Grid.below(corners, edge_mm / STEPS_PER_EDGE, rv_wall_mm)
    band = rv_wall_mm + BAND_MM
    distance = {name: grid.distances(mesh, band) for name, mesh in local.items()}
    for spare_mm, smooth_mm, share in ATTEMPTS:
        thick = {name: smoothed(d, smooth_mm / grid.step) for name, d in distance.items()}
        thick, notes = _thickened(thick, rv_wall_mm, grid.step, spare_mm)
        if (n := _n_sections(thick["epi"][-1])) > 1:
            raise InParts(
                f"at its base the heart's section has {n} components; are labels missing there?"
            )
        wall = _joined(grid, thick, share * edge_mm)
        if not len(pairs := intersecting_pairs(wall.points, wall.faces)):
            break
    else:
        x, y, z = wall.points[wall.faces[pairs[0]]].mean(axis=(0, 1)) @ base.axes.T + base.origin
        raise BadInput(
            f"labels: the surfaces intersect in {len(pairs)} places, one near ({x:.0f}, {y:.0f}, "
            f"{z:.0f}) mm (left, back, head), also when smoothed over {smooth_mm:g} mm "
            f"and with walls {spare_mm:g} mm thicker; thinner than a voxel there?"
        )
    if smooth_mm:
        notes.append(f"surfaces smoothed over {smooth_mm:g} mm, as triangles of them intersected")
    points = wall.points @ base.axes.T + base.origin
    return Surfaces(points, wall.faces, wall.face_tags), notes


def _joined(grid: _Grid, distance: dict[str, np.ndarray], edge_mm: float) -> Surfaces:
    """The wall between the zero levels of three distances, with a base in the grid's plane."""
    shells = [_shell(grid, distance[name], name, edge_mm) for name in TAGS]
    wall = Surfaces.joined(shells)
    starts = np.cumsum([0, *(len(shell.points) for shell in shells)])
    loops = [
        loop[::-1] + start
        for shell, start in zip(shells, starts)
        for loop in boundary_loops(shell.faces)
    ]
    return filled(wall, loops, Surface.BASE, edge_mm)


def _n_sections(distance: np.ndarray) -> int:
    """Number of components of the inside of a plane [y, x], without those of a few points."""
    from scipy.ndimage import label

    pieces, _ = label(distance < 0)
    return int((np.bincount(pieces.ravel())[1:] > FEW_POINTS).sum())


def _thickened(
    distance: dict[str, np.ndarray], rv_wall_mm: float, step: float, spare_mm: float = 0.0
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Distances of a heart whose muscle has the least thickness, and some more, everywhere."""
    rv_wall_mm, least_mm = rv_wall_mm + spare_mm, MIN_WALL_MM + spare_mm
    lv, rv, epi = (distance[name] for name in ("lv", "rv", "epi"))
    lack = np.maximum(least_mm - lv - rv, 0.0)
    widened = _share(lack, lv, step)
    new_lv, new_rv = lv + 0.5 * lack, rv + 0.5 * lack
    outer = np.minimum(np.minimum(epi, new_lv - least_mm), new_rv - rv_wall_mm)
    around_lv = _share(np.maximum(least_mm - (lv - epi), 0.0), lv, step)
    notes = []
    if widened:
        notes.append(f"septum: {widened:.0%} of the LV's surface less than {least_mm:g} mm from "
                     "the RV; widened to that")  # fmt: skip
    if around_lv:
        notes.append(f"LV wall: {around_lv:.0%} of its surface thinner than {least_mm:g} mm; "
                     "thickened outwards to that")  # fmt: skip
    return {"epi": outer, "lv": new_lv, "rv": new_rv}, notes


def _share(lack: np.ndarray, distance: np.ndarray, step: float) -> float:
    """Share of the zero level of a distance, in whole percent, where thickness lacks."""
    beside = np.abs(distance) < 0.5 * step
    return round(float((lack[beside] > 0.3).mean()), 2)


def _shell(grid: _Grid, distance: np.ndarray, name: str, edge_mm: float) -> Surfaces:
    """The zero level below the base: near-uniform triangles, boundary in the base's plane."""
    points, faces = zero_level(distance, grid.low, np.full(3, grid.step))
    points, faces = compact(points, faces[max(face_pieces(faces), key=len)])
    ends = np.flatnonzero(distance[-1].ravel() < 0)
    old_loops = boundary_loops(faces)
    if not len(ends) or not old_loops:
        raise BadInput(f"labels: {name} does not reach the base")
    try:
        new_points, new_faces, loops = remesh_open(points, faces, edge_mm, len(old_loops))
    except StepFailed as error:
        raise BadInput(f"labels: the surface of {name} has holes or handles ({error}); smooth the "
                       "labels, or remove what bridges them") from error  # fmt: skip
    centres = np.array([points[loop].mean(axis=0) for loop in old_loops])
    for loop in loops:
        apart = np.linalg.norm(centres - new_points[loop].mean(axis=0), axis=1)
        corners = points[old_loops[int(apart.argmin())]] * [1.0, 1.0, 0.0]
        new_points[loop] = spread(smooth_loop(corners, edge_mm), len(loop), near=new_points[loop])
    new_points = relaxed(new_points, new_faces, np.concatenate(loops), (points, faces))
    # the plane through the origin, where the cap would be, adds no volume
    outward = enclosed_volume(new_points, new_faces) > 0
    if outward != (name == "epi"):  # the muscle is outside of a cavity
        new_faces = new_faces[:, ::-1]
    return Surfaces(new_points, new_faces, np.full(len(new_faces), TAGS[name], np.int8))
