"""Units and axes of files: stated by the user, checked by size, converted to the patient frame."""

import numpy as np

from einthoven.base.core.errors import BadInput

MM: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3}
"""Millimetres in one unit."""
DIRECTIONS: dict[str, tuple[int, float]] = {
    "L": (0, 1.0), "R": (0, -1.0), "P": (1, 1.0), "A": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)
}  # fmt: skip
"""Left, right, posterior (back), anterior (front), superior (head), inferior (feet)."""
EXTENT_MM = {"heart": (60.0, 220.0), "torso": (300.0, 1300.0)}
"""Range of the longest side of a human bounding box."""


def unit_of(stated: str, extents: dict[str, float]) -> tuple[str, list[str]]:
    """The unit of all files of a patient.

    Args:
        stated: mm, cm, m, um, or auto: by size.
        extents: "heart" and "torso" -> longest side of the bounding box in the file's unit.

    Returns:
        The unit, and a note if it was found by size.

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
    matrix = np.zeros((3, 3))
    letters = axes.strip().upper()
    if len(letters) != 3 or any(letter not in DIRECTIONS for letter in letters):
        raise BadInput(
            f"axes: {axes!r} are not three letters of L R P A S I for where x, y and z point "
            "(left, right, posterior, anterior, superior, inferior)"
        )
    for row, letter in enumerate(letters):
        column, sign = DIRECTIONS[letter]
        matrix[row, column] = sign
    determinant = round(float(np.linalg.det(matrix)))
    if determinant != 1:
        what = (
            "name one line twice; one letter each of L R, P A, S I"
            if determinant == 0
            else "mirror the body; one letter is to be its opposite"
        )
        raise BadInput(f"axes: {axes!r} {what}")
    return matrix
