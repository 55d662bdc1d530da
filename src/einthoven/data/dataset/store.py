"""Zarr v3 arrays as the layout defines them: checksummed, named, with units."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import parts_of
from einthoven.data.dataset.archive import pack
from einthoven.data.dataset.layout import Variable

if TYPE_CHECKING:  # takes half a second, which jobs without a store need not pay
    import zarr


@contextmanager
def new_store(path: str | Path, attrs: dict[str, Any]) -> Iterator["zarr.Group"]:
    """Yield a root group with `attrs` to fill; on success it becomes the zip archive `path`."""
    import zarr

    with parts_of(path) as directory:
        yield zarr.create_group(directory, attributes=attrs)
        _consolidate_metadata(directory)
        pack(directory, path)


def _consolidate_metadata(directory: Path) -> None:
    """Copy all metadata into the root, sorted, so that one read opens the store.

    Without it Zarr lists the whole archive to open it.
    """
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # consolidated metadata is an extension of the v3 specification
        zarr.consolidate_metadata(directory)
    root = directory / "zarr.json"
    data = json.loads(root.read_text())
    members = data["consolidated_metadata"]["metadata"]
    data["consolidated_metadata"]["metadata"] = dict(sorted(members.items()))
    root.write_text(json.dumps(data, indent=1))


def create(
    group: "zarr.Group", variable: Variable, shape: tuple[int, ...], n_chunked: int = 0
) -> "zarr.Array":
    """Create an empty array in a group.

    The first `n_chunked` axes have chunks of length 1. If there are several, all chunks of an index
    on the first axis share one shard, hence one file.
    """
    from zarr.codecs import Crc32cCodec, ZstdCodec

    chunks = tuple(1 if i < n_chunked else max(1, n) for i, n in enumerate(shape))
    shards = (1, *(max(1, n) for n in shape[1:])) if n_chunked > 1 else None
    return group.create_array(
        variable.name,
        shape=shape,
        dtype=str if variable.dtype == "str" else variable.dtype,
        chunks=chunks,
        shards=shards,
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        dimension_names=variable.dims,
        attributes={"units": variable.units, "long_name": variable.long_name},
        # chunks of zeros are written, too, so that a missing file is always an error
        config={"write_empty_chunks": True},
    )


def write(group: "zarr.Group", variable: Variable, values: np.ndarray) -> None:
    """Create an array and fill it, cast to the layout's dtype.

    Raises:
        BadInput: wrong number of dimensions, lossy kind of cast, NaN or infinity (but scores of
            an imported patient may all be NaN).
    """
    values = _cast(variable, np.asarray(values), f"{group.path}: {variable.stage_name}")
    create(group, variable, values.shape)[...] = values


def _cast(variable: Variable, values: np.ndarray, where: str) -> np.ndarray:
    """Values with the layout's dtype and number of dimensions; `where` is for messages."""
    if values.ndim != len(variable.dims):
        raise BadInput(f"{where}: {values.ndim} dimensions, expected {variable.dims}")
    if variable.dtype == "str":
        return values.astype(np.dtypes.StringDType())
    if variable.dtype.startswith("int"):
        limits = np.iinfo(variable.dtype)
        fits = values.size == 0 or (values.min() >= limits.min and values.max() <= limits.max)
        if values.dtype.kind not in "iub" or not fits:
            raise BadInput(f"{where}: {values.dtype} does not fit {variable.dtype}")
    elif not variable.is_known(values):
        raise BadInput(f"{where}: holds NaN or infinite values")
    return values.astype(variable.dtype)


def array_of(group: "zarr.Group", key: str) -> "zarr.Array[Any]":
    """The array at `key`, not yet read.

    Raises:
        BadInput: it does not exist.
    """
    import zarr

    node = group.get(key)
    if not isinstance(node, zarr.Array):
        path = str(group.store).rpartition("://")[2]
        raise BadInput(f"{path}: has no variable {key}; run `einthoven check` on it")
    return node


def values_of(group: "zarr.Group", key: str) -> np.ndarray:
    """The whole array at `key`; names as fixed-length text, which a stage file can store.

    Raises:
        BadInput: it does not exist.
    """
    values = np.asarray(array_of(group, key)[...])
    return np.array(values.tolist(), str) if values.dtype.kind == "T" else values


@contextmanager
def open_store(path: str | Path) -> Iterator["zarr.Group"]:
    """Open a store, zipped or the folder of an unzipped one, for reading with plain Zarr.

    Raises:
        BadInput: the file is missing, truncated or not Zarr.
    """
    import zarr
    from zarr.storage import LocalStore, ZipStore

    if not Path(path).exists():
        raise BadInput(f"{path}: no such file")
    try:
        unzipped = Path(path).is_dir()
        store = LocalStore(path, read_only=True) if unzipped else ZipStore(path, mode="r")
        group = zarr.open_group(store, mode="r")
    except Exception as error:  # zipfile, zarr and json raise many types for broken stores
        raise BadInput(f"{path}: not a readable Zarr store ({error})") from error
    try:
        yield group
    finally:
        store.close()
