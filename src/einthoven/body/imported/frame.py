"""Units and axes of files: stated by the user, checked by size, converted to the patient frame.

The origin of the patient frame is independent of where an imported torso was cut.
"""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.body.anatomy.pose import MEAN_POSES
from einthoven.body.anatomy.shape.torso import load_atlas
from einthoven.body.segmentation.reading import MM, axis_matrix

EXTENT_MM = {"heart": (60.0, 220.0), "torso": (300.0, 1300.0)}
"""Range of the longest side of a human bounding box."""
HALF_SLAB_MM = 80.0
"""Half height of the slab of the chest, about the heart's centre, that locates the body."""


def unit_of(stated: str, extents: dict[str, float]) -> tuple[str, list[str]]:
    """The unit of all files of a patient, and a note if it was found by size.

    Args:
        stated: mm, cm, m, um, or auto: by size.
        extents: "heart" and "torso" -> longest side of the bounding box in the file's unit.

    Raises:
        BadInput: an unknown unit, or implausible sizes in it; with a guess if there is one.
    """
    fits = [unit for unit in MM if not _misfits(unit, extents)]
    sizes = ", ".join(f"{name} {extent:.4g}" for name, extent in extents.items())
    if stated == "auto":
        if len(fits) != 1:
            raise BadInput(f"unit: {sizes} fit {' and '.join(fits) or 'no unit'}; state the unit")
        return fits[0], [f"unit: {fits[0]}, by size ({sizes})"]
    if stated not in MM:
        raise BadInput(f"unit: {stated!r} is unknown; state {', '.join(MM)}, or auto")
    if wrong := _misfits(stated, extents):
        low, high = EXTENT_MM[wrong[0]]
        guess = f"; are the files in {fits[0]}?" if fits else "; do all files have one unit?"
        raise BadInput(
            f"unit: the {wrong[0]} is {extents[wrong[0]] * MM[stated]:.4g} mm long if its unit is "
            f"{stated}, but {low:g} to {high:g} mm is human{guess}"
        )
    return stated, []


def _misfits(unit: str, extents: dict[str, float]) -> list[str]:
    """Names whose size is implausible in that unit."""
    ranges = {name: EXTENT_MM[name] for name in extents}
    return [k for k, (low, high) in ranges.items() if not low <= extents[k] * MM[unit] <= high]


def to_patient_frame(axes: str) -> np.ndarray:
    """Rotation [3, 3] from a file's axes to the patient frame: patient = file @ matrix.

    Args:
        axes: where x, y and z point, one letter each of L R P A S I, as in DICOM's LPS, which is
            the patient frame.

    Raises:
        BadInput: not three perpendicular directions, or a mirror image.
    """
    matrix = axis_matrix(axes)
    if matrix is None:
        raise BadInput(
            f"axes: {axes!r} are not three letters of L R P A S I for where x, y and z point "
            "(left, right, posterior, anterior, superior, inferior)"
        )
    determinant = round(float(np.linalg.det(matrix)))
    if determinant != 1:
        what = (
            "name one line twice; one letter each of L R, P A, S I"
            if determinant == 0
            else "mirror the body; one letter is to be its opposite"
        )
        raise BadInput(f"axes: {axes!r} {what}")
    return matrix


def body_origin(
    points: np.ndarray, faces: np.ndarray, heart_centre: np.ndarray, pose: str
) -> np.ndarray:
    """Origin [3] mm of the virtual bodies' patient frame in the given frame.

    Its transverse position follows from the centroid of the skin around the heart, its height from
    the heart itself; both are placed as in the atlas' mean body. The ends of the torso thus do not
    matter. In virtual patients the error is 0.5, 4 and 7 mm (SD: left, back, head); with the
    centroid of the whole skin it is 0, 1 and 9 mm.

    Args:
        points: [vertex, 3] mm, along the patient's axes.
        faces: [face, 3], the skin.
        heart_centre: [3] mm, centroid of the heart's outside by area.
        pose: name of the mean pose of the virtual bodies that it is compared with (`MEAN_POSES`).

    Raises:
        BadInput: there is no skin around the heart.
    """
    atlas = load_atlas()
    mean = atlas.models["coarse"]
    height = atlas.landmarks["ICS4"][2] + MEAN_POSES[pose].up_mm
    usual = _slab_centre(mean.mean, mean.faces, height)
    found = _slab_centre(points, faces, heart_centre[2])
    return np.array([*(found - usual), heart_centre[2] - height])


def _slab_centre(points: np.ndarray, faces: np.ndarray, height: float) -> np.ndarray:
    """Centroid [2] mm by area, to the left and to the back, of the skin around a height."""
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    centres = points[faces].mean(axis=1)
    # triangles are weighted by distance, so that rounding does not include or exclude any
    weight = area * np.maximum(0.0, 1.0 - np.abs(centres[:, 2] - height) / HALF_SLAB_MM)
    if weight.sum() <= 0:
        raise BadInput(
            f"torso: no skin within {HALF_SLAB_MM:g} mm of the heart's height; are both files in "
            "one frame?"
        )
    return np.average(centres[:, :2], axis=0, weights=weight)
