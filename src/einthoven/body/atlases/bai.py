"""Bai 2015 (UK Digital Heart Project, 1,093 hearts): mean in VTK, modes and variances in CSV.

Files per part (LV, RV, Both) and phase (ED, ES), as in the published repository:
`Both_ED_mean.vtk`; `Both_ED_pc_100_modes.csv.gz` [3 * point, mode], one column per mode with
coordinates x1 y1 z1 x2 ...; `Both_ED_var_100_modes.csv.gz` [mode] mm^2. A shape is
mean + sum_k score_k sqrt(variance_k) column_k. `Both` holds three closed surfaces: the LV's
cavity and outside and the RV's cavity. Reference: 10.1016/j.media.2015.08.009.
"""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.shape.carry import carry
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.pieces import Piece
from einthoven.body.atlases.components import (
    as_points,
    check_shares,
    check_spread,
    principal_components,
)
from einthoven.body.atlases.ventricles import wall_between

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


def read(folder: Path, phase: str, n_modes: int) -> ShapeModel:
    """The closed wall of both ventricles with its modes.

    Args:
        folder: holds the three files of part `Both`.
        phase: "ED" or "ES".
        n_modes: number of modes to keep.

    Returns:
        ShapeModel with tags EPI, LV_ENDO, RV_ENDO, BASE, in the atlas' frame.

    Raises:
        BadInput: a file is missing or malformed.
    """
    model = read_surfaces(folder, phase, n_modes)
    pieces = [_piece(model, tag) for tag in (Surface.LV_ENDO, Surface.EPI, Surface.RV_ENDO)]
    return carry(model, wall_between(*pieces), sources=MOVED_BY, farthest_mm=FARTHEST_MM)


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
    """Numbers of a CSV file, plain or gzipped.

    Raises:
        BadInput: the file is not a table of numbers.
    """
    try:
        return np.loadtxt(path, delimiter=",", ndmin=1)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: not a table of numbers ({error}); truncated?") from error


def _read_mean(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [vertex, 3] mm, faces [face, 3] and part [vertex] 0, 1, 2 of each point."""
    import pyvista as pv

    mesh = pv.read(path)
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
    """One surface of the mean, closed and outward.

    Raises:
        BadInput: it is neither closed nor a shell with one opening.
    """
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
