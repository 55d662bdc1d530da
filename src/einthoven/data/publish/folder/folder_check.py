"""Checksums of a published folder, and the check that it is complete and consistent.

The sums are SHA-256 of every file, in the format of `sha256sum -c SHA256SUMS`.
"""

import csv
import json
import re
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, sha256_of
from einthoven.data.dataset.checker import Summary, check_store
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.publish.folder.tables import SPLITS, STORE

SUMS = "SHA256SUMS"
MARK = ".snakemake_timestamp"
"""File that Snakemake leaves in a folder that it made."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
N_NAMED = 5


def write_sums(folder: Path, known: dict[str, str]) -> Path:
    """Write SHA256SUMS of all files below a folder.

    Args:
        folder: complete except for this file.
        known: name in the folder -> sum, for files that need not be read again.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{known.get(name) or sha256_of(folder / name)}  {name}\n" for name in names
             if name != SUMS]  # fmt: skip
    with atomic(folder / SUMS) as temporary:
        temporary.write_text("".join(lines))
    return folder / SUMS


def check_sums(folder: Path) -> list[str]:
    """One line for each file that is missing, differs, or is not listed.

    Raises:
        BadInput: no SHA256SUMS, or a line of it is malformed or names a path outside the folder.
    """
    path = folder / SUMS
    if not path.is_file():
        raise BadInput(f"{folder}: no {SUMS}; not a published data set, or incomplete")
    faults, named = [], {SUMS, MARK}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = _LINE.fullmatch(line)
        if not found:
            raise BadInput(f"{path}: line {number} is not `SHA-256  name`")
        expected, name = found.groups()
        place = folder / name
        if not place.resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{path}: line {number}: {name} lies outside the folder")
        named.add(name)
        if not place.is_file():
            faults.append(f"{name}: missing")
        elif sha256_of(place) != expected:
            faults.append(f"{name}: differs from its sum in {SUMS}")
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    faults += [f"{name}: not in {SUMS}" for name in sorted(there - named)]
    return faults


def is_published(path: Path) -> bool:
    """Whether a folder is, or was meant to be, a published data set."""
    return path.is_dir() and ((path / SUMS).exists() or (path / "croissant.json").exists())


def check_folder(folder: Path) -> Summary:
    """Check every file against its sum, every store against the layout, tables against the store.

    Raises:
        BadInput: one line that names each file at fault.
    """
    faults = check_sums(folder)
    stores = [folder / STORE, folder / "sample" / STORE]
    stores += sorted(folder.glob("patients/*.zarr.zip"))
    summary = None
    for store in stores:
        try:
            found = check_store(store)
            summary = summary or found
        except BadInput as error:
            faults.append(str(error).removeprefix(f"{folder}/"))
    if not faults:
        faults += _splits_faults(folder) + _patients_faults(folder) + _croissant_faults(folder)
    if faults or summary is None:
        more = f"; and {len(faults) - N_NAMED} more" if len(faults) > N_NAMED else ""
        raise BadInput(f"{folder}: {'; '.join(faults[:N_NAMED])}{more}")
    return summary


def _splits_faults(folder: Path) -> list[str]:
    """Patients whose split in splits.csv differs from the store's or is missing."""
    tree = open_dataset(folder / STORE)
    stored = dict(zip(tree["patient"].values.tolist(), tree["split"].values.tolist()))
    with open(folder / SPLITS, newline="") as file:
        splits = {row["patient"]: row["split"] for row in csv.DictReader(file)}
    return [f"{SPLITS}: {name} is {splits.get(name)}, in the store {stored.get(name)}"
            for name in sorted(stored.keys() | splits.keys())
            if splits.get(name) != stored.get(name)]  # fmt: skip


def _patients_faults(folder: Path) -> list[str]:
    """Patients without a store, and stores without a patient."""
    tree = open_dataset(folder / STORE)
    named = set(tree["patient"].values.tolist())
    there = {p.name.removesuffix(".zarr.zip") for p in folder.glob("patients/*.zarr.zip")}
    faults = [f"patients/{name}.zarr.zip: missing" for name in sorted(named - there)]
    return faults + [
        f"patients/{name}.zarr.zip: not in the store" for name in sorted(there - named)
    ]


def _croissant_faults(folder: Path) -> list[str]:
    """Files whose sum in croissant.json differs from that in SHA256SUMS."""
    try:
        document = json.loads((folder / "croissant.json").read_text())
        listed = {f["@id"]: f["sha256"] for f in document["distribution"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"croissant.json: not readable ({error})"]
    lines = (line.partition("  ") for line in (folder / SUMS).read_text().splitlines())
    sums = {name: total for total, _, name in lines}
    return [f"croissant.json: {name} has another sum, or is not there"
            for name, total in listed.items() if sums.get(name) != total]  # fmt: skip
