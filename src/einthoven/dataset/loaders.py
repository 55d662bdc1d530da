"""Open the stores with xarray: lazy, chunked by patient (and electrode), read through the zip.

Without einthoven the same is

    store = zarr.storage.ZipStore("einthoven.zarr.zip", mode="r")
    xarray.open_datatree(store, engine="zarr", chunks={})
    xarray.open_zarr(store, group="field")

Not the address "zip::einthoven.zarr.zip": fsspec's zip files are not safe to read from several
threads, as dask does (the checksums then report damage in about one of five reads).
"""

from pathlib import Path

import xarray as xr
from zarr.storage import ZipStore

from einthoven.core.errors import BadInput
from einthoven.dataset.layout import LAYOUTS


def open_tree(path: str | Path) -> xr.DataTree:
    """The whole store as a lazy DataTree; children inherit the patient coordinate.

    Raises:
        BadInput: missing file, no Zarr, or not a store of einthoven.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; run `snakemake dataset`")
    try:
        tree = xr.open_datatree(ZipStore(path, mode="r"), engine="zarr", chunks={})
    except Exception as error:  # xarray, zarr and zipfile raise many types for broken stores
        raise BadInput(f"{path}: not a readable Zarr store ({error})") from error
    if tree.attrs.get("format") not in LAYOUTS:
        raise BadInput(f"{path}: not a store of einthoven (foreign Zarr?)")
    return tree


def open_group(path: str | Path, group: str, split: str | None = None) -> xr.Dataset:
    """One group of the consolidated store with the coordinates `patient`, `split` and `sex`.

    Args:
        path: the consolidated store.
        group: cohort, electrode, sdf, field or ecg.
        split: keep only these patients (train, val or test).

    Raises:
        BadInput: no such group or split.
    """
    tree = open_tree(path)
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
