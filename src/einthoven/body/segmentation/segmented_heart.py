"""One segmented heart from a file: surfaces for import, and their positional uncertainty."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput, EinthovenError
from einthoven.base.core.log import step
from einthoven.base.core.tags import Surface
from einthoven.base.core.vtk import save_vtk
from einthoven.base.geometry.simplex import enclosed_volume, normal_sd
from einthoven.base.geometry.surfaces import Surfaces, check_closed
from einthoven.body.anatomy.shape.pieces import capped
from einthoven.body.segmentation.base import Base, base_of_stack, base_of_volume, upright
from einthoven.body.segmentation.contours import is_contour_table, read_contours
from einthoven.body.segmentation.image import read_image, suffix_of
from einthoven.body.segmentation.plausible import check_labels, check_pose, check_regions
from einthoven.body.segmentation.reading import NEEDED, Reading
from einthoven.body.segmentation.regions import (
    VentricleMasks,
    around_heart,
    filled,
    largest_piece,
    masks_of,
    regions_of,
)
from einthoven.body.segmentation.stack import (
    Mesh,
    Stack,
    check_gaps,
    grid_covariance,
    stack_of,
    surfaces_of,
    thick_axis,
)
from einthoven.body.segmentation.volume import surface_of_mask, surfaces_of_volume
from einthoven.body.segmentation.wall import EDGE_MM, MIN_WALL_MM, InParts, wall_of

MAX_LOWERINGS = 3
ACROSS = 0.75
"""Least cosine of the angle between the LV's axis and the normal of slices across it; axial slices
of a typical heart have 0.58."""
TORSO_MM = 4.0
"""Block size to which the voxels of a torso are averaged, approximately."""


@dataclass(frozen=True, eq=False)
class SegmentedHeart:
    """A heart from a label image or a contour stack."""

    wall: Surfaces
    """EPI, LV_ENDO, RV_ENDO, BASE in LPS mm (the patient's axes, the scanner's origin); closed,
    outward from the muscle, without valve caps."""
    covariance_mm2: np.ndarray
    """[3, 3], positional covariance of its surfaces: see `grid_covariance`."""
    notes: list[str]
    """Assumptions, dropped parts and thickened walls."""

    @property
    def surface_sd_mm(self) -> np.ndarray:
        """SD [face] mm of each triangle along its normal."""
        return normal_sd(self.wall.points, self.wall.faces, self.covariance_mm2)

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Volumes of the cavities below the base, and of the myocardium."""
        found = {}
        for name, tag in (("lv", Surface.LV_ENDO), ("rv", Surface.RV_ENDO)):
            cavity = capped(self.wall.only(self.wall.face_tags == tag), tag)
            found[name] = -enclosed_volume(cavity.points, cavity.faces) / 1000
        myocardium = enclosed_volume(self.wall.points, self.wall.faces) / 1000
        return {**found, "myocardium": myocardium}


def write_wall(heart: SegmentedHeart, path: Path) -> None:
    """Write a .vtp with the array `face_tags` that the import reads: in mm, axes LPS.

    Raises:
        BadInput: the wall is not closed, or inside out.
    """
    import pyvista as pv

    check_closed(f"{path}: the heart's wall", heart.wall.points, heart.wall.faces)

    mesh = pv.PolyData.from_regular_faces(heart.wall.points, heart.wall.faces)
    mesh.cell_data["face_tags"] = heart.wall.face_tags
    mesh.cell_data["surface_sd_mm"] = heart.surface_sd_mm
    save_vtk(mesh, path)


def is_label_image(place: str) -> bool:
    """Whether a file is a label image, judged by its name."""
    return bool(suffix_of(Path(place)))


def is_segmentation(place: str) -> bool:
    """Whether a heart is a label image or a table of contours, judged by its name."""
    return is_label_image(place) or Path(place).suffix.lower() == ".csv"


def is_scan(path: Path) -> bool:
    """Whether a single file is a label image or contours, and not a sheet."""
    return is_label_image(path.name) or is_contour_table(path)


def segmented_torso(path: Path, labels: str) -> Surfaces:
    """The skin in LPS mm, without tags: around all labels, including the torso's.

    Raises:
        BadInput: as `segmented_heart`.
    """
    reading = Reading.parse(labels)
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    step(f"reading {path.name}")
    image = read_image(path, reading)
    reading.needs("torso")
    check_labels(image, reading)
    step(f"surface of the body of {path.name}")
    body = filled(largest_piece(image.labels != 0))
    points, faces = surface_of_mask(body, image.steps, image.origin, finest_mm=TORSO_MM)
    return Surfaces(points, faces, np.zeros(len(faces), int))


