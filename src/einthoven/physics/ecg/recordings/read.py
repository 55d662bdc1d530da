"""Recordings from files of all formats, by suffix or content, with the checks of `quality`."""

from collections.abc import Callable
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.content import SIGNATURE_BYTES, first_bytes
from einthoven.physics.ecg.recordings.dicom import is_dicom, read_dicom
from einthoven.physics.ecg.recordings.edf import read_edf
from einthoven.physics.ecg.recordings.quality import raise_if_unusable
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Recording
from einthoven.physics.ecg.recordings.scp import read_scp
from einthoven.physics.ecg.recordings.table import read_csv
from einthoven.physics.ecg.recordings.variables import read_json, read_matlab, read_npy, read_npz
from einthoven.physics.ecg.recordings.wfdb import read_wfdb
from einthoven.physics.ecg.recordings.xml import read_xml

READERS: dict[str, Callable[[Path, Declared], Recording]] = {
    ".hea": read_wfdb,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".npy": read_npy,
    ".npz": read_npz,
    ".json": read_json,
    ".mat": read_matlab,
    ".xml": read_xml,
    ".edf": read_edf,
    ".bdf": read_edf,
    ".dcm": read_dicom,
    ".scp": read_scp,
}
"""Suffix in lower case, without .gz -> reader."""
SIGNALS = (".dat", ".mat")
"""Suffixes of files that a WFDB header beside them describes."""


def read_recording(path: str | Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a recording and check it, as every command does.

    A suffix of `READERS`, in any case and also with .gz, names the format; a signal file of WFDB
    is read by the header beside it, and DICOM is known by its content, whatever its name.

    Args:
        path: the file.
        declared: rate and unit, if the file does not state them.

    Raises:
        BadInput: another suffix, no such file, as the reader, or as `raise_if_unusable`.
    """
    path = header_of(Path(path)) or Path(path)
    if not path.is_file():
        beside = ("; the header of a WFDB record lies beside its signal file: copy it, too"
                  if path.suffix == ".hea" else "")  # fmt: skip
        raise BadInput(f"{path}: no such file{beside}")
    reader = reader_of(path)
    if reader is None:
        raise BadInput(f"{path}: suffix {path.suffix!r} is none of {' '.join(READERS)}, and it is "
                       "no DICOM file; export it in one of these formats")  # fmt: skip
    recording = reader(path, declared)
    raise_if_unusable(recording)
    return recording


def reader_of(path: Path) -> Callable[[Path, Declared], Recording] | None:
    """The reader for a file, by its suffix or signature; None if there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if suffixes and suffixes[-1] in READERS:
        return READERS[suffixes[-1]]
    return read_dicom if is_dicom(first_bytes(path, SIGNATURE_BYTES)) else None


def header_of(path: Path) -> Path | None:
    """The WFDB header beside a signal file; a missing one of a .dat file, too, for the message."""
    if path.suffix.lower() not in SIGNALS:
        return None
    if (header := path.with_suffix(".hea")).is_file():
        return header
    return header if path.suffix.lower() == ".dat" else None
