"""Surfaces of masks on grids of nearly cubic voxels."""

import numpy as np

from einthoven.base.core.errors import extra
from einthoven.base.geometry.contouring import zero_level
from einthoven.body.segmentation.base import Base
from einthoven.body.segmentation.regions import REGIONS, VentricleMasks, smoothed
from einthoven.body.segmentation.stack import Mesh, outward_piece

SMOOTHING_VOXELS = 0.8
FILLING_VOXELS = 1.0
FINEST_MM = 1.0
PAD = 3


def surface_of_mask(
    mask: np.ndarray,
    steps: np.ndarray,
    origin: np.ndarray,
    base: Base | None = None,
    finest_mm: float = FINEST_MM,
) -> Mesh:
    """The contour at one half of a mask, smoothed on the scale of a voxel.

    Args:
        mask: [i, j, k].
        steps: [3, 3] mm between voxels, as columns.
        origin: [3] mm, centre of the first.
        base: voxels above it are unknown, so that the surface is not rounded off there but extends
            slightly beyond.
        finest_mm: finer voxels are averaged in blocks to about this size.
    """
    from scipy import ndimage

    with extra("images", "a label image"):
        from skimage.measure import block_reduce

    block = np.maximum(1, np.round(finest_mm / np.linalg.norm(steps, axis=0)).astype(int))
    coarse = np.pad(block_reduce(mask.astype(np.float32), tuple(block), np.mean), PAD)
    start = origin + steps @ (0.5 * (block - 1) - PAD * block)
    steps = steps * block
    known = np.ones_like(coarse)
    if base is not None:
        up = base.axes[:, 2]
        i, j, k = np.ogrid[tuple(slice(n) for n in coarse.shape)]
        along = up @ steps
        height = i * along[0] + j * along[1] + k * along[2] + (start - base.origin) @ up
        known = (height < 0).astype(np.float32)
    # unknown voxels are first filled from those below them
    share = np.maximum(ndimage.gaussian_filter(known, FILLING_VOXELS), 1e-6)
    filling = ndimage.gaussian_filter(coarse * known, FILLING_VOXELS) / share
    soft = smoothed(np.where(known > 0, coarse, filling), SMOOTHING_VOXELS)
    points, faces = zero_level(0.5 - soft.T, np.zeros(3), np.ones(3))
    return outward_piece(points @ steps.T + start, faces)


def surfaces_of_volume(regions: VentricleMasks, base: Base) -> dict[str, Mesh]:
    """Closed surfaces of all regions, which end slightly above the base."""
    image = regions.image
    return {name: surface_of_mask(regions.masks[name], image.steps, image.origin, base)
            for name in REGIONS}  # fmt: skip
