"""Files with ECGs in user-supplied paths: folders of any depth, stores, recordings."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.recordings.read import READERS, SIGNALS, reader_of
from einthoven.physics.ecg.recordings.wfdb import segments_of

ECG_FILE = "ecg.npz"


@dataclass(frozen=True)
class EcgFiles:
    """Files and folders to read.

    Attributes:
        paths: patients' folders, stores and recordings, in order.
        listed: those of them that the user named one by one.
        n_others: number of files in folders that are of no format of an ECG.
    """

    paths: tuple[Path, ...]
    listed: frozenset[Path]
    n_others: int


def is_patient(path: Path) -> bool:
    """Whether a path is the folder of a patient, results/patients/p0000."""
    return (path / ECG_FILE).is_file()


def is_store(path: Path) -> bool:
    """Whether a path is a patient's store or a consolidated one, by its name."""
    return path.name.endswith(".zarr.zip")


def patients_in(results: Path) -> Path:
    """The folder of patients in the results of a run; any other path itself."""
    inner = results / "patients"
    return inner if inner.is_dir() else results


def find_files(paths: Sequence[str | Path]) -> EcgFiles:
    """ECGs of the paths; a folder stands for all in it and below, without hidden files.

    Raises:
        BadInput: a path does not exist, or has no ECG.
    """
    found, n_others = list[Path](), 0
    listed = frozenset(path for path in map(Path, paths) if path.is_file() or is_patient(path))
    for path in map(Path, paths):
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder")
        if path in listed:
            ours, others = ([path], []) if _is_ecg(path) else ([], [path])
        else:
            ours, others = _in_folder(patients_in(path))
        if not ours:
            raise BadInput(f"{path}: no ECG; expected patients' folders with {ECG_FILE}, "
                           f"*.zarr.zip, or recordings *{', *'.join(READERS)}")  # fmt: skip
        found += ours
        n_others += len(others)
    return EcgFiles(tuple(found), listed, n_others)


def _in_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """ECGs of a folder in order, and other files; signal files and segments are their header's."""
    ecgs, others = list[Path](), list[Path]()
    for path in _walk(folder):
        (ecgs if _is_ecg(path) else others).append(path)
    headers = {path for path in ecgs if path.suffix.lower() == ".hea"}
    segments = {segment for header in headers for segment in segments_of(header)}
    stems = {header.with_suffix("") for header in headers}
    described = {path for path in (*ecgs, *others)
                 if path.suffix.lower() in SIGNALS and path.with_suffix("") in stems}  # fmt: skip
    return (
        [path for path in ecgs if path not in segments and path not in described],
        [path for path in others if path not in described],
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Files, and folders of patients, in the order of their names."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        patients = [name for name in folders if is_patient(here / name)]
        folders[:] = [name for name in folders if name not in patients]
        yield from (here / name for name in sorted([*files, *patients]) if name[0] != ".")


def _is_ecg(path: Path) -> bool:
    return is_patient(path) or is_store(path) or reader_of(path) is not None
