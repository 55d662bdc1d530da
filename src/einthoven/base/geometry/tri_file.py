"""Triangulated surfaces in ECGSIM's format `.tri`: numbered points, then numbered triangles."""

from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput

BINARY = (b";;mbftri", b";;mbfpnt")


def read_tri(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Points [point, 3] in the file's unit, and triangles [face, 3] counted from zero.

    The file holds the number of points, a line `number x y z` for each, the number of triangles,
    and a line `number a b c` for each, whose points are counted from one. Text may follow.

    Raises:
        BadInput: not in this format, or a triangle names no point.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: not readable ({error})") from error
    if data.startswith(BINARY):
        raise BadInput(f"{path}: a binary .tri file; save it as text")
    try:
        values = np.array(_numbers(data.decode("latin-1")), float)
    except ValueError as error:
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


def _numbers(text: str) -> list[str]:
    """Words before a description at the end, which begins with a line without any number."""
    words = list[str]()
    for line in text.splitlines():
        found = line.split()
        if words and found and not any(word[:1].isdigit() or word[:1] in "+-." for word in found):
            break
        words += found
    return words


def _block(values: np.ndarray, path: str | Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows [row, 3] of a count and as many numbered rows, and the values after them."""
    n = int(values[0]) if len(values) and np.isfinite(values[0]) else 0
    if n < 1 or len(values) < 1 + 4 * n:
        raise BadInput(
            f"{path}: {n} {what} announced, {max(len(values) - 1, 0) // 4} there; incomplete, or "
            "not a .tri file of ECGSIM"
        )
    return values[1 : 1 + 4 * n].reshape(n, 4)[:, 1:], values[1 + 4 * n :]
