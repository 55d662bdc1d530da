"""Fibres and activation of a heart from its tetrahedral mesh: arrays, or openCARP files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.carp import read_carp
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.imported.defect import Defect, near
from einthoven.body.imported.read import CARP_SUFFIXES, tetrahedra_of
from einthoven.data.patient.measured import MeasuredTissue

NEVER = -1.0
"""Activation time that openCARP writes for a node that is never activated."""
SPAN_MS = (20.0, 500.0)
MAX_GAP_MM = 5.0
"""Largest distance of a place of the muscle from a value; at 0.6 mm/ms it is 8 ms."""
CLEAR = 0.5
"""Least principal eigenvalue of the mean f f^T around a node that still defines a direction."""


class Values(NamedTuple):
    """Arrays of the file, on its nodes or cells."""

    points: np.ndarray
    cells: np.ndarray
    arrays: dict[str, np.ndarray]
    """Arrays for the words `fiber` and `time`."""


def read_measured(place: str, folder: Path, words: dict[str, str]) -> MeasuredTissue | None:
    """Fibres and activation named by `fiber=`, `time=` and `scenario=` in the column `tags`.

    Args:
        place: the heart of the row, one file with tetrahedra.
        folder: base of relative paths.
        words: `sheet.Row.measured`.

    Returns:
        Values in the file's unit and axes; None if nothing is named.

    Raises:
        BadInput: no such array or file, a wrong number or kind of values, no tetrahedra, or times
            that are not an activation in ms.
    """
    if not {"fiber", "time"} & words.keys():
        return None
    if "=" in place:
        raise BadInput(f"tags: {' '.join(words)} need one tetrahedral mesh as heart, not surfaces")
    path = folder / place
    mesh = _read(path, folder, words)
    fiber = time = None
    if name := words.get("fiber"):
        vectors = _vectors(mesh.arrays["fiber"], name, path)
        tensors = np.einsum("ki,kj->kij", vectors, vectors).reshape(-1, 9)
        fiber = _direction(_on_nodes(tensors, mesh, f"{path}: fiber={name}")).astype(np.float32)
    if name := words.get("time"):
        times = _times(mesh.arrays["time"], name, path)
        time = _on_nodes(times, mesh, f"{path}: time={name}")[:, 0].astype(np.float32)
    scenario = words.get("scenario", "sinus")
    return MeasuredTissue(mesh.points, mesh.cells, fiber, time, scenario)


def _read(path: Path, folder: Path, words: dict[str, str]) -> Values:
    """Tetrahedra, and the named values, from arrays in the file or from files beside it."""
    if path.suffix.lower() in CARP_SUFFIXES:
        mesh = read_carp(path)
        points, cells, arrays = mesh.points, mesh.cells, dict[str, np.ndarray]()
    else:
        points, cells, arrays = tetrahedra_of(path)
    if cells.shape[1] != 4 or not len(cells):
        raise BadInput(f"{path}: no tetrahedra; fibres and activation need the mesh, not a surface")
    found = {}
    for word in ("fiber", "time"):
        if not (name := words.get(word)):
            continue
        if (folder / name).is_file():
            found[word] = _numbers(folder / name)
        elif name in arrays:
            found[word] = arrays[name]
        else:
            there = ", ".join(sorted(arrays)) or "none"
            raise BadInput(f"{path}: {word}={name}: neither a file nor an array; arrays: {there}")
    return Values(points, cells, found)


def _numbers(path: Path) -> np.ndarray:
    """Values of a text file, a line per node or cell; .lon files start with the number of axes."""
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        if path.suffix == ".lon":
            lines = [line[:3] for line in lines[1:]]
        return np.squeeze(np.array(lines, float))
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: lines have different counts of numbers: {error}") from error


def _vectors(values: np.ndarray, name: str, path: Path) -> np.ndarray:
    """Unit vectors [node or cell, 3], NaN where the length is zero."""
    if values.ndim != 2 or values.shape[1] != 3:
        raise BadInput(f"{path}: fiber={name}: shape {values.shape}; three components are needed")
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.divide(values, length, out=np.full(values.shape, np.nan), where=length > 1e-6)
    if not np.isfinite(unit).any():
        raise BadInput(f"{path}: fiber={name}: all vectors are zero; is it another array?")
    return unit


def _times(values: np.ndarray, name: str, path: Path) -> np.ndarray:
    """Times [node or cell, 1], NaN where there is no activation."""
    if values.ndim != 1:
        raise BadInput(f"{path}: time={name}: shape {values.shape}; one number each is needed")
    known = np.where(values == NEVER, np.nan, values.astype(float))
    if not np.isfinite(known).any():
        raise BadInput(f"{path}: time={name}: no finite time; is it another array?")
    if not SPAN_MS[0] <= (span := float(np.nanmax(known) - np.nanmin(known))) <= SPAN_MS[1]:
        raise BadInput(
            f"{path}: time={name}: activation lasts {span:.4g}, {SPAN_MS[0]:g} to {SPAN_MS[1]:g} ms"
            " are usual; in s, or another array?"
        )
    return known[:, None]


def _on_nodes(values: np.ndarray, mesh: Values, what: str) -> np.ndarray:
    """Nodal means [node, k] of cell values, over the surrounding cells that have a value."""
    if len(values) == len(mesh.points):
        return values
    if len(values) != len(mesh.cells):
        raise BadInput(f"{what}: {len(values)} values for {len(mesh.points)} nodes and "
                       f"{len(mesh.cells)} tetrahedra; of another mesh?")  # fmt: skip
    known = np.isfinite(values).all(axis=1)
    total, count = np.zeros((len(mesh.points), values.shape[1])), np.zeros((len(mesh.points), 1))
    for corner in mesh.cells[known].T:
        np.add.at(total, corner, values[known])
        np.add.at(count, corner, 1.0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _direction(tensors: np.ndarray) -> np.ndarray:
    """Principal direction [node, 3] of mean tensors f f^T [node, 9], NaN where there is none."""
    known = np.isfinite(tensors).all(axis=1)
    size, axes = np.linalg.eigh(np.where(known[:, None], tensors, 0.0).reshape(-1, 3, 3))
    return np.where((known & (size[:, 2] > CLEAR))[:, None], axes[:, :, 2], np.nan)


def check_holes(measured: MeasuredTissue, heart: Surfaces) -> list[str]:
    """Text on how far values are extrapolated to the muscle's future mesh, in the common frame.

    Raises:
        Defect: a place of the heart's surface or of its own mesh is too far from any value.
    """
    places = np.concatenate([heart.points[np.unique(heart.faces)], measured.points])
    notes = []
    for name, values, at in (
        ("fibers", measured.fiber, measured.fiber_at),
        ("activation", measured.time, measured.time_at),
    ):
        if values is None:
            continue
        gap = at(places)[1]
        far = np.argsort(gap)[::-1]
        if gap[far[0]] > MAX_GAP_MM:
            wrong = places[far[: int((gap > MAX_GAP_MM).sum())]]
            raise Defect(
                f"heart: {name}: {len(wrong)} places are up to {gap.max():.1f} mm from any value "
                f"(at most {MAX_GAP_MM:g}), {near(wrong)}; fill the hole, or leave the word out",
                wrong, heart,
            )  # fmt: skip
        of = f" ({measured.scenario})" if values is measured.time else ""
        notes.append(f"heart: {name}{of} of its own mesh, carried over at most {gap.max():.1f} mm")
    return notes
