"""Contour stacks from a CSV: slice, structure, x, y, z in the patient's mm."""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv
from einthoven.body.segmentation.reading import Reading
from einthoven.body.segmentation.stack import Stack

COLUMNS = ("slice", "structure", "x", "y", "z")
STRUCTURES = {"lv_endo": "lv", "rv_endo": "rv", "epi": "epi", "lv_epi": "epi", "rv_epi": "epi"}
"""Structure of a line -> region; several epicardial contours in a slice are merged."""
MIN_CORNERS = 6
MAX_OFF_PLANE_MM = 1.0
Corners = dict[tuple[str, str], np.ndarray]
"""(slice, structure) -> [corner, 3] mm."""


def is_contour_table(path: Path) -> bool:
    """Whether a file is a CSV with a column `structure`."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="latin-1") as file:
        return "structure" in file.readline().lower()


def read_contours(path: Path, reading: Reading) -> tuple[Stack, bool]:
    """The stack of a table, and whether it has contours of the RV's epicardium.

    Raises:
        BadInput: columns or structures are missing or unknown, too few points, contours that are
            not flat, not parallel, or several in one slice.
    """
    corners = _corners(path)
    axes = _axes(path, corners)
    slices = list(dict.fromkeys(number for number, _ in corners))
    heights = np.array([np.mean([(points @ axes[:, 2]).mean()
                                 for (number, _), points in corners.items() if number == own])
                        for own in slices])  # fmt: skip
    order = np.argsort(heights)
    if (same := np.diff(heights[order]) < 1.0).any():
        one, other = (slices[order[same.argmax() + k]] for k in (0, 1))
        raise BadInput(f"{path}: slices {one} and {other} lie in one plane")
    contours: dict[str, list[list[np.ndarray]]] = {"lv": [], "rv": [], "epi": []}
    for k in order:
        own = {structure: (points @ axes)[:, :2]
               for (number, structure), points in corners.items()
               if number == slices[k]}  # fmt: skip
        for region, found in contours.items():
            found.append([own[word] for word, name in STRUCTURES.items()
                          if name == region and word in own])  # fmt: skip
    structures = {structure for _, structure in corners}
    return Stack(axes, heights[order], contours, reading.pixel), bool(
        {"epi", "rv_epi"} & structures
    )


def _corners(path: Path) -> Corners:
    rows = read_csv(path)
    if missing := [key for key in COLUMNS if not rows or key not in rows[0]]:
        raise BadInput(f"{path}: no column {', '.join(missing)}; a line is {','.join(COLUMNS)}")
    lines: dict[tuple[str, str], list[list[float]]] = {}
    for number, row in enumerate(rows, start=2):
        if row.get("structure") not in STRUCTURES:
            raise BadInput(f"{path}: line {number}: structure {row.get('structure')!r} is none of "
                           f"{', '.join(STRUCTURES)}")  # fmt: skip
        try:
            place = [float(row[key]) for key in "xyz"]
        except (KeyError, ValueError) as error:
            raise BadInput(f"{path}: line {number}: x, y, z are not three numbers") from error
        lines.setdefault((row.get("slice", ""), row["structure"]), []).append(place)
    for (name, structure), places in lines.items():
        if len(places) < MIN_CORNERS:
            raise BadInput(f"{path}: slice {name}: {structure} has {len(places)} points, not "
                           f"{MIN_CORNERS} or more")  # fmt: skip
    words = {structure for _, structure in lines}
    if missing := [word for word in ("lv_endo", "rv_endo") if word not in words]:
        raise BadInput(f"{path}: no contour of {', '.join(missing)}")
    if not words & {"epi", "lv_epi"}:
        raise BadInput(f"{path}: no contour of epi or lv_epi")
    return {key: np.array(places) for key, places in lines.items()}


def _axes(path: Path, corners: Corners) -> np.ndarray:
    """Directions [3, 3] of the slices: the common normal of all contours is the third column."""
    spread = np.zeros((3, 3))
    for points in corners.values():
        spread += np.cov(points.T) / np.trace(np.cov(points.T))
    _, axes = np.linalg.eigh(spread)  # the least spread first
    axes = axes[:, ::-1] * [1.0, 1.0, np.sign(np.linalg.det(axes[:, ::-1]))]
    for (number, structure), points in corners.items():
        off = points @ axes[:, 2]
        if np.ptp(off) > 2 * MAX_OFF_PLANE_MM:
            raise BadInput(
                f"{path}: slice {number}: {structure} leaves the plane of the stack by "
                f"{0.5 * np.ptp(off):.1f} mm; give short-axis contours in patient coordinates"
            )
    return axes
