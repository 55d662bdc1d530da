"""The three regions that bound a heart, as masks of a label image."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.reading import CAVITIES, ROLES, Reading

REGIONS = ("lv", "rv", "epi")
"""The cavities, and everything inside the epicardium, as in core.tags.SDF_SURFACES."""
LOOSE = 0.1
"""Components with up to this share of a label are dropped."""


@dataclass(frozen=True, eq=False)
class VentricleMasks:
    """Masks [i, j, k] on the grid of an image: `lv`, `rv`, and `epi`, which contains both."""

    image: LabelImage
    masks: dict[str, np.ndarray]
    notes: list[str]


def masks_of(image: LabelImage, reading: Reading) -> dict[str, np.ndarray]:
    """A mask [i, j, k] of each role that has a label."""
    return {role: np.isin(image.labels, reading.labels[role])
            for role in ROLES if role in reading.labels}  # fmt: skip


def regions_of(image: LabelImage, masks: dict[str, np.ndarray]) -> VentricleMasks:
    """Cavities without loose components and holes, and what the epicardium encloses."""
    notes: list[str] = []
    found: dict[str, np.ndarray] = {}
    for name in CAVITIES:
        kept = largest_piece(masks[name])
        if n := int(masks[name].sum() - kept.sum()):
            notes.append(f"labels: {n} voxels of {name} apart from the others dropped")
        found[name] = filled(kept)
    found["rv"] &= ~found["lv"]
    muscle = masks["myo"] | masks.get("rv_myo", np.zeros_like(masks["myo"]))
    epi = largest_piece(muscle | found["lv"] | found["rv"])
    # slits of one voxel between labels are not outside
    epi |= ndimage.binary_closing(np.pad(epi, 2), np.ones((3, 3, 1)))[2:-2, 2:-2, 2:-2]
    found["epi"] = filled(epi)
    low, high = box_of(found["epi"], 2)
    cut = tuple(slice(a, b) for a, b in zip(low, high))
    smaller = LabelImage(image.labels[cut], image.steps, image.place(low), image.unit)
    return VentricleMasks(smaller, {name: mask[cut] for name, mask in found.items()}, notes)


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Largest component of a mask, connected across faces, edges and corners."""
    pieces, n = ndimage.label(mask, np.ones((3, 3, 3)))
    if n < 2:
        return mask.copy()
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def box_of(mask: np.ndarray, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """First index [3] of a mask and one past its last, widened within the image."""
    places = np.argwhere(mask)
    low = np.maximum(places.min(axis=0) - margin, 0)
    return low, np.minimum(places.max(axis=0) + 1 + margin, mask.shape)


def filled(mask: np.ndarray) -> np.ndarray:
    """The mask without holes in each plane of the grid: papillary muscles count as cavity."""
    result = mask.copy()
    for axis in range(3):
        planes = np.moveaxis(result, axis, 0)
        for plane in planes:
            plane[...] = ndimage.binary_fill_holes(plane)
    return result


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Values through the filter 2 G - G^2, G a Gaussian; G alone would shrink round shapes."""
    once = ndimage.gaussian_filter(values, sigma)
    return 2 * once - ndimage.gaussian_filter(once, sigma)
