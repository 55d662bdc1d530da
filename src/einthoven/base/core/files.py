"""Deterministic files, written atomically."""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput

__all__ = ["Arrays", "atomic", "by_suffix", "load_arrays", "read_json", "save_arrays", "write_json"]
ATTRS_KEY = "__attrs__"
SAMPLE_BYTES, WORTH_DEFLATING = 65_536, 0.85


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


def write_json(path: str | Path, data: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


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