def segmented_heart(
    path: str | Path, labels: str = "", edge_mm: float = EDGE_MM, any_pose: bool = False
) -> SegmentedHeart:
    """The wall of both ventricles from a label image (NIfTI, NRRD, MetaImage) or contours (CSV).

    Args:
        path: the file.
        labels: `PRESET KEY=VALUE ...` as in docs/how-to/import-images.md; contours need none.
        edge_mm: wanted mean edge length of the surfaces.
        any_pose: take a heart that lies as no patient's does, since it will be turned.

    Returns:
        The heart with a plane base: across the slices of a thick-sliced stack, else across the LV's
        axis.

    Raises:
        BadInput: the file, its labels or its frame are wrong; the message gives the remedy.
    """
    path, reading = Path(path), Reading.parse(labels)
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        if path.suffix.lower() == ".csv":
            parts = _from_contours(path, reading)
        else:
            parts = _from_image(path, reading)
        if not any_pose:
            check_pose(parts.base, parts.steps)
        rv_wall_mm = MIN_WALL_MM if parts.has_rv_wall else reading.rv_wall
        wall, notes = _whole_wall(parts, rv_wall_mm, edge_mm)
    except EinthovenError as error:
        prefix = "" if str(error).startswith(str(path)) else f"{path}: "
        raise BadInput(f"{prefix}{error}") from error
    if not parts.has_rv_wall:
        grown = f"RV wall: no label of it; {rv_wall_mm:g} mm grown outwards (rv_wall=)"
        notes = [grown, *notes]
    return SegmentedHeart(wall, parts.covariance_mm2, [*parts.notes, *notes])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Closed surfaces of all regions, the base that cuts them, and notes."""

    meshes: dict[str, Mesh]
    base: Base
    step_mm: float
    """Step by which the base is lowered while the heart's section is disconnected."""
    covariance_mm2: np.ndarray
    has_rv_wall: bool
    notes: list[str]
    steps: np.ndarray | None = None
    """[3, 3] mm of the image, if it is one."""


def _whole_wall(parts: _Parts, rv_wall_mm: float, edge_mm: float) -> tuple[Surfaces, list[str]]:
    """The wall below the highest base with a connected section, and a list of changes."""
    down_mm = 0.0
    while True:
        try:
            step("joining the wall")
            base = parts.base.lowered(down_mm)
            wall, notes = wall_of(parts.meshes, base, rv_wall_mm, edge_mm)
            break
        except InParts:
            down_mm += parts.step_mm
            if down_mm > MAX_LOWERINGS * parts.step_mm:
                raise
    lower = f"base: {down_mm:.0f} mm lower, where the heart's section is in one piece"
    return wall, [*([lower] if down_mm else []), *notes]


def _from_contours(path: Path, reading: Reading) -> _Parts:
    stack, has_rv_wall = read_contours(path, reading)
    note = f"contours: on images with pixels of {reading.pixel:g} mm (pixel=)"
    return _from_stack(stack, has_rv_wall, [note])


def _from_image(path: Path, reading: Reading) -> _Parts:
    step(f"reading {path.name}")
    image = read_image(path, reading)
    reading.needs(*NEEDED)
    ignored = check_labels(image, reading)
    image = around_heart(image, reading)
    masks = masks_of(image, reading)
    has_rv_wall = check_regions(image, masks, reading)
    step("finding the regions of the label image")
    regions = regions_of(image, masks)
    notes = [*ignored, *regions.notes]
    if not (image.unit or reading.unit):
        notes.append("labels: the header states no unit; mm taken, by the size of the heart")
    axis = thick_axis(image)
    if axis is not None and _is_across_lv(regions, axis):
        parts = _from_stack(stack_of(regions, axis), has_rv_wall, notes)
        return replace(parts, steps=image.steps)
    step("finding the base")
    base, base_notes = base_of_volume(regions)
    step(f"surfaces of the regions of {path.name}")
    meshes = surfaces_of_volume(regions, base)
    covariance = grid_covariance(image.steps)
    step_mm = 2 * float(image.spacing.max())
    notes = [*notes, *base_notes]
    return _Parts(meshes, base, step_mm, covariance, has_rv_wall, notes, image.steps)


def _is_across_lv(regions: VentricleMasks, axis: int) -> bool:
    """Whether thick slices run across the LV, as in cine MR; axial ones of CT do not.

    Labels that end at the last slice are those of a stack without apex or base.
    """
    if regions.masks["epi"].take([0, -1], axis).any():
        return True
    try:
        up = base_of_volume(regions)[0].axes[:, 2]
    except BadInput:  # thick slices may leave the LV without an opening
        return True
    first, second = (regions.image.steps[:, a] for a in range(3) if a != axis)
    normal = np.cross(first, second)
    return abs(float(up @ normal)) > ACROSS * float(np.linalg.norm(normal))


def _from_stack(stack: Stack, has_rv_wall: bool, notes: list[str]) -> _Parts:
    check_gaps(stack)
    stack = upright(stack)
    step("finding the base")
    base, base_notes = base_of_stack(stack)
    step("surfaces of the slices")
    notes = [*notes, *base_notes]
    half_mm = 0.5 * stack.thickness_mm
    oblique = base.axes[:, 2] @ stack.axes[:, 2] < 1.0 - 1e-9
    meshes = surfaces_of(stack, base.above if oblique else None)
    return _Parts(meshes, base, half_mm, stack.covariance_mm2, has_rv_wall, notes)
