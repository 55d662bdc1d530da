"""Content of files, unpacked if they are compressed by gzip."""

import gzip
import zlib
from pathlib import Path

from einthoven.base.core.errors import BadInput

GZIP = b"\x1f\x8b"
MAX_BYTES = 2**30
"""Largest content that is unpacked: a day of twelve leads at 500 Hz in 16 bits."""
SIGNATURE_BYTES = 132
"""First part of a file that names its format (DICOM's is the longest)."""


class NotARecording(BadInput):
    """A file whose kind of content is not an ECG; skipped in folders, refused by name."""


def content_of(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        BadInput: it cannot be read, is empty, or unpacked it is too large.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == GZIP:
            with gzip.open(path) as file:
                raw = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{path}: cannot be read ({why}); copy it again") from error
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{path}: more than 1 GiB when unpacked; cut it into parts")
    if not raw:
        raise BadInput(f"{path}: the file is empty; copy it again")
    return raw


def text_of(path: Path) -> str:
    """Text of a file in UTF-8 or UTF-16 by its byte order mark, else in Latin-1.

    Raises:
        BadInput: as `content_of`, or with zero bytes, which no text has.
    """
    raw = content_of(path)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw:
        raise BadInput(f"{path}: cannot be read as text (it has zero bytes); is it another format?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def first_bytes(path: Path, n: int) -> bytes:
    """The first bytes of a file, unpacked; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(n)
        if raw[:2] == GZIP:
            with gzip.open(path) as file:
                raw = file.read(n)
    except (OSError, EOFError, zlib.error):
        return b""
    return raw
