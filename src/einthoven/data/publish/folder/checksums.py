"""SHA-256 of every file of a folder, in the format of `sha256sum -c SHA256SUMS`."""

import hashlib
import re
from pathlib import Path

from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput

SUMS = "SHA256SUMS"
MARK = ".snakemake_timestamp"
"""File that Snakemake leaves in a folder that it made."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256_of(path: Path) -> str:
    """SHA-256 of one file, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
