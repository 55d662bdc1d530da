"""Plausibility of labels as a heart: missing, swapped, duplicate, truncated or mirrored ones."""

from itertools import permutations, product

import numpy as np
from scipy import ndimage

from einthoven.base.core.errors import BadInput
from einthoven.body.segmentation.base import Base
from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.reading import MM, NEEDED, PRESETS, Reading, axes_of
from einthoven.body.segmentation.regions import LOOSE, voxels_of
from einthoven.body.segmentation.stack import thick_axis

ENCLOSES = 0.6
"""Least share of the LV's outline that borders on muscle."""
ALL_AROUND = 0.8
"""Above this share the RV's outline also counts as surrounded by muscle."""
VOLUMES_ML = {"lv": (15.0, 600.0), "rv": (15.0, 600.0), "myo": (25.0, 700.0)}
"""Limits for any phase and disease; the import is stricter."""
TO_RV = np.array([-0.83, -0.56, 0.0])
TO_APEX = np.array([0.43, -0.69, -0.58])
"""Typical directions (left, back, head) from the LV to the RV, and from base to apex."""
LEAST_LIKENESS, CLEAR_LIKENESS = 0.35, 0.7


def check_labels(image: LabelImage, reading: Reading) -> list[str]:
    """Raise BadInput if a label is missing.

    Unnamed ones (atria, vessels, slips of the hand) are background; the note names them.
    """
    held = voxels_of(image.labels)
    text = ", ".join(f"{v} ({n})" for v, n in held.items())
    if empty := [role for role, numbers in reading.labels.items() if not held.keys() & numbers]:
        wanted = ", ".join(f"{role}={','.join(map(str, reading.labels[role]))}" for role in empty)
        raise BadInput(f"labels: no voxel of {wanted}; the image holds (voxels) {text}")
    named = {0, *reading.other, *(n for numbers in reading.labels.values() for n in numbers)}
    further = sorted(held.keys() - named)
    if not further:
        return []
    sizes = ", ".join(f"{v} ({held[v] * image.voxel_ml:.2g} ml)" for v in further)
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


def check_pose(base: Base, steps: np.ndarray | None = None) -> None:
    """Raise BadInput if the RV is not to the right and front, or the apex not left, front, down.

    The message names the mirror image or rotation that would fit, and the word of `tags` for it.

    Args:
        base: of the heart, as the image lies by its header.
        steps: [3, 3] mm of the image, as columns; None for contours.
    """
    to_rv, to_apex = base.axes[:, 0], -base.axes[:, 2]
    if _likeness(to_rv, to_apex) >= LEAST_LIKENESS:
        return
    flips = [np.diag(signs) for signs in product((1.0, -1.0), repeat=3)]
    best = max(flips, key=lambda turn: _likeness(turn @ to_rv, turn @ to_apex))
    named = zip(("left-right", "front-back", "head-foot"), np.diag(best))
    sides = [name for name, sign in named if sign < 0]
    if _likeness(best @ to_rv, best @ to_apex) < CLEAR_LIKENESS:
        cure, best = "the file's axes are not the patient's", _turn(to_rv, to_apex)
    elif np.linalg.det(best) < 0:
        cure = f"mirrored: turn the axis {', '.join(sides)} round"
    else:
        cure = f"the frame is turned: {' and '.join(sides)} are reversed (RAS taken for LPS?)"
    x, y, z = to_rv
    likely = _likeness(best @ to_rv, best @ to_apex) >= CLEAR_LIKENESS and steps is not None
    letters = axes_of(best @ steps) if likely and steps is not None else ""
    typed = f"axes={letters} in tags (--labels) would be a patient's heart" if letters else (
        "state where the image's indices run, as in axes=LPS, or correct the header")  # fmt: skip
    raise BadInput(
        f"frame: from the LV the RV lies along ({x:.2f}, {y:.2f}, {z:.2f}) (left, back, head), and "
        f"the apex along ({', '.join(f'{v:.2f}' for v in to_apex)}): the LV's wrong side. {cure}; "
        f"{typed}; or in a sheet leave torso empty and set pose to typical: then it is turned as "
        "hearts of virtual patients lie"
    )


def _turn(to_rv: np.ndarray, to_apex: np.ndarray) -> np.ndarray:
    """The rotation [3, 3] of the cube's 24 that makes a heart's directions most typical."""
    places = [np.eye(3)[list(order)] for order in permutations(range(3))]
    turned = [np.diag(signs) @ m for m in places for signs in product((1.0, -1.0), repeat=3)]
    proper = [turn for turn in turned if np.linalg.det(turn) > 0]
    return max(proper, key=lambda turn: _likeness(turn @ to_rv, turn @ to_apex))


def _likeness(to_rv: np.ndarray, to_apex: np.ndarray) -> float:
    """Mean cosine with the typical directions."""
    usual = (TO_RV / np.linalg.norm(TO_RV), TO_APEX / np.linalg.norm(TO_APEX))
    return 0.5 * float(to_rv @ usual[0] + to_apex @ usual[1])
