"""Structure of a store: members, metadata, shapes, units and coordinates against the layout."""

import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from einthoven.base.core.names import LEADS
from einthoven.base.core.tags import SDF_SURFACES, Surface, Tissue
from einthoven.data.dataset.layout import STAGE_SIZES, Variable

Fault = tuple[str, str]
"""Variable (or other item) and what is wrong with it."""
METADATA = "zarr.json"
SIZES = STAGE_SIZES | {"lead": len(LEADS)}
"""Lengths of the dimensions that are the same in all stores."""
NAMES = {"lead": LEADS, "surface": SDF_SURFACES}
"""Coordinates that have the same values in all stores."""
MAX_RATIO, SMALL_BYTES, TEXT_BYTES = 40_000, 1 << 20, 16
"""Zstandard makes a file at most about 33,000 times smaller."""
MANY_FILES = 10
"""Declared files per file that is there, from which on the declared shape is at fault."""
IDS = {
    "cells": "node", "facets": "node", "kept_nodes": "node", "field_cell": "cell",
    "faces": "vertex", "tree_edges": "tree_node", "tree_roots": "tree_node",
    "pmj_nodes": "heart_node", "source_nodes": "heart_node", "source_scenario": "scenario",
}  # fmt: skip
"""Arrays of ids -> dimension that they count."""
TAGS: dict[str, set[int]] = {
    "cell_tags": {*map(int, Tissue)}, "field_tissue": {*map(int, Tissue)},
    "facet_tags": {*map(int, Surface)}, "face_tags": {*map(int, Surface)},
}  # fmt: skip


class Members:
    """Files of a store, zipped or not: their names, sizes and bytes."""

    def __init__(self, path: Path):
        self.path = path
        if path.is_dir():
            files = (p for p in path.rglob("*") if p.is_file())
            self.sizes = {p.relative_to(path).as_posix(): p.stat().st_size for p in files}
        else:
            self.sizes = {m.filename: m.file_size for m in self._archive.infolist()}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        """The archive, whose directory is read once; it closes itself."""
        return zipfile.ZipFile(self.path)

    def read(self, name: str) -> bytes:
        """Bytes of one member."""
        if self.path.is_dir():
            return (self.path / name).read_bytes()
        return self._archive.read(name)

    def of_array(self, key: str) -> list[str]:
        """Names of an array's chunks or shards."""
        return [name for name in self.sizes if name.startswith(f"{key}/c")]


def variable_of(member: str) -> str:
    """Variable to which a member of a store belongs: `field/sdf/c/0/0` -> `field/sdf`."""
    return member.split("/c/")[0].removesuffix("/c").removesuffix(METADATA).strip("/") or "root"


type Arrays = Mapping[str, "zarr.Array[Any]"]
"""Key in a store -> array, not yet read."""


def array_faults(
    found: Mapping[str, Any], members: Members, variables: Mapping[str, Variable]
) -> Iterator[Fault]:
    """Arrays that are missing, or differ from their row in the layout, both by key.

    What is found is None for nothing.
    """
    sizes = dict(SIZES)
    for key, variable in variables.items():
        array = found[key]
        if not isinstance(array, zarr.Array):
            yield key, "missing"
            continue
        dims = tuple(getattr(array.metadata, "dimension_names", None) or ())
        if dims != variable.dims:
            yield key, f"dimensions {dims}, expected {variable.dims}"
            continue
        dtype = "str" if array.dtype.kind in "TUO" else str(array.dtype)
        if dtype != variable.dtype:
            yield key, f"dtype {dtype}, expected {variable.dtype}"
        if array.attrs.get("units") != variable.units:
            yield key, f"units {array.attrs.get('units')!r}, expected {variable.units!r}"
        if fault := variable.length_fault(array.shape, sizes) or _shape_fault(array, members, key):
            yield key, fault


