"""Recordings from files of all formats, by suffix."""

from collections.abc import Callable
from pathlib import Path

from einthoven.base.core.files import by_suffix
from einthoven.physics.ecg.recordings.cardiosoft import read_cardiosoft
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording
from einthoven.physics.ecg.recordings.table import read_csv, read_npy
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
    return by_suffix(path, READERS)(path, declared)
