"""Surfaces, tetrahedral hearts and electrodes from files of many formats."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_csv
from einthoven.base.core.tags import Surface
from einthoven.base.core.vtk import read_vtk
from einthoven.base.geometry.carp import read_carp
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.tri_file import read_tri

VTK_SUFFIXES = (".vtp", ".vtu", ".vtk", ".stl", ".ply", ".obj")
CARP_SUFFIXES = (".pts", ".elem", ".fac")
TRI_SUFFIX = ".tri"
FLD_SUFFIX = ".fld"
TAG_WORDS = {
    "epi": Surface.EPI, "lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "base": Surface.BASE,
    "lv_cap": Surface.LV_CAP, "rv_cap": Surface.RV_CAP, "rv_septum": Surface.RV_ENDO,
}  # fmt: skip
NEEDED = ("epi", "lv", "rv")
OWN_ARRAY = "face_tags"


def read_heart(place: str, folder: Path, tags: str = "") -> Surfaces:
    """The wall of a heart: one tagged or flat-based surface or mesh, or one file per part.

    Args:
        place: path; or `epi=FILE lv=FILE rv=FILE base=FILE`; without a base they are shells.
        folder: base of relative paths.
        tags: `ARRAY base=1,5 epi=2 lv=3 rv=4`: an array on vertices or cells and its values. Empty:
            the array face_tags with the values of core.tags, if there is one.

    Returns:
        The surface in the file's unit and axes; unknown tags are zero.

    Raises:
        BadInput: a file is missing or unreadable, or the tags are not as described.
    """
    if "=" not in place:
        return _tagged(_path(place, folder), tags)
    parts = []
    for word, file in _pairs(place, "heart").items():
        piece = read_surface(_path(file, folder))
        parts.append(replace(piece, face_tags=np.full(len(piece.faces), TAG_WORDS[word])))
    return Surfaces.joined(parts)


def parts_of(place: str) -> dict[str, str]:
    """Files of a heart by part; a single file is `heart`. Nothing is checked."""
    if "=" not in place:
        return {"heart": place}
    return dict(item.partition("=")[::2] for item in place.split())


def read_surface(path: Path) -> Surfaces:
    """Triangles of a file, or the boundary of its tetrahedra, without tags."""
    return _tagged(path, "")


def read_cloud(path: Path) -> np.ndarray:
    """Points [point, 3] of a CSV with the columns x, y, z, or the vertices of any other file.

    Raises:
        BadInput: unreadable, or without points.
    """
    path = _path(path, Path())
    if path.suffix.lower() == ".csv":
        try:
            return np.array(
                [[float(line[key]) for key in "xyz"] for line in read_csv(path)]
            ).reshape(-1, 3)
        except (KeyError, ValueError) as error:
            raise BadInput(f"{path}: not three numbers in the columns x, y, z: {error}") from error
    if path.suffix.lower() in CARP_SUFFIXES:
        return read_carp(path).points
    if path.suffix.lower() == TRI_SUFFIX:
        return read_tri(path)[0]
    return np.asarray(_vtk_data(path).points, float)


def read_points(path: Path) -> dict[str, np.ndarray]:
    """Named places [3] from a CSV with the columns name, x, y, z (in any order and case).

    Raises:
        BadInput: unreadable, a column or a name is missing, or a name occurs twice.
    """
    rows = read_csv(_path(path, Path()))
    columns = ("x", "y", "z")
    if rows and "points:0" in rows[0]:  # with the column names of ParaView
        columns = ("points:0", "points:1", "points:2")
    if missing := [key for key in ("name", *columns) if not rows or key not in rows[0]]:
        raise BadInput(f"{path}: no column {', '.join(missing)}; a line is name,x,y,z")
    places: dict[str, np.ndarray] = {}
    for row in rows:
        if not (name := row["name"].strip("'\"")):
            raise BadInput(f"{path}: a line without a name; name the electrode, or drop it")
        try:
            place = np.array([float(row[key]) for key in columns])
        except ValueError as error:
            raise BadInput(f"{path}: {name}: not three numbers; correct the line") from error
        if not np.isfinite(place).all():
            raise BadInput(f"{path}: {name}: NaN or infinite; give its place, or drop the line")
        if name in places:
            raise BadInput(f"{path}: {name} is given twice; keep one of the lines")
        places[name] = place
    return places


def _path(place: str | Path, folder: Path) -> Path:
    path = folder / Path(place).expanduser()
    if not path.exists():
        raise BadInput(f"{path}: no such file; paths of a sheet start from the sheet's folder")
    return path


def _pairs(text: str, field: str) -> dict[str, str]:
    """`epi=a lv=b` -> words and values."""
    pairs = dict(item.partition("=")[::2] for item in text.split())
    if unknown := set(pairs) - set(TAG_WORDS):
        raise BadInput(
            f"{field}: {', '.join(sorted(unknown))} unknown; allowed are {' '.join(TAG_WORDS)}"
        )
    if missing := [word for word in NEEDED if not pairs.get(word)]:
        raise BadInput(
            f"{field}: {' '.join(f'{word}=...' for word in missing)} missing; a heart has "
            f"{', '.join(NEEDED)}, a base too if its surfaces are closed"
        )
    return pairs


def _values_of(pairs: Mapping[str, str]) -> dict[str, list[float]]:
    """Words of `tags` -> their values in the array: `base=1,5` has two."""
    try:
        values = {word: [float(one) for one in text.split(",")] for word, text in pairs.items()}
    except ValueError as error:
        raise BadInput(
            f"tags: {error}; each word needs a number, or several with commas between them, as in "
            "lv=3 base=1,5"
        ) from error
    everyone = [value for found in values.values() for value in found]
    if twice := sorted({value for value in everyone if everyone.count(value) > 1}):
        raise BadInput(f"tags: {', '.join(f'{value:g}' for value in twice)} is given twice")
    return values


def _tagged(path: Path, tags: str) -> Surfaces:
    suffix = path.suffix.lower()
    if tags and suffix in (*CARP_SUFFIXES, TRI_SUFFIX):
        raise BadInput(
            f"{path}: tags {tags!r} name an array, which {suffix} files do not have; allowed "
            "here are fiber=FILE.lon, time=FILE.dat and scenario=NAME"
        )
    if suffix == TRI_SUFFIX:
        points, faces = read_tri(path)
        return Surfaces(points, faces, np.zeros(len(faces), int))
    if suffix in CARP_SUFFIXES:
        mesh = read_carp(path)
        if mesh.cells.shape[1] == 4:
            faces = boundary_of(mesh.cells)
            return Surfaces(mesh.points, faces, np.zeros(len(faces), int))
        return Surfaces(mesh.points, mesh.cells, _own_tags(mesh.tags))
    import pyvista as pv

    data = _vtk_data(path)
    if isinstance(data, pv.UnstructuredGrid) and pv.CellType.TETRA in data.celltypes:
        data = data.extract_cells(data.celltypes == pv.CellType.TETRA)
        faces, cell_values = boundary_of(data.cell_connectivity.reshape(-1, 4)), {}
    else:
        data = data.extract_surface(algorithm="dataset_surface").triangulate()
        faces, cell_values = data.regular_faces, data.cell_data
    if data.n_points == 0 or len(faces) == 0:
        raise BadInput(f"{path}: no triangles or tetrahedra; incomplete, or another format?")
    points = np.asarray(data.points, float)
    if n := int((~np.isfinite(points[np.unique(faces)]).all(axis=1)).sum()):
        raise BadInput(f"{path}: {n} of {len(points)} vertices are not numbers; export it again")
    if not tags:
        found = cell_values[OWN_ARRAY] if OWN_ARRAY in cell_values else np.zeros(len(faces), int)
        return Surfaces(points, faces, _own_tags(np.asarray(found)))
    name, _, rest = tags.partition(" ")
    values = _values_of(_pairs(rest, "tags"))
    for arrays, of_vertices in ((cell_values, False), (data.point_data, True)):
        if name in arrays:
            found = np.asarray(arrays[name])
            return Surfaces(points, faces, _translate(found, values, faces, of_vertices, path))
    there = [name for name in data.array_names if not name.startswith("vtkOriginal")]
    raise BadInput(f"{path}: no array {name!r}; available are {', '.join(there) or 'none is'}")


def _vtk_data(path: Path) -> Any:
    """Data that VTK reads from a file."""
    if path.suffix.lower() == FLD_SUFFIX:
        raise BadInput(
            f"{path}: the format .fld of ECGSIM is not published and is not read; give the surface "
            "as .tri, and times as a VTK array or a .dat file (time=)"
        )
    if path.suffix.lower() not in VTK_SUFFIXES:
        known = " ".join((*VTK_SUFFIXES, *CARP_SUFFIXES, TRI_SUFFIX))
        raise BadInput(f"{path}: suffix {path.suffix!r} is none of {known}; convert the file")
    return read_vtk(path)


def tetrahedra_of(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Points [node, 3], tetrahedra [cell, 4] (empty: [0, 4]) and all arrays of a VTK file.

    Raises:
        BadInput: not readable.
    """
    import pyvista as pv

    data = _vtk_data(_path(path, Path()))
    if not isinstance(data, pv.UnstructuredGrid) or pv.CellType.TETRA not in data.celltypes:
        return np.asarray(data.points, float), np.empty((0, 4), int), {}
    data = data.extract_cells(data.celltypes == pv.CellType.TETRA)
    arrays = {k: np.asarray(v) for k, v in (*data.cell_data.items(), *data.point_data.items())
              if not k.startswith("vtkOriginal")}  # fmt: skip
    return np.asarray(data.points, float), data.cell_connectivity.reshape(-1, 4), arrays


