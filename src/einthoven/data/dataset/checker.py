"""Checker of both stores: bytes against the seal, members and arrays against the layout, values."""

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
    OF_SOME,
    PATIENT_FORMAT,
    UNKNOWN_SEX,
    Variable,
    by_key,
)
from einthoven.data.dataset.store import array_of, open_store, values_of
from einthoven.data.dataset.structure import (
    Arrays,
    Fault,
    Members,
    array_faults,
    coordinate_faults,
    id_fault,
    member_faults,
    metadata_faults,
    variable_of,
)

SPLITS = ("train", "val", "test", "imported")
SEXES = ("female", "male", UNKNOWN_SEX)
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Summary:
    """Contents of a store that passed."""

    kind: str
    n_patients: int
    n_bytes: int


def _value_faults(arrays: Arrays, variables: Mapping[str, Variable]) -> Iterator[Fault]:
    """Chunks that cannot be decoded, wrong values of an array, and contradicting coordinates."""
    sizes: dict[str, int] = {}
    for key, variable in variables.items():
        variable.length_fault(arrays[key].shape, sizes)
    coordinates: dict[str, list[Any]] = {}
    for key, variable in variables.items():
        try:
            if fault := _value_fault(arrays[key], variable, sizes):
                yield key, fault
            if variable.dims == (variable.name,):
                coordinates[key] = np.asarray(arrays[key][...]).tolist()
        except Exception as error:  # each codec raises its own error for damaged bytes
            yield key, f"not decodable ({error})"
    if all(key in coordinates for key, v in variables.items() if v.dims == (v.name,)):
        yield from coordinate_faults(coordinates)


def _value_fault(array: zarr.Array, variable: Variable, sizes: Mapping[str, int]) -> str:
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
        if fault := id_fault(variable, values, sizes):
            return fault
    return ""


def _check_split(root: zarr.Group) -> Iterator[Fault]:
    """Leakage: an unknown split, a patient twice, or one anatomy under two names."""
    names, splits = values_of(root, "patient").tolist(), values_of(root, "split").tolist()
    if unknown := sorted(set(splits) - set(SPLITS)):
        yield "split", f"unknown value {', '.join(unknown)}"
    if unknown := sorted(set(values_of(root, "sex").tolist()) - set(SEXES)):
        yield "sex", f"unknown value {', '.join(unknown)}"
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

    An unzipped store has no seal.

    Raises:
        BadInput: one line that names the file and each variable at fault.
    """
    path = Path(path)
    seal_fault, damaged = ("", []) if path.is_dir() else verify(path)
    _refuse_any(path, ((variable_of(member), fault) for member, fault in damaged))
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
        some = {group: variables for group, variables in OF_SOME.items() if group in root}
        layout = LAYOUTS[kind] | (some if kind == PATIENT_FORMAT else {})
        variables, members = by_key(layout), Members(path)
        found: dict[str, Any] = {key: root.get(key) for key in variables}
        _refuse_any(path, array_faults(found, members, variables))
        _refuse_any(path, member_faults(found, members))
        _refuse_any(path, metadata_faults(members))
        _refuse_any(path, _value_faults(found, variables))
        if kind == DATASET_FORMAT:
            _refuse_any(path, _check_split(root))
        n_patients = array_of(root, "patient").shape[0] if kind == DATASET_FORMAT else 1
    return Summary(kind, n_patients, sum(members.sizes.values()) if path.is_dir()
                   else path.stat().st_size)  # fmt: skip
