"""Recordings from files of all formats, by suffix."""

from collections.abc import Callable
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.cardiosoft import read_cardiosoft
from einthoven.physics.ecg.recordings.numpy_table import read_npy
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording
from einthoven.physics.ecg.recordings.table import read_csv
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

READERS: dict[str, Callable[[Path, Declared], Recording]] = {
    ".hea": read_wfdb,
    ".csv": read_csv,
    ".npy": read_npy,
    ".xml": read_cardiosoft,
}
"""Suffix in lower case -> reader."""


def read_recording(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a WFDB record (.hea, or its .dat), a table (.csv), an array (.npy), CardioSoft (.xml).

    Args:
        path: the file.
        declared: rate and unit, if the file does not state them.

    Raises:
        BadInput: another suffix, no such file, or as the reader.
    """
    path = Path(path)
    if path.suffix.lower() == ".dat":
        path = path.with_suffix(".hea")
    if path.suffix.lower() not in READERS:
        raise BadInput(f"{path}: recordings are read from {', '.join(READERS)}")
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    return READERS[path.suffix.lower()](path, declared)