def _shape_fault(array: zarr.Array, members: Members, key: str) -> str:
    """Conflict of a declared shape with the files that are there; empty if there is none."""
    files = members.of_array(key)
    declared = math.prod(-(-n // size) for n, size in zip(array.shape, _file_shape(array)))
    if declared > MANY_FILES * (len(files) + 1):
        return f"shape {array.shape} needs {declared} files, there are {len(files)}; shape edited?"
    text = array.dtype.kind in "TUO"
    n_bytes = math.prod(_file_shape(array)) * (TEXT_BYTES if text else array.dtype.itemsize)
    stored = max((members.sizes[name] for name in files), default=0)
    if n_bytes > SMALL_BYTES + MAX_RATIO * stored:
        return f"shape {array.shape} needs {n_bytes} bytes, its file has {stored}; shape edited?"
    return ""


def _file_shape(array: zarr.Array) -> tuple[int, ...]:
    """Shape of what one file holds: a shard, or a chunk."""
    return array.shards or array.chunks


def member_faults(arrays: Arrays, members: Members) -> Iterator[Fault]:
    """Members that are missing (Zarr reads such a chunk as zeros), or belong to no variable."""
    expected = {METADATA}
    for key, array in arrays.items():
        group = key.rpartition("/")[0]
        expected |= {f"{group}/{METADATA}".lstrip("/"), f"{key}/{METADATA}"}
        files = zip(array.shape, _file_shape(array))
        expected |= {
            f"{key}/{array.metadata.encode_chunk_key(index)}"
            for index in np.ndindex(*(-(-length // size) for length, size in files))
        }
    found = set(members.sizes)
    for member in sorted(expected - found):
        yield variable_of(member), f"missing ({member})"
    for member in sorted(found - expected):
        yield variable_of(member), f"not of the layout ({member})"


def metadata_faults(members: Members) -> Iterator[Fault]:
    """Metadata that differ from their copy in the root, which most readers take instead."""
    try:
        copies = json.loads(members.read(METADATA))["consolidated_metadata"]["metadata"]
    except (KeyError, TypeError, ValueError):
        yield "root", "has no copy of all metadata; packed by another tool?"
        return
    for key, copy in copies.items():
        own = json.loads(members.read(f"{key}/{METADATA}"))
        for item in differences(_plain(own), _plain(copy)):
            yield key, f"{item} in the copy of the root's {METADATA}; one of them was edited"


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata of one node without the copies of those below it."""
    return {key: value for key, value in metadata.items() if key != "consolidated_metadata"}


def differences(found: Any, expected: Any, where: str = "") -> Iterator[str]:
    """Each place where two JSON documents differ: `a.b[c] is 1, 2`; dictionaries by key."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in [*expected, *(k for k in found if k not in expected)]:
            inside = f"{where}.{key}" if where else str(key)
            if key not in found:
                yield f"{inside} is missing, {_short(expected[key])}"
            elif key not in expected:
                yield f"{inside} is {_short(found[key])}, nothing"
            else:
                yield from differences(found[key], expected[key], inside)
    elif type(found) is not type(expected) or found != expected:
        yield f"{where} is {_short(found)}, {_short(expected)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def coordinate_faults(coordinates: Mapping[str, Sequence[Any]]) -> Iterator[Fault]:
    """Coordinates, by key, that are not unique, not the layout's, or not the same in all groups."""
    first: dict[str, str] = {}
    for key, values in coordinates.items():
        name = key.rpartition("/")[2]
        if len(set(values)) < len(values):
            twice = next(value for value, n in Counter(values).items() if n > 1)
            yield key, f"a {name} occurs twice: {twice}"
        if name in NAMES and tuple(values) != NAMES[name]:
            yield key, f"is {', '.join(values)}, expected {', '.join(NAMES[name])}; reordered?"
        if coordinates[home := first.setdefault(name, key)] != values:
            yield key, f"differs from {home}; a group of another store?"
    steps = np.diff(coordinates["ecg/time"])
    if len(steps) and (steps[0] <= 0 or np.ptp(steps) > 1e-6 * steps[0]):
        yield "ecg/time", "does not increase in equal steps; not in ms, or edited?"


def id_fault(variable: Variable, values: np.ndarray, sizes: Mapping[str, int]) -> str:
    """Ids of nodes or cells that do not exist, or unknown tags; empty if there are none.

    Values are of the variable's array, or of one patient's row; `sizes` are lengths by dimension.
    """
    if (dim := IDS.get(variable.name, "")) in sizes and values.size:
        if values.min() < 0 or values.max() >= sizes[dim]:
            span = f"{values.min()} to {values.max()}"
            return f"has ids {span}, there are {sizes[dim]} ({dim}); of another mesh?"
    elif variable.name in TAGS:
        if unknown := set(np.unique(values).tolist()) - TAGS[variable.name]:
            return f"unknown tags {sorted(unknown)}; see core.tags"
    return ""
