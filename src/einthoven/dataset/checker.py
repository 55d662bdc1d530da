"""Checker of both stores: bytes against the manifest, structure against the layout, values."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from einthoven.core.errors import BadInput
from einthoven.dataset.archive import MANIFEST, verify
from einthoven.dataset.layout import DATASET_FORMAT, FORMAT_VERSION, LAYOUTS, Layout, Variable
from einthoven.dataset.store import array_of, open_store, values_of

SPLITS = ("train", "val", "test", "imported")
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Summary:
    """What a store that passed holds."""

    kind: str
    n_patients: int
    n_variables: int
    n_bytes: int


def _variable_of(member: str) -> str:
    """The variable to which a member of the archive belongs: `field/sdf/c/0/0` -> `field/sdf`."""
    if member == MANIFEST:
        return MANIFEST
    return member.split("/c/")[0].removesuffix("/c").removesuffix("zarr.json").strip("/") or "root"


def _check_array(array: zarr.Array, variable: Variable, sizes: dict[str, int]) -> Iterator[str]:
    """Differences between one array and its row in the layout."""
    dims = tuple(getattr(array.metadata, "dimension_names", None) or ())
    if dims != variable.dims:
        yield f"dimensions {dims}, expected {variable.dims}"
        return
    kind = "str" if array.dtype.kind in "TUO" else str(array.dtype)
    if kind != variable.dtype:
        yield f"dtype {kind}, expected {variable.dtype}"
    if array.attrs.get("units") != variable.units:
        yield f"units {array.attrs.get('units')!r}, expected {variable.units!r}"
    for dim, size in zip(dims, array.shape):
        if sizes.setdefault(dim, size) != size:
            yield f"{dim} has length {size}, elsewhere {sizes[dim]}"


def _check_layout(root: zarr.Group, layout: Layout) -> Iterator[tuple[str, str]]:
    """(variable, fault) for the whole store."""
    sizes: dict[str, int] = {}
    for group, variables in layout.items():
        for variable in variables:
            key = f"{group}/{variable.name}".lstrip("/")
            if key not in root or not isinstance(root[key], zarr.Array):
                yield key, "missing"
                continue
            for fault in _check_array(array_of(root, key), variable, sizes):
                yield key, fault


def _blocks(array: zarr.Array, by_patient: bool) -> Iterator[np.ndarray]:
    """The array patient by patient, or whole."""
    if by_patient and array.ndim > 1:
        for index in range(array.shape[0]):
            yield np.asarray(array[index])
    else:
        yield np.asarray(array[...])


def _value_fault(array: zarr.Array, variable: Variable) -> str:
    """What is wrong with the numbers of one array; empty if nothing."""
    try:
        for block in _blocks(array, variable.dims[0] == "patient"):
            if not variable.dtype.startswith("float"):
                continue
            unknown = variable.may_be_unknown and np.isnan(block).all()
            if not unknown and not np.isfinite(block).all():
                return "holds NaN or infinite values"
            if variable.name in ("f0", "s0", "n0"):
                worst = np.abs(np.linalg.norm(block, axis=-1) - 1).max(initial=0)
                if worst > _UNIT_TOLERANCE:
                    return f"not unit vectors (off by {worst:.2g})"
    except Exception as error:  # each codec has its own way to say that bytes are damaged
        return f"not decodable ({error})"
    return ""


def _check_values(root: zarr.Group, layout: Layout) -> Iterator[tuple[str, str]]:
    """Chunks that do not decode, NaN, infinity, directions that are no unit vectors."""
    for group, variables in layout.items():
        for variable in variables:
            key = f"{group}/{variable.name}".lstrip("/")
            if fault := _value_fault(array_of(root, key), variable):
                yield key, fault


def _check_split(root: zarr.Group) -> Iterator[tuple[str, str]]:
    """Leakage: an unknown split, a patient twice, or one anatomy under two names."""
    names, splits = values_of(root, "patient").tolist(), values_of(root, "split").tolist()
    if unknown := sorted(set(splits) - set(SPLITS)):
        yield "split", f"unknown value {', '.join(unknown)}"
    if len(set(names)) != len(names):
        yield "patient", "a patient occurs twice"
    latent = values_of(root, "cohort/latent_pca")
    drawn = np.flatnonzero(np.isfinite(latent).all(axis=1))
    _, first, inverse = np.unique(latent[drawn], axis=0, return_index=True, return_inverse=True)
    for index, twin in zip(drawn, drawn[first[inverse.ravel()]]):
        if twin != index:
            yield "cohort/latent_pca", f"{names[index]} and {names[twin]} have one anatomy"


def _line(path: Path, problems: list[tuple[str, str]]) -> str:
    shown = "; ".join(f"{variable}: {fault}" for variable, fault in problems[:5])
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return f"{path}: {shown}{more}"


def check_store(path: str | Path) -> Summary:
    """Check every byte, the structure and the values of a patient or consolidated store.

    Raises:
        BadInput: one line that names the file and each variable at fault.
    """
    path = Path(path)
    problems = [(_variable_of(member), fault) for member, fault in verify(path)]
    if problems:
        raise BadInput(_line(path, problems))
    with open_store(path) as root:
        kind = root.attrs.get("format")
        if kind not in LAYOUTS:
            raise BadInput(
                f"{path}: format {kind!r} is none of {', '.join(LAYOUTS)}; foreign Zarr?"
            )
        if root.attrs.get("format_version") != FORMAT_VERSION:
            raise BadInput(
                f"{path}: format_version {root.attrs.get('format_version')!r}, "
                f"this einthoven reads {FORMAT_VERSION}"
            )
        layout = LAYOUTS[kind]
        problems = list(_check_layout(root, layout)) or list(_check_values(root, layout))
        if not problems and kind == DATASET_FORMAT:
            problems = list(_check_split(root))
        if problems:
            raise BadInput(_line(path, problems))
        n_patients = array_of(root, "patient").shape[0] if kind == DATASET_FORMAT else 1
    n_variables = sum(len(variables) for variables in layout.values())
    return Summary(kind, n_patients, n_variables, path.stat().st_size)
