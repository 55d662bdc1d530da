"""Deterministic zip archives of Zarr stores, sealed with the SHA-256 of all their bytes.

Members are stored without compression in sorted order with fixed dates, so the same store
gives the same bytes. The seal, at the end of the zip's comment and so of the file, is the sum of
all bytes before it, headers too: it tells that something differs. Which member differs is told by
the CRC-32 and the headers of the zip.
"""

import hashlib
import os
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic

_SEAL_TITLE = b"einthoven-seal sha256 "
_SEAL_LENGTH = 64
# What zipfile raises for damaged headers; RuntimeError: unknown version or compression, or the bit
# for encryption.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def pack(directory: Path, path: str | Path) -> None:
    """Zip a finished directory store onto `path`, atomically, and seal it."""
    parts = {p.relative_to(directory).as_posix(): p for p in directory.rglob("*") if p.is_file()}
    with atomic(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, part in sorted(parts.items()):
                # nothing in the header depends on machine, user or time
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.create_system = 3  # Unix, whatever the platform
                info.external_attr = 0o644 << 16
                info.file_size = part.stat().st_size
                with open(part, "rb") as source, archive.open(info, "w") as target:
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


def seal_of(path: str | Path) -> str:
    """The seal that an archive carries, which names these very bytes; `verify` compares them.

    Raises:
        BadInput: it has none.
    """
    length = len(_SEAL_TITLE) + _SEAL_LENGTH
    with open(path, "rb") as file:
        file.seek(-min(length, os.path.getsize(path)), os.SEEK_END)
        title, seal = file.read(len(_SEAL_TITLE)), file.read()
    if title != _SEAL_TITLE:
        raise BadInput(f"{path}: no seal; packed by another tool?")
    return seal.decode("ascii", "replace")


def verify(path: str | Path) -> tuple[str, list[tuple[str, str]]]:
    """Compare every byte of an archive with its seal, and if that differs, name the members.

    Returns:
        what is wrong with the seal, and (member, what is wrong) pairs; both empty if all is well.

    Raises:
        BadInput: no such file, not a zip archive, or truncated.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        raise BadInput(f"{path}: a directory; an einthoven store is one .zarr.zip file")
    expected, found = _seal(path)
    if expected == found:
        return "", []
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise BadInput(f"{path}: truncated or not a zip archive ({error})") from error
    with archive:
        members = archive.infolist()
        damaged = [(m.filename, fault) for m in members if (fault := _damage(archive, m))]
    if len(damaged) == len(members):  # none is where the end of the zip says
        damaged = []
    if archive.comment.startswith(_SEAL_TITLE):
        return "truncated or damaged, the seal does not fit", damaged
    return "no seal; packed by another tool or an old einthoven?", damaged


def _damage(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Why a member cannot be read, or differs from its CRC-32; empty if neither."""
    try:
        with archive.open(member) as stream:
            while stream.read(1 << 20):
                pass
    except _DAMAGE as error:
        return f"damaged ({error})"
    return ""
