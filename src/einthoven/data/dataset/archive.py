"""Deterministic zip archives of Zarr stores, sealed with a SHA-256 of all their bytes.

Members are stored uncompressed in sorted order with fixed dates, so the same store gives the same
bytes. The seal is the hash of all bytes before it, headers included, and ends the zip's comment and
thus the file. It shows that something differs; the members' CRC-32 and headers show where.
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
# Errors that zipfile raises for damaged headers; RuntimeError: unknown version or compression, or
# the encryption bit.
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
                # the header does not depend on machine, user or time
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
    """The seal computed from a file, and the one it carries."""
    total, left = hashlib.sha256(), os.path.getsize(path) - _SEAL_LENGTH
    with open(path, "rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            total.update(block)
            left -= len(block)
        return total.hexdigest().encode(), file.read()


def seal_of(path: str | Path) -> str:
    """The seal that an archive carries; it identifies these bytes, and `verify` checks it.

    Raises:
        BadInput: it has none.
    """
    length = len(_SEAL_TITLE) + _SEAL_LENGTH
    with open(path, "rb") as file:
        file.seek(-min(length, os.path.getsize(path)), os.SEEK_END)
        title, seal = file.read(len(_SEAL_TITLE)), file.read()
    if title != _SEAL_TITLE:
        raise BadInput(f"{path}: no seal; was it packed by another tool?")
    return seal.decode("ascii", "replace")


def verify(path: str | Path) -> tuple[str, list[tuple[str, str]]]:
    """Compare every byte of an archive with its seal and, if they differ, name the damaged members.

    Returns:
        a message about the seal, and pairs of member and message; both empty if the archive is
        intact.

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
    if len(damaged) == len(members):  # no directory where the end of the zip says
        damaged = []
    if archive.comment.startswith(_SEAL_TITLE):
        return "truncated or damaged, the seal does not fit", damaged
    return "no seal; packed by another tool or an old einthoven?", damaged


def _damage(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Reason why a member cannot be read or differs from its CRC-32; empty if it is intact."""
    try:
        with archive.open(member) as stream:
            while stream.read(1 << 20):
                pass
    except _DAMAGE as error:
        return f"damaged ({error})"
    return ""
