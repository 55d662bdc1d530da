"""Settings for reading a segmentation: labels, phase, frame."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput

CAVITIES = ("lv", "rv")
ROLES = (*CAVITIES, "myo", "rv_myo", "torso")
"""LV cavity, RV cavity, myocardium (of the LV or of both), RV myocardium, torso."""
NEEDED = (*CAVITIES, "myo")
PRESETS: dict[str, str] = {
    "acdc": "rv=1 myo=2 lv=3",
    "mms": "lv=1 myo=2 rv=3",
    "mmwhs": "lv=500 rv=600 myo=205 other=420,550,820,850",
}
"""ACDC (doi:10.1109/TMI.2018.2837502), M&Ms (doi:10.1109/TMI.2021.3090082), MM-WHS
(doi:10.1016/j.media.2019.101537)."""
NUMBERS = {"phase": int, "rv_wall": float, "pixel": float}
KEYS = (*ROLES, "other", "unit", "axes", *NUMBERS)


MM: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3}
"""Millimetres in one unit."""
DIRECTIONS: dict[str, tuple[int, float]] = {
    "L": (0, 1.0), "R": (0, -1.0), "P": (1, 1.0), "A": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)
}  # fmt: skip
"""Left, right, posterior (back), anterior (front), superior (head), inferior (feet)."""


def axis_matrix(axes: str) -> np.ndarray | None:
    """Matrix [3, 3] whose rows are where three axes point in the patient frame.

    Args:
        axes: one letter of `DIRECTIONS` for each axis.

    Returns:
        None if these are not three such letters.
    """
    letters = axes.strip().upper()
    if len(letters) != 3 or any(letter not in DIRECTIONS for letter in letters):
        return None
    places, signs = zip(*(DIRECTIONS[letter] for letter in letters))
    return np.eye(3)[list(places)] * np.array(signs)[:, None] + 0.0  # no negative zeros


def axes_of(steps: np.ndarray) -> str:
    """The letters of `axis_matrix` nearest to where three indices run.

    Args:
        steps: [3, 3] mm, columns in the patient frame.

    Returns:
        Empty if two of them run along the same axis of the patient.
    """
    unit = steps / np.linalg.norm(steps, axis=0)
    names = {(place, sign): letter for letter, (place, sign) in DIRECTIONS.items()}
    places = np.abs(unit).argmax(axis=0)
    if len(set(places.tolist())) < 3:
        return ""
    return "".join(names[int(p), float(np.sign(unit[p, k]))] for k, p in enumerate(places))


@dataclass(frozen=True)
class Reading:
    """Settings for reading one file."""

    labels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Role -> its values in the image."""
    other: tuple[int, ...] = ()
    """Values that are background."""
    phase: int | None = None
    """Phase of a 4-D image; None for a 3-D one."""
    unit: str = ""
    """Unit if the header states none: mm, cm, m, um."""
    axes: str = ""
    """Directions of the image's first, second and third index, a letter each of L R P A S I,
    instead of the header's."""
    rv_wall: float = 3.0
    """Thickness in mm of the RV's free wall if it has no label."""
    pixel: float = 1.5
    """Thickness in mm of the images on which contours were drawn."""

    @classmethod
    def parse(cls, text: str) -> "Reading":
        """Parse `PRESET KEY=VALUE ...`; values of a role and of `other` are separated by commas.

        Raises:
            BadInput: an unknown preset or key, or a value that is not a number.
        """
        words = text.split()
        preset = words.pop(0) if words and "=" not in words[0] else ""
        if preset and preset not in PRESETS:
            raise BadInput(f"labels: {preset!r} is not a preset; known: {', '.join(PRESETS)}, or "
                           "name each label: lv=1 myo=2 rv=3")  # fmt: skip
        given = [word.partition("=")[::2] for word in (*PRESETS.get(preset, "").split(), *words)]
        if unknown := [key for key, _ in given if key not in KEYS]:
            raise BadInput(f"labels: {', '.join(unknown)} unknown; there are {' '.join(KEYS)}")
        values = dict(given)
        roles = {key: _integers(key, values[key]) for key in (*ROLES, "other") if key in values}
        other = roles.pop("other", ())
        owner: dict[int, str] = {}
        for role, numbers in roles.items():
            for number in numbers:
                if owner.setdefault(number, role) != role:
                    raise BadInput(f"labels: {number} is both {owner[number]} and {role}")
        unit, axes = values.get("unit", ""), values.get("axes", "")
        return cls(roles, other, unit=unit, axes=axes, **_numbers(values))

    def needs(self, *roles: str) -> None:
        """Raise BadInput if a role has no label."""
        if missing := [role for role in roles if role not in self.labels]:
            raise BadInput(
                f"labels: which label is {' '.join(missing)}? give a preset ({', '.join(PRESETS)}) "
                "or name them: lv=1 myo=2 rv=3"
            )


def _integers(key: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise BadInput(f"labels: {key}={text}: not integers separated by commas") from error


def _numbers(values: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in NUMBERS.keys() & values.keys():
        try:
            found[key] = NUMBERS[key](values[key])
        except ValueError as error:
            raise BadInput(f"labels: {key}={values[key]}: not a number") from error
    for key, low, high in (("rv_wall", 1.5, 12.0), ("pixel", 0.1, 5.0)):
        if not low <= found.get(key, low) <= high:
            raise BadInput(f"labels: {key}={found[key]:g} is outside {low:g} to {high:g} mm")
    return found
