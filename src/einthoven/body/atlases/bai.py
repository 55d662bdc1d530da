"""Bai 2015 (UK Digital Heart Project, 1,093 hearts): mean in VTK, modes and variances in CSV.

Files per part (LV, RV, Both) and phase (ED, ES), as in the published repository:
`Both_ED_mean.vtk`; `Both_ED_pc_100_modes.csv.gz` [3 * point, mode], one column per mode with
coordinates x1 y1 z1 x2 ...; `Both_ED_var_100_modes.csv.gz` [mode] mm^2. A shape is
mean + sum_k score_k sqrt(variance_k) column_k. `Both` holds three closed surfaces: the LV's
cavity and outside and the RV's cavity. Reference: 10.1016/j.media.2015.08.009.

Labelled images have no outside of the RV, whose wall is too thin to be segmented. It gets a wall of
3 mm, as in Schuler and Loewe (10.5281/zenodo.4506463).
"""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.core.vtk import read_vtk
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, face_pieces
from einthoven.body.anatomy.shape.carry import carry, outward
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.pieces import Piece, filled
from einthoven.body.atlases.components import (
    as_points,
    check_shares,
    check_spread,
    principal_components,
)

RV_WALL_MM = 3.0
GRID_MM = 3.0
FINER = 2
"""Distances are smooth: they are computed every 3 mm and interpolated every 1.5 mm."""
BELOW_CAPS_MM = 2.0
"""Depth of the base below the lowest of the surfaces' flat tops."""
STEP_OUT_MM = 2.5
"""Thinner than any wall of the LV, thicker than a closed top."""
LEAST_TOP = 0.02
"""Least share of the cavity's surface that its top has."""
PUBLISHED_SHARES = {1: 0.45, 5: 0.83, 10: 0.92, 20: 0.97}
PUBLISHED_MM = 4.8
"""Published total variation at end-diastole, RMS per point; shares of the variance by modes."""
MOVED_BY = {
    Surface.EPI: (Surface.EPI, Surface.RV_ENDO),
    Surface.LV_ENDO: (Surface.LV_ENDO,),
    Surface.RV_ENDO: (Surface.RV_ENDO, Surface.EPI),
}
"""The RV's outside moves with its cavity, the septum's right face with the LV's outside."""
FARTHEST_MM = 5.0
SLACK_MM = 1.0
"""Tolerance of the test that one surface's box encloses another's."""


def _wall_between(lv: Piece, lv_epi: Piece, rv: Piece) -> Surfaces:
    """One closed surface around the myocardium, outward: EPI, LV_ENDO, RV_ENDO and a plane BASE.

    The muscle is the region inside the LV's outside or within 3 mm of the RV cavity, but in neither
    cavity. Its boundary is found by marching cubes on the signed distances.
    """
    up, height = _base_plane(lv, lv_epi, rv)
    across = np.linalg.svd(up[None])[2][1]
    axes = np.stack([across, np.cross(up, across), up], axis=1)  # as columns, right-handed
    pieces = ((points @ axes, faces) for points, faces in (lv, lv_epi, rv))
    distances, origin = _distances(height, *pieces)
    points, faces = _shells(distances, origin)
    annuli = sorted(boundary_loops(faces), key=lambda loop: -np.ptp(points[loop], axis=0).max())
    if len(annuli) != 3:
        raise StepFailed(
            f"wall of the atlas' mean: {len(annuli)} boundary loops at the base, not 3"
        )
    levels = _levels(distances, origin, points[faces].mean(axis=1))
    tags = np.array(list(levels), np.int8)[np.abs(list(levels.values())).argmin(axis=0)]
    wall = filled(Surfaces(points, faces, tags), annuli, Surface.BASE, GRID_MM)
    points = wall.points @ axes.T
    return Surfaces(points, outward(points, wall.faces), wall.face_tags)


