"""Check that a folder's tables, signals and unzipped store say what its store says."""

import csv
import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.structure import Members, variable_of
from einthoven.data.publish.folder.tables import (
    STORE,
    StoredBeat,
    Table,
    beats_of,
    tables_of,
    wfdb_record,
)

KEYS = ("patient", "scenario", "electrode")
"""Columns that identify a row."""
ROUNDING = 1e-4
"""Share of a value, or part of a unit, within which a printed number equals the stored one."""


def unzipped_faults(store: Path, unzipped: Path) -> Iterator[str]:
    """Differences of an unzipped store from a sound zipped one, member by member.

    Zarr reads a deleted chunk as zeros without an error.
    """
    zipped, files = Members(store), Members(unzipped)
    differing = [
        name
        for name in sorted(zipped.sizes.keys() | files.sizes.keys())
        if zipped.sizes.get(name) != files.sizes.get(name) or zipped.read(name) != files.read(name)
    ]
    if not differing:
        return
    try:
        check_store(unzipped)
    except BadInput as error:
        yield f"{unzipped.name}/: {str(error).removeprefix(f'{unzipped}: ')}"
        return
    for name in differing:
        yield (
            f"{unzipped.name}/: {variable_of(name)}: other values than in {store.name} ({name}); "
            "unzip it again"
        )


def table_faults(folder: Path) -> Iterator[str]:
    """Cells of the tables and signals that differ from the store beside them."""
    tree = open_dataset(folder / STORE)
    for name, table in tables_of(tree).items():
        yield from _table_faults(folder, name, table)
    expected = set()
    for beat in beats_of(tree):
        names = [f"ecg/csv/{beat.name}.csv"]
        names += [f"ecg/wfdb/{beat.name}.{suffix}" for suffix in ("hea", "dat")]
        expected |= set(names)
        yield from _table_faults(folder, names[0], beat.table)
        yield from _record_faults(folder, names[1], beat)
    there = [p for p in (folder / "ecg").rglob("*") if p.is_file()]
    for name in sorted({p.relative_to(folder).as_posix() for p in there} - expected):
        yield f"{name}: a signal of no beat of the store"


def _table_faults(folder: Path, name: str, table: Table) -> Iterator[str]:
    """First cell of one table that differs from the store, by its row and column."""
    head, rows = list(table[0]), table[1]
    try:
        with open(folder / name, newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield f"{name}: not readable ({error})"
        return
    if not lines or lines[0] != head:
        yield f"{name}: columns {', '.join(lines[0] if lines else [])}, expected {', '.join(head)}"
        return
    for line, (found, row) in enumerate(zip_longest(lines[1:], rows, fillvalue=None), 2):
        if found is None or row is None:
            yield f"{name}: line {line} is {'missing' if found is None else 'not in the store'}"
            return
        for column, cell, value in zip_longest(head, found, map(str, row), fillvalue=""):
            if not _equal(cell, value):
                keys = [str(v) for name, v in zip(head, row) if name in KEYS]
                who = ", ".join(keys) or f"line {line}"
                yield f"{name}: {who}: {column} is {cell}, in the store {value}"
                return


def _equal(found: str, expected: str) -> bool:
    """Whether two cells are the same text, or the same number within rounding."""
    if found == expected:
        return True
    try:
        return math.isclose(float(found), float(expected), rel_tol=ROUNDING, abs_tol=ROUNDING)
    except ValueError:
        return False


def _record_faults(folder: Path, name: str, beat: StoredBeat) -> Iterator[str]:
    """Fields of a WFDB header, and samples, that differ from the store."""
    lines, samples = wfdb_record(beat.name, beat.leads, beat.ecg, beat.rate_hz)
    header = folder / name
    try:
        found = [s for s in header.read_text().splitlines() if s and not s.startswith("#")]
        data = header.with_suffix(".dat").read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        yield f"{name}: not readable ({error})"
        return
    counts = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    if len(data) != samples.nbytes:
        yield f"{name.removesuffix('hea')}dat: {len(data)} bytes, in the store {samples.nbytes}"
    elif (far := np.abs(counts.reshape(samples.shape).astype(int) - samples)).max() > 1:
        lead = beat.leads[int(far.max(axis=0).argmax())]
        yield (
            f"{name.removesuffix('hea')}dat: lead {lead} differs from the store by "
            f"{far.max()} uV; another beat, or edited?"
        )
    for number, (have, want) in enumerate(zip_longest(found, lines, fillvalue="")):
        if have.split() != want.split():
            which = f"line of {beat.leads[number - 1]}" if 0 < number < len(lines) else "first line"
            yield f"{name}: {which} is {have!r}, by the store {want!r}"
            return