def boundary_of(cells: np.ndarray) -> np.ndarray:
    """Triangles [face, 3] that belong to one tetrahedron only, in no particular orientation."""
    sides = np.concatenate([cells[:, [1, 2, 3]], cells[:, [0, 3, 2]],
                            cells[:, [0, 1, 3]], cells[:, [0, 2, 1]]])  # fmt: skip
    _, first, counts = np.unique(
        np.sort(sides, axis=1), axis=0, return_index=True, return_counts=True
    )
    return sides[np.sort(first[counts == 1])]


def _own_tags(values: np.ndarray) -> np.ndarray:
    """Tags of core.tags; other values become zero."""
    known = np.isin(values, [*TAG_WORDS.values()])
    return np.where(known.all(), values, 0).astype(int)


def _translate(
    values: np.ndarray,
    words: dict[str, list[float]],
    faces: np.ndarray,
    of_vertices: bool,
    path: Path,
) -> np.ndarray:
    """Tags [face] from an array.

    From vertices, the base takes precedence, because it is often one vertex wide; otherwise the
    majority does.
    """
    tags = np.zeros(len(values), int)
    for word, found in words.items():
        tags[np.isin(values, found)] = TAG_WORDS[word]
    if (tags == 0).any():
        unnamed = np.unique(values[tags == 0])[:5].tolist()
        raise BadInput(f"{path}: tags: the array also holds {unnamed}; name every value")
    if not of_vertices:
        return tags
    corners = tags[faces]
    on_base = (corners == Surface.BASE).any(axis=1)
    return np.where(on_base, Surface.BASE, np.sort(corners, axis=1)[:, 1])
