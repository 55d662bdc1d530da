"""Deterministic zip archives of Zarr stores with a manifest and a seal of SHA-256 sums.

Members are stored without compression in sorted order with fixed dates, so the same store
gives the same bytes. The manifest tells which member is damaged. The seal, at the end of the zip's
comment and so of the file, is the sum of all bytes before it: it covers the zip's headers, too.
"""

import hashlib
import json
import os
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from einthoven.core.errors import BadInput
from einthoven.core.files import atomic

MANIFEST = "manifest.json"
_SEAL_TITLE = b"einthoven-seal sha256 "
_SEAL_LENGTH = 64
# What zipfile raises for damaged headers; NotImplementedError: unknown version or compression,
# RuntimeError: the bit for encryption.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def _member(name: str, size: int = 0) -> zipfile.ZipInfo:
    """Header of a member: nothing in it depends on machine, user or time."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # Unix, whatever the platform
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED
    info.file_size = size
    return info


def _sha256(stream: Any) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(directory: Path, path: str | Path) -> None:
    """Zip a finished directory store onto `path`, atomically, with its manifest first."""
    names = sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())
    manifest = {}
    for name in names:
        with open(directory / name, "rb") as stream:
            manifest[name] = _sha256(stream)
    text = json.dumps(manifest, indent=1, sort_keys=True).encode()
    with atomic(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(_member(MANIFEST, len(text)), text)
            for name in names:
                info = _member(name, os.path.getsize(directory / name))
                with open(directory / name, "rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            archive.comment = _SEAL_TITLE + b"0" * _SEAL_LENGTH
        expected, _ = _seal(temporary)
        with open(temporary, "r+b") as file:
            file.seek(-_SEAL_LENGTH, os.SEEK_END)
            file.write(expected)


def _seal(path: Path) -> tuple[bytes, bytes]:
    """The seal that fits a file, and the one that it has."""
    total, left = hashlib.sha256(), os.path.getsize(path) - _SEAL_LENGTH
    with open(path, "rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            total.update(block)
            left -= len(block)
        return total.hexdigest().encode(), file.read()


def verify(path: str | Path) -> list[tuple[str, str]]:
    """Compare every member of an archive with its manifest, and every byte with its seal.

    Returns:
        (member, what is wrong) pairs; empty if all is well.

    Raises:
        BadInput: not a zip archive, truncated, or without a manifest (foreign).
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        raise BadInput(f"{path}: a directory; an einthoven store is one .zarr.zip file")
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise BadInput(f"{path}: truncated or not a zip archive ({error})") from error
    with archive:
        names = archive.namelist()
        if MANIFEST not in names:
            raise BadInput(f"{path}: no {MANIFEST}; a foreign Zarr, not made by einthoven?")
        try:
            manifest = json.loads(archive.read(MANIFEST))
        except _DAMAGE as error:
            raise BadInput(f"{path}: {MANIFEST} is damaged ({error})") from error
        problems = [(name, "missing") for name in sorted(set(manifest) - set(names))]
        problems += [
            (name, "not in the manifest") for name in sorted(set(names) - {MANIFEST, *manifest})
        ]
        for name in sorted(set(manifest) & set(names)):
            try:
                with archive.open(name) as stream:
                    if _sha256(stream) != manifest[name]:
                        problems.append((name, "SHA-256 differs from the manifest"))
            except _DAMAGE as error:
                problems.append((name, f"damaged ({error})"))
    expected, found = _seal(path)
    if not problems and expected != found:
        sealed = archive.comment.startswith(_SEAL_TITLE)
        fault = (
            "truncated or damaged, the seal does not fit" if sealed else "no seal; an old store?"
        )
        problems = [("zip headers", fault)]
    return problems
