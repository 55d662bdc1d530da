"""Checksums of a published folder, and the check that it is complete and consistent.

The sums are SHA-256 of every file, in the format of `sha256sum -c SHA256SUMS`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import sha256_of, write_text
from einthoven.data.dataset.checker import Summary, check_store
from einthoven.data.dataset.consolidate import row_faults
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.structure import Fault
from einthoven.data.publish.folder.derived_check import table_faults, unzipped_faults
from einthoven.data.publish.folder.description_check import CRATE, CROISSANT, description_faults
from einthoven.data.publish.folder.tables import SAMPLE, STORE

type Meaning = Callable[[Path], Iterable[Fault]]
"""Check of the numbers of a store that is sound otherwise."""
SUMS = "SHA256SUMS"
MARK = ".snakemake_timestamp"
"""File that Snakemake leaves in a folder that it made."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
N_NAMED = 5


def no_more(store: Path) -> Iterable[Fault]:
    """The check of numbers that checks none."""
    return ()


def write_sums(folder: Path, known: dict[str, str]) -> Path:
    """Write SHA256SUMS of all files below a folder, which is complete except for this file.

    `known` has the sums of files that need not be read again, by their name in the folder.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{known.get(name) or sha256_of(folder / name)}  {name}\n" for name in names
             if name != SUMS]  # fmt: skip
    write_text(folder / SUMS, "".join(lines))
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


def read_sums(folder: Path) -> dict[str, str]:
    """Name of a file -> SHA-256, from a sound SHA256SUMS."""
    lines = (line.partition("  ") for line in (folder / SUMS).read_text().splitlines())
    return {name: total for total, _, name in lines}


def is_published(path: Path) -> bool:
    """Whether a folder is, or was meant to be, a published data set."""
    return path.is_dir() and ((path / SUMS).exists() or (path / "croissant.json").exists())


def check_folder(folder: Path, meaning: Meaning = no_more) -> Summary:
    """Check a published folder: sums, stores, numbers, and what repeats or describes them.

    There are four steps: every file against its sum and every store against the layout; the numbers
    of each store (`meaning`); what repeats a store (its unzipped copy, the patients' own stores,
    tables, signals, the sample); the documents. A step with faults is the last one, because
    the next ones would only repeat them.

    Args:
        folder: the folder.
        meaning: further check of a sound store.

    Raises:
        BadInput: one line that names each file and variable at fault.
    """
    summaries: list[Summary] = []
    stores = [folder / STORE, folder / SAMPLE / STORE, *_patients(folder)]
    steps: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: [*check_sums(folder), *_store_faults(folder, stores, summaries)],
        lambda: _number_faults(folder, stores, meaning),
        lambda: _copy_faults(folder),
        lambda: _document_faults(folder),
    )
    for step in steps:
        if faults := list(step()):
            more = f"; and {len(faults) - N_NAMED} more" if len(faults) > N_NAMED else ""
            raise BadInput(f"{folder}: {'; '.join(faults[:N_NAMED])}{more}")
    return summaries[0]


def _patients(folder: Path) -> list[Path]:
    """Stores of single patients."""
    return sorted((folder / "patients").glob("*.zarr.zip"))


def _store_faults(folder: Path, stores: list[Path], summaries: list[Summary]) -> Iterator[str]:
    """Faults of each store; appends a summary for each sound one."""
    for store in stores:
        try:
            summaries.append(check_store(store))
        except BadInput as error:
            yield str(error).removeprefix(f"{folder}/")


def _number_faults(folder: Path, stores: list[Path], meaning: Meaning) -> Iterator[str]:
    """Faults in the numbers of each sound store."""
    for store in stores:
        for variable, fault in meaning(store):
            yield f"{store.relative_to(folder)}: {variable}: {fault}"


def _copy_faults(folder: Path) -> Iterator[str]:
    """Files that repeat a store and differ from it."""
    yield from _patients_faults(folder)
    for place in (folder, folder / SAMPLE):
        inside = f"{place.relative_to(folder)}/".removeprefix("./")
        for store, fault in row_faults(place / STORE, _patients(place)):
            yield f"{store.relative_to(folder)}: {fault}"
        for fault in table_faults(place):
            yield f"{inside}{fault}"
    sums = read_sums(folder)
    for store in _patients(folder / SAMPLE):
        name = store.relative_to(folder / SAMPLE).as_posix()
        if sums[f"{SAMPLE}/{name}"] != sums.get(name):
            yield f"{SAMPLE}/{name}: differs from {name}, of which it is a copy"
    yield from unzipped_faults(folder / STORE, folder / STORE.removesuffix(".zip"))


def _patients_faults(folder: Path) -> Iterator[str]:
    """Patients without a store."""
    named = open_dataset(folder / STORE)["patient"].values.tolist()
    there = {path.name.removesuffix(".zarr.zip") for path in _patients(folder)}
    for name in sorted(set(named) - there):
        yield f"patients/{name}.zarr.zip: missing"


def _document_faults(folder: Path) -> Iterator[str]:
    """Files that nothing declares, and documents that contradict the data."""
    sums = read_sums(folder)
    try:
        crate = json.loads((folder / CRATE).read_text())
        root = next(item for item in crate["@graph"] if item["@id"] == "./")
        declared = {part["@id"] for part in root["hasPart"]}
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        yield f"{CRATE}: does not list its files in hasPart ({error!r})"
        return
    unzipped = STORE.removesuffix(".zip") + "/"
    names = [n for n in sums if not n.startswith(unzipped) and n not in (CROISSANT, CRATE)]
    if stray := [name for name in names if name not in declared]:
        yield from (f"{name}: nothing declares it; not of this data set?" for name in stray)
        return
    yield from description_faults(folder, sums, names)
