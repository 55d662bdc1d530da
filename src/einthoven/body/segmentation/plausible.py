"""Plausibility of labels as a heart: missing, swapped, duplicate, truncated or mirrored ones."""

from itertools import permutations, product

import numpy as np
from scipy import ndimage

from einthoven.base.core.errors import BadInput
from einthoven.body.segmentation.base import Base
from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.reading import MM, NEEDED, PRESETS, Reading
from einthoven.body.segmentation.regions import LOOSE
from einthoven.body.segmentation.stack import thick_axis

ENCLOSES = 0.6
"""Least share of the LV's outline that borders on muscle."""
ALL_AROUND = 0.8
"""Above this share the RV's outline also counts as surrounded by muscle."""
STRUCTURE_ML = 5.0
"""An unnamed label of at least this volume is a structure beside the ventricles."""
VOLUMES_ML = {"lv": (15.0, 600.0), "rv": (15.0, 600.0), "myo": (25.0, 700.0)}
"""Limits for any phase and disease; the import is stricter."""
TO_RV = np.array([-0.83, -0.56, 0.0])
TO_APEX = np.array([0.43, -0.69, -0.58])
"""Typical directions (left, back, head) from the LV to the RV, and from base to apex."""
LEAST_LIKENESS, CLEAR_LIKENESS = 0.35, 0.7


def check_labels(image: LabelImage, reading: Reading) -> list[str]:
    """Raise BadInput if a label is missing, or an unnamed one of a few voxels is present.

    Unnamed ones as large as a structure (atria, vessels) are background; the note names them.
    """
    values, counts = np.unique(image.labels, return_counts=True)
    held = {int(v): int(n) for v, n in zip(values, counts)}
    text = ", ".join(f"{v} ({n})" for v, n in held.items())
    if empty := [role for role, numbers in reading.labels.items() if not held.keys() & numbers]:
        wanted = ", ".join(f"{role}={','.join(map(str, reading.labels[role]))}" for role in empty)
        raise BadInput(f"labels: no voxel of {wanted}; the image holds (voxels) {text}")
    named = {0, *reading.other, *(n for numbers in reading.labels.values() for n in numbers)}
    further = {v: held[v] * image.voxel_ml for v in sorted(held.keys() - named)}
    if unknown := [v for v, volume_ml in further.items() if volume_ml < STRUCTURE_ML]:
        raise BadInput(
            f"labels: unknown {', '.join(map(str, unknown[:8]))}; the image holds (voxels) {text}; "
            f"name them, or other={','.join(map(str, unknown[:8]))} for the background"
        )
    if not further:
        return []
    sizes = ", ".join(f"{v} ({volume_ml:.0f} ml)" for v, volume_ml in further.items())
    return [f"labels: {sizes} taken as background, as no word of tags names them"]


def check_regions(image: LabelImage, masks: dict[str, np.ndarray], reading: Reading) -> bool:
    """Raise BadInput for labels that are swapped, duplicate, truncated or not of human size.

    Returns:
        Whether there is muscle around the RV, with its own label or with that of the LV.
    """
    _check_sizes(image, masks)
    for role in NEEDED:
        _check_one(image, role, masks[role])
    flat = np.argsort(image.spacing)[: 3 if thick_axis(image) is None else 2]
    lv, rv, myo = (masks[role] for role in NEEDED)
    around_lv, around_rv = bordering(lv, myo, flat), bordering(rv, myo, flat)
    if not _like_heart(around_lv, around_rv):
        _raise_swapped(masks, reading, flat, around_lv, around_rv)
    heart = lv | rv | myo
    for axis in flat:
        for index, end in ((0, "first"), (-1, "last")):
            if heart.take(index, axis).any():
                raise BadInput(f"labels: the heart is cut off at the {end} plane of index "
                               f"{'ijk'[axis]}; a larger field of view is needed")  # fmt: skip
    return "rv_myo" in masks or around_rv > ALL_AROUND


def bordering(region: np.ndarray, other: np.ndarray, axes: np.ndarray) -> float:
    """Share of the voxel faces around a region, across some axes, that border on another."""
    faces = shared = 0
    for axis in axes:
        a, b = (np.moveaxis(mask, axis, 0) for mask in (region, other))
        for near, far in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            faces += int((a[near] & ~a[far]).sum())
            shared += int((a[near] & ~a[far] & b[far]).sum())
    return shared / max(faces, 1)


def _like_heart(around_lv: float, around_rv: float) -> bool:
    return around_lv >= ENCLOSES and (around_lv >= around_rv or around_rv > ALL_AROUND)


