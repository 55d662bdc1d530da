"""Open the stores with xarray: lazy, chunked by patient (and electrode), read through the zip.

The equivalent without einthoven is

    store = zarr.storage.ZipStore("einthoven.zarr.zip", mode="r")
    xarray.open_datatree(store, engine="zarr", chunks={})
    xarray.open_zarr(store, group="field")

Do not use the address "zip::einthoven.zarr.zip": fsspec's zip files are not safe for several
threads, such as dask's; about one read in five then fails its checksum.
"""

from pathlib import Path

import xarray as xr
from zarr.storage import FsspecStore, LocalStore, ZipStore

from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.layout import LAYOUTS


def open_dataset(path: str | Path) -> xr.DataTree:
    """A data set as an xarray DataTree that reads no array yet.

    Its children inherit the patient coordinate.

    Args:
        path: a .zarr.zip file, an unzipped store (a folder .zarr), or the address of one that
            fsspec reads, such as https://host/einthoven.zarr or s3://bucket/einthoven.zarr.

    Raises:
        BadInput: nothing there, not Zarr, or not a store of einthoven.
    """
    try:
        tree = xr.open_datatree(store_at(path), engine="zarr", chunks={})
    except BadInput:
        raise
    except Exception as error:  # xarray, zarr and zipfile raise many types for broken stores
        raise BadInput(f"{path}: not a readable Zarr store ({error})") from error
    if tree.attrs.get("format") not in LAYOUTS:
        raise BadInput(f"{path}: not a store of einthoven (foreign Zarr?)")
    return tree


def store_at(path: str | Path) -> ZipStore | LocalStore | FsspecStore:
    """The Zarr store at a path or address, opened for reading.

    Raises:
        BadInput: no such file; a remote zip, which cannot be read in parts.
    """
    if "://" in str(path):
        if str(path).endswith(".zip"):
            raise BadInput(
                f"{path}: a remote zip cannot be read in parts; open the unzipped store beside "
                "it (einthoven.zarr), or download the file"
            )
        return FsspecStore.from_url(str(path), read_only=True)
    path = Path(path)
    if path.is_dir():
        return LocalStore(path, read_only=True)
    if not path.is_file():
        raise BadInput(f"{path}: no such file; run `snakemake dataset`")
    return ZipStore(path, mode="r")


def open_group(path: str | Path, group: str, split: str | None = None) -> xr.Dataset:
    """One group of the consolidated store with the coordinates `patient`, `split` and `sex`.

    The groups are cohort, electrode, sdf, field and ecg; a split (train, val or test) keeps only
    its patients.

    Raises:
        BadInput: no such group or split.
    """
    tree = open_dataset(path)
    if group not in tree.children:
        raise BadInput(f"{path}: no group {group!r}; it has {', '.join(sorted(tree.children))}")
    root = tree.to_dataset()
    data = (
        tree[group].to_dataset().assign_coords(split=root["split"].load(), sex=root["sex"].load())
    )
    if split is None:
        return data
    keep = (data["split"] == split).values
    if not keep.any():
        raise BadInput(f"{path}: no patient in split {split!r}")
    return data.isel(patient=keep)