def _distances(height: float, *pieces: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances [piece, x, y, z] mm on a grid whose top is z = `height`; its origin [3]."""
    everything = np.concatenate([points for points, _ in pieces])
    margin = RV_WALL_MM + 2 * GRID_MM
    low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    high[2] = height
    n = np.ceil((high - low) / GRID_MM).astype(int) + 1
    low[2] = height - (n[2] - 1) * GRID_MM
    places = np.stack(np.meshgrid(*map(np.arange, n), indexing="ij"), axis=-1) * GRID_MM + low
    flat = places.reshape(-1, 3)
    values = [surface_distance(*piece, flat) for piece in pieces]
    return np.reshape(values, (len(pieces), *n)), low


def _levels(
    distances: np.ndarray, origin: np.ndarray, points: np.ndarray
) -> dict[Surface, np.ndarray]:
    """Signed distance [point] mm to each boundary of the muscle, negative on its side.

    `distances` are those to LV cavity, LV outside and RV cavity, on the grid from `origin`.
    """
    from scipy.ndimage import map_coordinates

    steps = (points - origin).T / GRID_MM
    in_lv, in_epi, in_rv = (map_coordinates(its, steps, mode="nearest") for its in distances)
    in_left = np.minimum(in_epi, in_lv)  # a file may hold the muscle's shell or its outside
    return {
        Surface.EPI: np.minimum(in_left, in_rv - RV_WALL_MM),
        Surface.LV_ENDO: -in_lv,
        Surface.RV_ENDO: -np.maximum(in_rv, -in_left),
    }


def _shells(distances: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The muscle's three curved boundaries below the base: points [vertex, 3], faces [face, 3]."""
    import pyvista as pv

    shape = FINER * (np.array(distances.shape[1:]) - 1) + 1
    grid = pv.ImageData(dimensions=shape, spacing=(GRID_MM / FINER,) * 3, origin=origin)
    # Inside the muscle every level is negative; cavities enter with the opposite sign.
    levels = _levels(distances, origin, np.asarray(grid.points, float))
    grid.point_data["wall"] = np.max(list(levels.values()), axis=0)
    surface = grid.contour([0.0], scalars="wall", method="contour").triangulate()
    faces = np.asarray(surface.regular_faces)
    largest = sorted(face_pieces(faces), key=len)[-3:]  # small ones remain where surfaces touch
    faces = faces[np.sort(np.concatenate(largest))]
    return compact(np.asarray(surface.points, float), faces)


def _base_plane(lv: Piece, lv_epi: Piece, rv: Piece) -> tuple[np.ndarray, float]:
    """Unit normal [3] and height in mm of the plane that cuts the base.

    The normal is that of the LV's top, where a step out of the cavity also leaves the LV.
    """
    points, faces = lv
    area = triangle_area_vectors(points, faces)
    size = np.linalg.norm(area, axis=1, keepdims=True)
    middle = points[faces].mean(axis=1)
    ahead = middle + STEP_OUT_MM * area / np.maximum(size, 1e-12)
    top = surface_distance(*lv_epi, ahead) > 0
    up = area[top].sum(axis=0)
    if np.linalg.norm(up) < LEAST_TOP * size.sum():
        raise BadInput(
            f"the LV cavity has no open base: {STEP_OUT_MM:g} mm out of it, the LV's outside is "
            "left almost nowhere; are these the right surfaces, in mm?"
        )
    up /= np.linalg.norm(up)
    heights = rv[0] @ up
    rv_top = heights[heights >= np.quantile(heights, 0.99)]  # without protruding parts
    tops = np.median(middle[top] @ up), np.median(rv_top)
    return up, float(min(tops)) - BELOW_CAPS_MM


def read(folder: Path, phase: str, n_modes: int) -> ShapeModel:
    """The closed wall of both ventricles with its first modes, "ED" or "ES", in the atlas' frame.

    The folder holds the three files of part `Both`. Tags are EPI, LV_ENDO, RV_ENDO, BASE.

    Raises:
        BadInput: a file is missing or malformed.
    """
    model = read_surfaces(folder, phase, n_modes)
    pieces = [_piece(model, tag) for tag in (Surface.LV_ENDO, Surface.EPI, Surface.RV_ENDO)]
    return carry(model, _wall_between(*pieces), sources=MOVED_BY, farthest_mm=FARTHEST_MM)


def read_surfaces(folder: Path, phase: str, n_modes: int) -> ShapeModel:
    """The three surfaces as published, tagged LV_ENDO, EPI (of the LV alone) and RV_ENDO."""
    mean_path, modes_path, variances_path = _files(folder, phase)
    points, faces, parts = _read_mean(mean_path)
    variances = _read_csv(variances_path)
    vectors, sds = principal_components(
        _read_csv(modes_path), variances, points.size, n_modes, modes_path
    )
    if phase == "ED":
        check_shares(variances, PUBLISHED_SHARES, variances_path)
        check_spread(variances, len(points), PUBLISHED_MM, variances_path)
    tags = _name_parts(points, faces, parts, mean_path)
    return ShapeModel(points, as_points(vectors, len(points)), sds, faces, tags)


def _files(folder: Path, phase: str) -> list[Path]:
    """Mean, modes and variances of `Both` at one phase; CSV files may be unpacked."""
    found = []
    for part in ("mean.vtk", "pc_*_modes.csv*", "var_*_modes.csv*"):
        pattern = f"Both_{phase}_{part}"
        if not (paths := sorted(folder.glob(pattern))):
            raise BadInput(f"{folder}: no {pattern}; mean, modes and variances are needed")
        found.append(paths[0])
    return found


def _read_csv(path: Path) -> np.ndarray:
    """Numbers of a CSV file, plain or gzipped."""
    try:
        return np.loadtxt(path, delimiter=",", ndmin=1)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: not a table of numbers ({error}); truncated?") from error


def _read_mean(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [vertex, 3] mm, faces [face, 3] and part [vertex] 0, 1, 2 of each point."""
    import pyvista as pv

    mesh = read_vtk(path)
    if not isinstance(mesh, pv.PolyData) or mesh.n_cells == 0 or not mesh.is_all_triangles:
        raise BadInput(f"{path}: not a surface of triangles; truncated?")
    values = [np.asarray(its) for its in mesh.point_data.values() if its.ndim == 1]
    labels = next((its for its in values if len(np.unique(its)) == 3), None)
    if labels is None:
        labels = np.asarray(mesh.connectivity("all").point_data["RegionId"])
    names, parts = np.unique(labels, return_inverse=True)
    if len(names) != 3:
        raise BadInput(f"{path}: {len(names)} parts, expected LV cavity, LV outside, RV cavity")
    return np.asarray(mesh.points, float), np.asarray(mesh.regular_faces, np.int32), parts


def _name_parts(points: np.ndarray, faces: np.ndarray, parts: np.ndarray, path: Path) -> np.ndarray:
    """Tags [face] of the three parts: the LV's outside is the one whose box holds another's."""
    of_face = parts[faces[:, 0]]
    if np.any(parts[faces] != of_face[:, None]):
        raise BadInput(f"{path}: triangles join points of different parts")
    corners = (points[parts == k] for k in range(3))
    low, high = np.stack([(some.min(axis=0), some.max(axis=0)) for some in corners], axis=1)
    encloses = (low[:, None] <= low + SLACK_MM) & (high[:, None] >= high - SLACK_MM)
    pairs = np.argwhere(encloses.all(axis=2) & ~np.eye(3, dtype=bool))
    if len(pairs) != 1:
        raise BadInput(f"{path}: no part encloses just one other; is this 'Both'?")
    outer, inner = pairs[0]
    names = np.full(3, Surface.RV_ENDO, np.int8)
    names[outer], names[inner] = Surface.EPI, Surface.LV_ENDO
    return names[of_face]


def _piece(model: ShapeModel, tag: Surface) -> Piece:
    """One surface of the mean, closed and outward."""
    import pyvista as pv

    faces = model.faces[model.face_tags == tag]
    surface = pv.PolyData.from_regular_faces(model.mean, faces).clean(tolerance=0.0)
    if surface.n_open_edges:
        surface = surface.fill_holes(1e4)
    surface = surface.compute_normals(auto_orient_normals=True, consistent_normals=True,
                                      split_vertices=False, point_normals=False)  # fmt: skip
    if surface.n_open_edges or not surface.is_manifold:
        raise BadInput(f"{tag.name} of the mean: {surface.n_open_edges} open edges remain")
    return np.asarray(surface.points, float), np.asarray(surface.regular_faces)
