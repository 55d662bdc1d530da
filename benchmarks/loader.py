"""Streaming speed of examples from the published store, raw Zarr and HDF5 of the same data.

    python benchmarks/loader.py results/published/einthoven.zarr.zip --json OUT

Reads every lead-field sample of a split, patient by patient: with `ExampleStream` (an example an
electrode), with zarr alone, and from an HDF5 file of the same arrays (chunk: patient x electrode,
gzip 3) that is made for this. Megabytes are those of the arrays in memory; medians of some rounds,
taken in turn; files are in the page cache.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import zarr

from einthoven.base.core.files import write_json
from einthoven.data.dataset.loaders import store_at
from einthoven.data.dataset.torch_loader import ExampleSelection, ExampleStream

VARIABLES = ("field/field_points", "field/field_grad")


def ours(path: Path) -> int:
    """Bytes of all examples of the stream, points counted once a patient."""
    total, patients = 0, set()
    for example in ExampleStream(path, VARIABLES, ExampleSelection()):
        total += example["field_grad"].nbytes
        if example["patient"] not in patients:
            patients.add(example["patient"])
            total += example["field_points"].nbytes
    return total


def raw(path: Path) -> int:
    """Bytes of the same arrays, read row by row."""
    root = zarr.open_group(store_at(path), mode="r")
    arrays = [root[name] for name in VARIABLES]
    return sum(np.asarray(a[row]).nbytes for row in range(arrays[0].shape[0]) for a in arrays)


def hdf5(path: Path) -> int:
    """The same from HDF5."""
    with h5py.File(path) as file:
        arrays = [file[name] for name in VARIABLES]
        return sum(a[row].nbytes for row in range(arrays[0].shape[0]) for a in arrays)


def as_hdf5(path: Path, to: Path) -> None:
    """The same arrays in an HDF5 file."""
    root = zarr.open_group(store_at(path), mode="r")
    with h5py.File(to, "w") as file:
        for name in VARIABLES:
            array = root[name]
            chunks = (1, 1, *array.shape[2:]) if array.ndim == 4 else (1, *array.shape[1:])
            file.create_dataset(name, data=array[...], chunks=chunks, compression=3)


def main() -> None:
    """Print megabytes a second, and ours over raw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "fields.h5"
        as_hdf5(args.store, other)
        readers: dict[str, tuple[Callable[[Path], int], Path]] = {
            "ours": (ours, args.store), "raw_zarr": (raw, args.store), "hdf5": (hdf5, other),
        }  # fmt: skip
        speeds: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(args.rounds + 1):
            for name, (reader, path) in readers.items():
                start = time.perf_counter()
                n_bytes = reader(path)
                speeds[name].append(n_bytes / 1e6 / (time.perf_counter() - start))
    found = {name: statistics.median(values[1:]) for name, values in speeds.items()}
    ratio = found["ours"] / found["raw_zarr"]
    for name, value in found.items():
        print(f"{name:8s} {value:.0f} MB/s")
    print(f"ours / raw {ratio:.2f}")
    if args.json:
        write_json(args.json, {"mb_per_s": found, "ratio_to_raw": ratio})


if __name__ == "__main__":
    main()
