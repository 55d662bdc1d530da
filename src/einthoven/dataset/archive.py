"""Deterministic zip archives of Zarr stores with a manifest of SHA-256 sums.

Members are stored without compression in sorted order with fixed dates, so the same store
gives the same bytes, and `verify` can tell every header that `pack` did not write.
"""

import hashlib
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from einthoven.core.errors import BadInput
from einthoven.core.files import atomic

MANIFEST = "manifest.json"
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END_RECORD = struct.Struct("<4s4H2LH")
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
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(_member(MANIFEST, len(text)), text)
        for name in names:
            info = _member(name, os.path.getsize(directory / name))
            with open(directory / name, "rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _bad_headers(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Members whose zip headers differ from what `pack` writes."""
    end = 0
    with open(path, "rb") as stream:
        for info in archive.infolist():
            header = _header(info).FileHeader(zip64=False)
            stream.seek(info.header_offset)
            if info.header_offset != end or stream.read(len(header)) != header:
                yield info.filename, "zip header damaged or not written by einthoven"
            end = info.header_offset + len(header) + info.file_size
        stream.seek(end)
        if end <= zipfile.ZIP64_LIMIT and stream.read() != _directory(archive, end):
            yield MANIFEST, "zip directory damaged or not written by einthoven"


def _header(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The header that `pack` gives to a member of this name, size and CRC."""
    header = _member(info.filename, info.file_size)
    header.CRC, header.compress_size = info.CRC, info.file_size
    return header


def _directory(archive: zipfile.ZipFile, offset: int) -> bytes:
    """The zip directory that `pack` writes (PKWARE's appnote, 4.3.12 and 4.3.16)."""
    entries = b""
    for info in archive.infolist():
        name, size = info.filename.encode(), info.file_size
        # 20: version 2.0; 0, 33: 1 January 1980
        entries += _ENTRY.pack(
            *(b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 33, info.CRC, size, size),
            *(len(name), 0, 0, 0, 0, 0o644 << 16, info.header_offset),
        )
        entries += name
    count = len(archive.infolist())
    end = _END_RECORD.pack(b"PK\5\6", 0, 0, count, count, len(entries), offset, 0)
    return entries + end


def verify(path: str | Path) -> list[tuple[str, str]]:
    """Compare every byte of an archive with its manifest.

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
        return problems or list(_bad_headers(path, archive))
