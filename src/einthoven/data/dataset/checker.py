"""Checker of both stores: bytes against the seal, members and arrays against the layout, values."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.archive import verify
from einthoven.data.dataset.layout import (
    DATASET_FORMAT,
    FORMAT_VERSION,
    LAYOUTS,
    UNKNOWN_SEX,
    Variable,
    by_key,
)
from einthoven.data.dataset.store import array_of, open_store, values_of

SPLITS = ("train", "val", "test", "imported")
SEXES = ("female", "male", UNKNOWN_SEX)
_UNIT_TOLERANCE = 1e-3
_METADATA = "zarr.json"

Fault = tuple[str, str]
"""Variable (or other item) and what is wrong with it."""


@dataclass(frozen=True)
class Summary:
    """Contents of a store that passed."""

    kind: str
    n_patients: int
    n_bytes: int


def _variable_of(member: str) -> str:
    """Variable to which a member of the archive belongs: `field/sdf/c/0/0` -> `field/sdf`."""
    return member.split("/c/")[0].removesuffix("/c").removesuffix(_METADATA).strip("/") or "root"


def _check_arrays(root: zarr.Group, variables: Mapping[str, Variable]) -> Iterator[Fault]:
    """Arrays that are missing, or differ from their row in the layout."""
    sizes: dict[str, int] = {}
    for key, variable in variables.items():
        array = root.get(key)
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
        if fault := variable.length_fault(array.shape, sizes):
            yield key, fault


def _check_members(path: Path, root: zarr.Group, keys: Iterable[str]) -> Iterator[Fault]:
    """Members that are missing (Zarr reads such a chunk as zeros), or belong to no variable."""
    expected = {_METADATA}
    for key in keys:
        array, group = array_of(root, key), key.rpartition("/")[0]
        expected |= {f"{group}/{_METADATA}".lstrip("/"), f"{key}/{_METADATA}"}
        files = zip(array.shape, array.shards or array.chunks)
        expected |= {
            f"{key}/{array.metadata.encode_chunk_key(index)}"
            for index in np.ndindex(*(-(-length // size) for length, size in files))
        }
    with zipfile.ZipFile(path) as archive:
        found = set(archive.namelist())
    for member in sorted(expected - found):
        yield _variable_of(member), f"missing ({member})"
    for member in sorted(found - expected):
        yield _variable_of(member), f"not of the layout ({member})"


def _check_values(root: zarr.Group, variables: Mapping[str, Variable]) -> Iterator[Fault]:
    """Chunks that cannot be decoded, NaN, infinity, and directions without unit length."""
    for key, variable in variables.items():
        try:
            if fault := _value_fault(array_of(root, key), variable):
                yield key, fault
        except Exception as error:  # each codec raises its own error for damaged bytes
            yield key, f"not decodable ({error})"


def _value_fault(array: zarr.Array, variable: Variable) -> str:
    """Fault in the values of one array, read patient by patient; empty if there is none."""
    by_patient = variable.dims[0] == "patient" and array.ndim > 1
    rows: Iterable[Any] = range(array.shape[0]) if by_patient else [...]
    for row in rows:
        values = np.asarray(array[row])
        if variable.dtype.startswith("float") and not variable.is_known(values):
            return "holds NaN or infinite values"
        if variable.name in ("f0", "s0", "n0"):
            worst = np.abs(np.linalg.norm(values, axis=-1) - 1).max(initial=0)
            if worst > _UNIT_TOLERANCE:
                return f"not unit vectors (off by {worst:.2g})"
    return ""


def _check_split(root: zarr.Group) -> Iterator[Fault]:
    """Leakage: an unknown split, a patient twice, or one anatomy under two names."""
    names, splits = values_of(root, "patient").tolist(), values_of(root, "split").tolist()
    if unknown := sorted(set(splits) - set(SPLITS)):
        yield "split", f"unknown value {', '.join(unknown)}"
    if unknown := sorted(set(values_of(root, "sex").tolist()) - set(SEXES)):
        yield "sex", f"unknown value {', '.join(unknown)}"
    if len(set(names)) != len(names):
        yield "patient", "a patient occurs twice"
    latent = values_of(root, "cohort/latent_pca")
    drawn = np.flatnonzero(np.isfinite(latent).all(axis=1))
    _, first, inverse = np.unique(latent[drawn], axis=0, return_index=True, return_inverse=True)
    for index, twin in zip(drawn, drawn[first[inverse.ravel()]]):
        if twin != index:
            yield "cohort/latent_pca", f"{names[index]} and {names[twin]} have one anatomy"


def _refuse_any(path: Path, faults: Iterable[Fault]) -> None:
    """Raise one line for all faults, if there are any."""
    lines = [f"{variable}: {fault}" for variable, fault in faults]
    if lines:
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise BadInput(f"{path}: {'; '.join(lines[:5])}{more}")


def check_store(path: str | Path) -> Summary:
    """Check every byte, the structure and the values of a patient or consolidated store.

    Raises:
        BadInput: one line that names the file and each variable at fault.
    """
    path = Path(path)
    seal_fault, damaged = verify(path)
    _refuse_any(path, ((_variable_of(member), fault) for member, fault in damaged))
    try:
        summary = _check_content(path)
    except BadInput as error:
        if not seal_fault:
            raise
        raise BadInput(f"{error}; zip headers: {seal_fault}") from error
    _refuse_any(path, [("zip headers", seal_fault)] if seal_fault else [])
    return summary


def _check_content(path: Path) -> Summary:
    """Check the members, structure and values of a store of which every member can be read."""
    with open_store(path) as root:
        kind, version = root.attrs.get("format"), root.attrs.get("format_version")
        if kind not in LAYOUTS:
            raise BadInput(
                f"{path}: format {kind!r} is none of {', '.join(LAYOUTS)}; foreign Zarr?"
            )
        if version != FORMAT_VERSION:
            raise BadInput(
                f"{path}: format_version {version!r}, this einthoven reads {FORMAT_VERSION}"
            )
        variables = by_key(LAYOUTS[kind])
        _refuse_any(path, _check_arrays(root, variables))
        _refuse_any(path, _check_members(path, root, variables))
        _refuse_any(path, _check_values(root, variables))
        if kind == DATASET_FORMAT:
            _refuse_any(path, _check_split(root))
        n_patients = array_of(root, "patient").shape[0] if kind == DATASET_FORMAT else 1
    return Summary(kind, n_patients, path.stat().st_size)
