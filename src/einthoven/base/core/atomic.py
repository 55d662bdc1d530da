"""Atomic writes: a temporary beside the target, renamed on success and removed on failure.

A process that is killed with SIGKILL cannot clean up. Its temporaries carry its host and process
id, so the next writer of the same target removes them, but never those of a live writer.
"""

import errno
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from einthoven.base.core.errors import StepFailed

HOST = socket.gethostname().partition(".")[0]
_TEMPORARY = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<pid>\d+)\.(tmp|parts)")
_FULL = (errno.ENOSPC, errno.EDQUOT)

published: list[Path] = []
"""Files that this process has put in place, in order."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` if the block succeeds.

    Raises:
        StepFailed: the disk is full; nothing is left behind, and an existing file is unchanged.
    """
    path = Path(path)
    with _place_for(path, "tmp") as temporary:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file)  # after a power failure the name must not refer to an empty file
        os.replace(temporary, path)
        published.append(path)


@contextmanager
def parts_of(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path` for the parts of a file.

    Raises:
        StepFailed: the disk is full.
    """
    with _place_for(Path(path), "parts") as folder:
        folder.mkdir()
        yield folder


@contextmanager
def _place_for(path: Path, kind: str) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in temporaries(path.parent):
        if leftover.name.startswith(f".{path.name}.{HOST}.") and is_dead(leftover):
            remove(leftover)
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.{kind}")
    try:
        with raise_if_disk_full(path):
            yield temporary
    finally:
        remove(temporary)


@contextmanager
def raise_if_disk_full(path: Path) -> Iterator[None]:
    """Turn the error of a full disk into a one-line message.

    Raises:
        StepFailed: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if not _disk_was_full(error):
            raise
        free = shutil.disk_usage(path.parent).free
        raise StepFailed(
            f"{path}: the disk is full ({free} bytes free); make space and run again"
        ) from error


def _disk_was_full(error: BaseException | None) -> bool:
    """Whether an error, or its cause, means a full disk; safetensors only says so in its text."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def temporaries(folder: Path) -> list[Path]:
    """All temporaries in a folder, of live and of dead writers."""
    return [path for path in folder.glob(".*") if _TEMPORARY.fullmatch(path.name)]


def is_dead(temporary: Path) -> bool:
    """Whether its writer ran on this host and has ended; False if that cannot be known."""
    found = _TEMPORARY.fullmatch(temporary.name)
    if found is None or found["host"] != HOST:
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # a process of another user: alive
        pass
    return False


def remove(temporary: Path) -> None:
    """Delete a temporary file or folder if it exists."""
    if temporary.is_dir():
        shutil.rmtree(temporary)
    else:
        temporary.unlink(missing_ok=True)
