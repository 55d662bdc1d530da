"""Label images of drawn hearts, on any grid, and files of them."""

import gzip
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.pose import PhysicalPose
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces

ACDC = {"rv": 1, "myo": 2, "lv": 3}
SHORT_AXIS = (1.5, 1.5, 8.0)


class Grid(NamedTuple):
    """Columns are the steps [3, 3] mm (LPS) between voxels; origin [3] mm; number of voxels."""

    steps: np.ndarray
    origin: np.ndarray
    shape: tuple


@lru_cache(maxsize=4)
def drawn_heart(coeffs=(), edge_mm=2.2):
    """A heart of the embedded atlas as it lies in the mean pose: surfaces, axes [3, 3]."""
    heart = heart_surfaces(np.array(coeffs, float), edge_mm)
    rotation = PhysicalPose.from_coeffs(np.zeros(6)).rotation
    return Surfaces(heart.points @ rotation.T, heart.faces, heart.face_tags), rotation


def grid_around(points, axes, spacing, shift=0.4, margin_mm=9.0):
    """A grid along axes (columns), around points; `shift` in voxels of its first."""
    local = points @ axes
    spacing = np.asarray(spacing, float)
    low = local.min(axis=0) - margin_mm + shift * spacing
    shape = np.ceil((local.max(axis=0) + margin_mm - low) / spacing).astype(int) + 1
    return Grid(axes * spacing, axes @ low, tuple(int(n) for n in shape))


def inside(points, faces, grid):
    """Whether the centre of each voxel [i, j, k] is inside a closed surface."""
    import pyvista as pv
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    index = (points - grid.origin) @ np.linalg.inv(grid.steps).T
    mirrored = np.linalg.det(grid.steps) < 0
    mesh = pv.PolyData.from_regular_faces(index, faces[:, ::-1] if mirrored else faces)
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(mesh)
    stencil.SetOutputWholeExtent(*np.stack([np.zeros(3, int), np.array(grid.shape) - 1], 1).ravel())
    stencil.SetTolerance(0)
    image = vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    values = pv.wrap(image.GetOutput()).active_scalars
    return np.asarray(values, bool).reshape(grid.shape, order="F")


def label_image(heart, grid, values=ACDC):
    """Labels [i, j, k] of a heart: lv, rv, myo and, where it has a value, rv_myo.

    Without rv_myo the free wall of the RV is background, as in ACDC and M&Ms.
    """
    lv, rv, epi = (inside(*heart.closed(name), grid) for name in ("lv", "rv", "epi"))
    labels = np.zeros(grid.shape, np.uint8 if max(values.values()) < 256 else np.int16)
    muscle = epi & ~lv & ~rv
    left = of_lv(heart, grid)
    labels[muscle & left], labels[muscle & ~left] = values["myo"], values.get("rv_myo", 0)
    labels[lv], labels[rv] = values["lv"], values["rv"]
    return labels


def rough_labels(grid, heart, rough_mm, seed):
    """Labels of ACDC with surfaces that are rough over some millimetres, as a network's are."""
    from scipy import ndimage

    spacing = np.linalg.norm(grid.steps, axis=0)
    found = {}
    for k, name in enumerate(("lv", "rv", "epi")):
        mask = inside(*heart.closed(name), grid)
        noise = np.random.default_rng([seed, k]).normal(size=mask.shape)
        noise = ndimage.gaussian_filter(noise, 3.0)
        depth = ndimage.distance_transform_edt(mask, spacing)
        depth -= ndimage.distance_transform_edt(~mask, spacing)
        found[name] = depth + rough_mm * noise / noise.std() > 0
    labels = np.zeros(grid.shape, np.uint8)
    labels[found["epi"] & of_lv(heart, grid)] = ACDC["myo"]
    labels[found["rv"]], labels[found["lv"]] = ACDC["rv"], ACDC["lv"]
    return labels


def of_lv(heart, grid):
    """Whether [i, j, k] muscle belongs to the LV: within 14 mm of it and not the RV's free wall."""
    from scipy.ndimage import distance_transform_edt

    spacing = np.linalg.norm(grid.steps, axis=0)  # exact for perpendicular steps
    to_lv, to_rv = (
        distance_transform_edt(~inside(*heart.closed(name), grid), spacing) for name in ("lv", "rv")
    )
    return (to_lv < 14.0) & (to_lv < to_rv + 9.0)


def write_nifti(path, labels, grid, unit="mm", oriented=True):
    """A NIfTI file; its sform holds steps and origin, which may be sheared."""
    import nibabel

    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = grid.steps, grid.origin
    image = nibabel.Nifti1Image(labels, np.diag([-1.0, -1, 1, 1]) @ affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    if not oriented:  # nibabel itself always writes a code
        raw = bytearray(gzip.decompress(path.read_bytes()))
        raw[252:256] = bytes(4)
        path.write_bytes(gzip.compress(raw))
    return path


def write_nrrd(path, labels, grid, space="left-posterior-superior"):
    """A NRRD file, in LPS or, with that space, RAS."""
    import nrrd

    signs = np.array([-1.0, -1, 1]) if space.startswith("right-anterior") else np.ones(3)
    nrrd.write(str(path), labels, {
        "space": space, "space directions": (grid.steps * signs[:, None]).T,
        "space origin": grid.origin * signs, "space units": ["mm"] * 3,
    })  # fmt: skip
    return path


def write_metaimage(path, labels, grid, compressed=True):
    """A MetaImage; rows of its TransformMatrix are directions of indices."""
    spacing = np.linalg.norm(grid.steps, axis=0)
    values = labels.astype("<i2").tobytes(order="F")
    values = zlib.compress(values) if compressed else values
    text = {
        "ObjectType": "Image", "NDims": 3, "BinaryData": True, "BinaryDataByteOrderMSB": False,
        "CompressedData": compressed, "TransformMatrix": (grid.steps / spacing).T,
        "Offset": grid.origin, "ElementSpacing": spacing, "DimSize": np.array(labels.shape),
        "ElementType": "MET_SHORT", "ElementDataFile": "LOCAL",
    }  # fmt: skip
    lines = [f"{key} = {' '.join(map(str, np.ravel(value)))}\n" for key, value in text.items()]
    path.write_bytes("".join(lines).encode() + values)
    return path


def write_contours(path, stack):
    """A table of contours of a `segmentation.stack.Stack`; epi encloses both ventricles."""
    words = {"lv": "lv_endo", "rv": "rv_endo", "epi": "epi"}
    lines = ["slice,structure,x,y,z"]
    for region, slices in stack.contours.items():
        for k, polygons in enumerate(slices):
            for polygon in polygons:
                places = np.column_stack([polygon, np.full(len(polygon), stack.heights[k])])
                lines += [f"{k},{words[region]},{x:.4f},{y:.4f},{z:.4f}"
                          for x, y, z in places @ stack.axes.T]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path
