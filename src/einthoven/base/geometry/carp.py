"""Meshes of openCARP: .pts (micrometres), .elem (cells with a tag), .lon (fibres, written only).

Formats as in the openCARP manual, section "File formats". The torso files of the EDGAR collection
use .pts and .fac without a count and with 1-based vertices; they can be read, too.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_text

MM_PER_UNIT = 1e-3
CORNERS = {"Tt": 4, "Tr": 3}


class CarpMesh(NamedTuple):
    """Cells of one kind with 0-based vertices."""

    points: np.ndarray
    """[node, 3] in the file's unit: micrometres if the file follows the standard."""
    cells: np.ndarray
    """[cell, 4] tetrahedra or [cell, 3] triangles."""
    tags: np.ndarray
    """[cell]; zeros where the file has none."""


def write_carp(
    base: str | Path,
    points: np.ndarray,
    cells: np.ndarray,
    tags: np.ndarray,
    fibers: np.ndarray | None = None,
) -> list[Path]:
    """Write base.pts, base.elem and, with fibres, base.lon; return the files.

    Args:
        base: path without suffix.
        points: [node, 3] mm.
        cells: [cell, 4] tetrahedra or [cell, 3] triangles.
        tags: [cell] integers.
        fibers: [cell, 3] fibre directions or [cell, 6] with sheets; zero where there is none.
    """
    base = Path(base)
    kind = next(kind for kind, n in CORNERS.items() if n == cells.shape[1])
    rows = [f"{kind} {' '.join(map(str, c))} {t}\n" for c, t in zip(cells.tolist(), tags.tolist())]
    texts = {
        ".pts": [f"{len(points)}\n", _numbers(np.asarray(points, float) / MM_PER_UNIT, 3)],
        ".elem": [f"{len(cells)}\n", *rows],
    }
    if fibers is not None:
        texts[".lon"] = [f"{fibers.shape[1] // 3}\n", _numbers(fibers, 6)]
    files = []
    for suffix, lines in texts.items():
        files.append(base.with_name(base.name + suffix))
        write_text(files[-1], "".join(lines))
    return files


def read_carp(path: str | Path) -> CarpMesh:
    """Read a mesh from its .pts, .elem or .fac; the other files lie beside it.

    If the file has tetrahedra, they are read; otherwise triangles.

    Raises:
        BadInput: a file is missing, or is not what its suffix says.
    """
    path = Path(path)
    points = read_numbers(path.with_suffix(".pts"), 3)
    cells_path = next(
        (p for s in (".elem", ".fac", ".tri") if (p := path.with_suffix(s)).exists()), None
    )
    if cells_path is None:
        raise BadInput(f"{path.with_suffix('.elem')}: no such file (nor .fac) beside the .pts")
    if cells_path.suffix == ".elem":
        cells, tags = _elements(cells_path)
    else:
        cells = read_numbers(cells_path, 3).astype(np.int64)
        tags = np.zeros(len(cells), np.int64)
    if not len(cells):
        raise BadInput(f"{cells_path}: no triangles; incomplete?")
    if cells.min() >= 1 and cells.max() == len(points):
        cells = cells - 1
    if cells.min() < 0 or cells.max() >= len(points):
        raise BadInput(f"{cells_path}: vertex {cells.max()}, but only {len(points)} points")
    return CarpMesh(points, cells, tags)


def _numbers(array: np.ndarray, decimals: int) -> str:
    """One line of text per row."""
    return "".join(" ".join(f"{x:.{decimals}f}" for x in row) + "\n" for row in array.tolist())


def _lines(path: Path) -> list[list[str]]:
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    try:
        return [line.split() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text; wrong file? ({error})") from error


def read_numbers(path: Path, n_columns: int) -> np.ndarray:
    """[line, column] of a text whose first line may be a count, such as `128` or `128 leads`.

    Raises:
        BadInput: missing, not text, or another line than of numbers.
    """
    lines = _lines(path)
    if lines and (len(lines[0]) == 1 or lines[0][1].isalpha()):
        lines = lines[1:]
    try:
        return np.array([row[:n_columns] for row in lines], float).reshape(-1, n_columns)
    except ValueError as error:
        raise BadInput(
            f"{path}: not {n_columns} numbers in every line; correct it ({error})"
        ) from error


def _elements(path: Path) -> tuple[np.ndarray, np.ndarray]:
    lines = _lines(path)[1:]
    for kind, n in CORNERS.items():
        if rows := [line for line in lines if line[0] == kind]:
            try:
                numbers = [(row[1:] + ["0"])[: n + 1] for row in rows]
                table = np.array(numbers, np.int64).reshape(len(rows), n + 1)
            except ValueError as error:
                raise BadInput(f"{path}: a line is not '{kind} {n} vertices tag'") from error
            return table[:, :n], table[:, n]
    raise BadInput(f"{path}: no tetrahedra (Tt) or triangles (Tr)")
