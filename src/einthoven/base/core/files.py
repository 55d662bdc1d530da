"""Deterministic files, written atomically.

A temporary lies beside its target; it is renamed on success and removed on failure. A process that
is killed with SIGKILL cannot clean up. Its temporaries carry its host and process id, so the next
writer of the same target removes them, but never those of a live writer.
"""

import csv
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed

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


def earlier_of(folder: Path) -> Path:
    """Place of the earlier version of a folder while `replace_folder` replaces it."""
    return folder.with_name(f".{folder.name}.earlier")


def replace_folder(new: Path, folder: Path) -> None:
    """Put a finished folder in the place of another one, which is lost only afterwards.

    A folder cannot be renamed onto another one. A process killed between the two renames leaves
    the earlier folder at `earlier_of`; `restore_folder` puts it back.
    """
    if folder.exists():
        remove(earlier_of(folder))
        os.replace(folder, earlier_of(folder))
    os.replace(new, folder)
    remove(earlier_of(folder))


def restore_folder(folder: Path) -> None:
    """Put the earlier version back if a process was killed while it replaced a folder."""
    if not folder.exists() and earlier_of(folder).exists():
        os.replace(earlier_of(folder), folder)


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


__all__ = ["Arrays", "atomic", "by_suffix", "load_arrays", "read_json", "save_arrays", "write_json"]
ATTRS_KEY = "__attrs__"
SAMPLE_BYTES, WORTH_DEFLATING = 65_536, 0.85


def sha256_of(path: str | Path) -> str:
    """SHA-256 of one file, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Arrays(dict[str, np.ndarray]):
    """Named arrays of one file, with its attributes (`attrs`) and `path`."""

    def __init__(self, arrays: Mapping[str, np.ndarray], attrs: dict[str, Any], path: Path):
        super().__init__(arrays)
        self.attrs = attrs
        self.path = path


def by_suffix[Reader](path: Path, readers: Mapping[str, Reader]) -> Reader:
    """The reader for a file, by its suffix in lower case.

    Raises:
        BadInput: the file does not exist, or there is no reader for its suffix.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: suffix {path.suffix!r} is none of {' '.join(readers)}")
    return reader


def save_arrays(path: str | Path, arrays: Mapping[str, Any], **attrs: Any) -> None:
    """Write arrays and JSON attributes to one .npz file, atomically.

    Arrays that shrink are compressed. The same arrays and attributes give the same bytes.
    """
    text = np.frombuffer(json.dumps(attrs, sort_keys=True).encode(), dtype=np.uint8)
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, values in {**arrays, ATTRS_KEY: text}.items():
            array = np.asarray(values)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED if _shrinks(array) else zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _shrinks(array: np.ndarray) -> bool:
    """Whether a sample of the array compresses enough to be worth the time.

    Ids and tags compress to half or less. Floating-point results lose 5 to 10 % and take 30 ms per
    MB, longer than solving for them.
    """
    sample = array.reshape(-1)[: SAMPLE_BYTES // max(array.itemsize, 1)].tobytes()
    return len(zlib.compress(sample, 1)) < WORTH_DEFLATING * len(sample)


def load_arrays(path: str | Path, require: Sequence[str] = ()) -> Arrays:
    """Read a file that `save_arrays` wrote, with at least the arrays `require`.

    Raises:
        BadInput: the file is missing, truncated, foreign, or lacks an array.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file; run the rule that makes it")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # numpy and zipfile raise many types for broken archives
        raise BadInput(f"{path}: not readable ({error}); incomplete? delete and re-run") from error
    missing = [name for name in require if name not in arrays]
    if missing or ATTRS_KEY not in arrays:
        raise BadInput(
            f"{path}: lacks {', '.join(missing) or 'attributes'}; written by another tool?"
        )
    attrs = json.loads(arrays.pop(ATTRS_KEY).tobytes().decode())
    return Arrays(arrays, attrs, path)


def read_attrs(path: str | Path) -> dict[str, Any]:
    """The attributes of a file that `save_arrays` wrote, without its arrays.

    Raises:
        BadInput: as `load_arrays`.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return json.loads(archive[ATTRS_KEY].tobytes().decode())
    except Exception:  # the reader of the whole file explains what is wrong
        return load_arrays(path).attrs


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Lines of a CSV file by column: names in lower case, without spaces around names and values.

    What a line has beyond its columns is under the name "", with commas as in the file.

    Raises:
        BadInput: the file is missing, or not CSV.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file ({error})") from error
    return [
        {
            (k or "").strip().lower(): (",".join(v) if isinstance(v, list) else v or "").strip()
            for k, v in line.items()
        }
        for line in lines
    ]


def write_text(path: str | Path, text: str) -> None:
    """Write a text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def write_json(path: str | Path, data: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        BadInput: the file is missing or not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; run the rule that makes it") from error
    except ValueError as error:  # not JSON, or not even text
        raise BadInput(f"{path}: not JSON ({error}); incomplete? delete and re-run") from error