def _raise_swapped(
    masks: dict[str, np.ndarray], reading: Reading, axes: np.ndarray, *around: float
) -> None:
    text = (f"labels: muscle (myo) borders on {around[0]:.0%} of the outline of lv and on "
            f"{around[1]:.0%} of that of rv; it must enclose the LV")  # fmt: skip
    for order in permutations(NEEDED):
        lv, rv, myo = (masks[role] for role in order)
        if _like_heart(bordering(lv, myo, axes), bordering(rv, myo, axes)):
            names = {role: ",".join(map(str, reading.labels[old])) for role, old in
                     zip(NEEDED, order)}  # fmt: skip
            right = " ".join(f"{role}={number}" for role, number in names.items())
            known = [name for name, words in PRESETS.items()
                     if set(right.split()) == set(words.split())]  # fmt: skip
            known_text = f" (the preset {known[0]})" if known else ""
            raise BadInput(f"{text}. Swapped labels? {right}{known_text} would be plausible")
    raise BadInput(f"{text}. Is it a short-axis stack or volume of both ventricles?")


def _check_sizes(image: LabelImage, masks: dict[str, np.ndarray]) -> None:
    volumes = {role: float(masks[role].sum()) * image.voxel_ml for role in NEEDED}
    wrong = [role for role in NEEDED if not VOLUMES_ML[role][0] <= volumes[role]
             <= VOLUMES_ML[role][1]]  # fmt: skip
    if not wrong:
        return
    now = image.unit or "mm"
    fits = [unit for unit, mm in MM.items() if all(
        low <= volumes[role] * (mm / MM[now]) ** 3 <= high
        for role, (low, high) in VOLUMES_ML.items())]  # fmt: skip
    low, high = VOLUMES_ML[wrong[0]]
    stated = f"the header's unit is {now}" if image.unit else "the header states no unit (mm taken)"
    cure = f"; with unit={fits[0]} it would be a heart" if fits else "; is the spacing right?"
    raise BadInput(
        f"labels: {wrong[0]} has {volumes[wrong[0]]:.4g} ml, a human one {low:g} to {high:g}; "
        f"{stated}, its spacing {' x '.join(f'{s:.4g}' for s in image.spacing)} mm{cure}"
    )


def _check_one(image: LabelImage, role: str, mask: np.ndarray) -> None:
    """Raise BadInput if a label has a second large piece."""
    pieces, n = ndimage.label(mask, np.ones((3, 3, 3)))
    if n < 2:
        return
    sizes = np.bincount(pieces.ravel())[1:]
    order = np.argsort(sizes)[::-1]
    if (share := sizes[order[1]] / sizes.sum()) > LOOSE:
        places = [image.place(np.argwhere(pieces == 1 + k).mean(axis=0)) for k in order[:2]]
        text = " and ".join(f"({x:.0f}, {y:.0f}, {z:.0f})" for x, y, z in places)
        raise BadInput(
            f"labels: {role} has {n} pieces, the second with {share:.0%} of it; two hearts, or a "
            f"slice left out? Centres at {text} mm (left, back, head)"
        )


def check_pose(base: Base) -> None:
    """Raise BadInput if the RV is not to the right and front, or the apex not left, front, down.

    The message names the mirror image or rotation that would fit.
    """
    to_rv, to_apex = base.axes[:, 0], -base.axes[:, 2]
    if _likeness(to_rv, to_apex) >= LEAST_LIKENESS:
        return
    flips = [np.array(signs) for signs in product((1.0, -1.0), repeat=3)]
    likeness = [_likeness(to_rv * signs, to_apex * signs) for signs in flips]
    best = flips[int(np.argmax(likeness))]
    sides = [
        name for name, sign in zip(("left-right", "front-back", "head-foot"), best) if sign < 0
    ]
    if max(likeness) < CLEAR_LIKENESS:
        cure = "the file's axes are not the patient's"
    elif best.prod() < 0:
        cure = f"mirrored: turn the axis {', '.join(sides)} round"
    else:
        cure = f"the frame is turned: {' and '.join(sides)} are reversed (RAS taken for LPS?)"
    x, y, z = to_rv
    raise BadInput(
        f"frame: from the LV the RV lies along ({x:.2f}, {y:.2f}, {z:.2f}) (left, back, head), and "
        f"the apex along ({', '.join(f'{v:.2f}' for v in to_apex)}): the LV's wrong side. {cure}; "
        "state where the image's indices run, as in axes=LPS, or correct the header"
    )


def _likeness(to_rv: np.ndarray, to_apex: np.ndarray) -> float:
    """Mean cosine with the typical directions."""
    usual = (TO_RV / np.linalg.norm(TO_RV), TO_APEX / np.linalg.norm(TO_APEX))
    return 0.5 * float(to_rv @ usual[0] + to_apex @ usual[1])
