"""Triangulated surfaces in ECGSIM's format `.tri`: numbered points, then numbered triangles."""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput


def read_tri(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Points [point, 3] in the file's unit, and triangles [face, 3] counted from zero.

    The file holds the number of points, a line `number x y z` for each, the number of triangles,
    and a line `number a b c` for each, whose points are counted from one.

    Raises:
        BadInput: not in this format, or a triangle names no point.
    """
    try:
        values = np.array(Path(path).read_text().split(), float)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a .tri file of ECGSIM ({error})") from error
    points, rest = _block(values, path, "points")
    faces, beyond = _block(rest, path, "triangles")
    if len(beyond):
        raise BadInput(f"{path}: {len(beyond)} numbers after the last triangle; another format?")
    ids = faces.astype(int) - 1
    if not np.array_equal(ids, faces - 1) or ids.min() < 0 or ids.max() >= len(points):
        raise BadInput(
            f"{path}: triangles name points from {faces.min():g} to {faces.max():g}, the file has "
            f"1 to {len(points)}; incomplete?"
        )
    return points, ids


def _block(values: np.ndarray, path: str | Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows [row, 3] of a count and as many numbered rows, and the values after them."""
    n = int(values[0]) if len(values) and np.isfinite(values[0]) else 0
    if n < 1 or len(values) < 1 + 4 * n:
        raise BadInput(
            f"{path}: {n} {what} announced, {max(len(values) - 1, 0) // 4} there; incomplete, or "
            "not a .tri file of ECGSIM"
        )
    return values[1 : 1 + 4 * n].reshape(n, 4)[:, 1:], values[1 + 4 * n :]
