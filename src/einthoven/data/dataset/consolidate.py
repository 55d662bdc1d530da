"""Writer of the consolidated store: all patients in one sharded archive, one at a time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from einthoven.base.core.check import unique
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.base.core.version import __version__
from einthoven.data.dataset.layout import (
    DATASET_FORMAT,
    DATASET_LAYOUT,
    FORMAT_VERSION,
    PATIENT_FORMAT,
    UNKNOWN_SEX,
    Variable,
    by_key,
)
from einthoven.data.dataset.store import array_of, create, new_store, open_store, values_of, write

TITLE = "Virtual patients: anatomies, lead fields and ECGs"
LICENCE = "CC-BY-4.0"
NOT_OURS = "holds imported patients: theirs to license, not published with the virtual ones"
_IN_GROUPS = {key: variable for key, variable in by_key(DATASET_LAYOUT).items() if "/" in key}


def _find(patient: zarr.Group, key: str) -> zarr.Array[Any]:
    """The patient's array for one of the consolidated store: in the same group, or in `anatomy`."""
    elsewhere = f"anatomy/{key.partition('/')[2]}"
    return array_of(patient, elsewhere if key not in patient and elsewhere in patient else key)


def _is_shared(variable: Variable) -> bool:
    """Whether a variable is the same for all patients, as coordinates are."""
    return variable.dims[0] != "patient"


def _create_groups(root: zarr.Group, first: zarr.Group, n_patients: int) -> None:
    """Create all groups with shared arrays (written) and per-patient arrays (empty)."""
    for key, variable in _IN_GROUPS.items():
        source, group = _find(first, key), root.require_group(key.partition("/")[0])
        if _is_shared(variable):
            write(group, variable, np.asarray(source[...]))
        else:
            # An electrode's field is one chunk; the patient's shard is one file.
            n_chunked = 2 if "electrode" in variable.dims[:2] and len(variable.dims) == 4 else 1
            create(group, variable, (n_patients, *source.shape), n_chunked)


def _copy_patient(root: zarr.Group, patient: zarr.Group, index: int, path: str | Path) -> None:
    """Fill row `index` of every array from one patient's store."""
    for key, variable in _IN_GROUPS.items():
        source, target = _find(patient, key), array_of(root, key)
        if _is_shared(variable):
            if not np.array_equal(source[...], target[...]):
                raise BadInput(f"{path}: {key} differs from the first patient's")
        elif source.shape != target.shape[1:]:
            raise BadInput(
                f"{path}: {key} has shape {source.shape}, "
                f"the first patient's has {target.shape[1:]}; made with another config?"
            )
        else:
            target[index] = np.asarray(source[...])


def _read_roots(stores: Sequence[str | Path]) -> tuple[list[str], list[str], list[str]]:
    """Names, splits and sexes of all patients, from the attributes alone."""
    names, splits, sexes = [], [], []
    for path in stores:
        with open_store(path) as root:
            if root.attrs.get("format") != PATIENT_FORMAT:
                raise BadInput(f"{path}: not a patient store of einthoven (foreign Zarr?)")
            names.append(str(root.attrs["patient"]))
            splits.append(str(root.attrs["split"]))
            sexes.append(str(root.attrs.get("sex") or UNKNOWN_SEX))
    unique("patients", names)
    return names, splits, sexes


def consolidate(
    path: str | Path,
    stores: Sequence[str | Path],
    config: dict[str, Any],
    excluded: Sequence[str] = (),
) -> None:
    """Stream patient stores into the consolidated store; memory holds one array of one patient.

    The same stores and config give the same bytes.

    Args:
        path: the .zarr.zip file to write.
        stores: patient stores, in the order wanted.
        config, excluded: physics sections and excluded patients of the config, for the root
            attributes.

    Raises:
        BadInput: no stores, a foreign or broken one, or patients of different configs.
    """
    if not stores:
        raise BadInput("consolidate: no patient stores given")
    names, splits, sexes = _read_roots(stores)
    attrs = {
        "format": DATASET_FORMAT,
        "format_version": FORMAT_VERSION,
        "einthoven_version": __version__,
        "title": TITLE,
        "licence": NOT_OURS if "imported" in splits else LICENCE,
        "config": json.dumps(config, sort_keys=True),
        "excluded": sorted(excluded),
    }
    with new_store(path, attrs) as root:
        for variable, values in zip(DATASET_LAYOUT[""], (names, splits, sexes), strict=True):
            write(root, variable, np.array(values))
        with open_store(stores[0]) as first:
            _create_groups(root, first, len(stores))
        for index, store in enumerate(track(stores, "consolidate")):
            with open_store(store) as patient:
                _copy_patient(root, patient, index, store)


def row_faults(path: str | Path, patients: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """File and fault of each patient whose own store differs from its row in the consolidated one.

    All stores are sound.
    """
    with open_store(path) as root:
        rows = {name: row for row, name in enumerate(values_of(root, "patient").tolist())}
        for store in patients:
            with open_store(store) as patient:
                name = str(patient.attrs.get("patient"))
                if name not in rows or store.name.partition(".")[0] != name:
                    yield store, f"holds {name}; renamed, or not of {Path(path).name}?"
                    continue
                for item in _row_differences(root, patient, rows[name]):
                    yield store, f"{item} differs from {Path(path).name}; one was edited"


def _row_differences(root: zarr.Group, patient: zarr.Group, row: int) -> Iterator[str]:
    """Names of attributes and arrays of a patient's store that differ from a row of `root`."""
    for key in ("split", "sex"):
        stored = str(patient.attrs.get(key) or UNKNOWN_SEX)
        if stored != (found := values_of(root, key)[row]):
            yield f"{key} {stored} ({found})"
    for key, variable in _IN_GROUPS.items():
        whole, own = array_of(root, key), np.asarray(_find(patient, key)[...])
        values = np.asarray(whole[...] if _is_shared(variable) else whole[row])
        if not np.array_equal(values, own, equal_nan=values.dtype.kind == "f"):
            yield key
