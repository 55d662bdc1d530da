"""Beats to audit from user-supplied paths: folders, stores, recordings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.app.evaluation.limits import SEXES
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.data.dataset.layout import DATASET_FORMAT, PATIENT_FORMAT
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.features import EcgSample
from einthoven.physics.ecg.recordings import read
from einthoven.physics.ecg.recordings.aligned import averaged_beat
from einthoven.physics.ecg.recordings.recording import Declared

RECORDING = "recording"
"""Scenario of a file that is not a simulation."""
ECG_FILE = "ecg.npz"


@dataclass(frozen=True)
class ReadOptions:
    """Properties that files may not state.

    Attributes:
        declared: rate of tables without a column of times, and their unit.
        sex: female or male, of all whose files do not state it.
    """

    declared: Declared = Declared()
    sex: str | None = None


def _is_patient(path: Path) -> bool:
    return (path / ECG_FILE).is_file()


def _of_patient(path: Path, options: ReadOptions) -> Iterator[EcgSample]:
    """Scenarios of results/patients/p0000; the sex is in results/cohort/p0000.json."""
    sheet = path.parent.parent / "cohort" / f"{path.name}.json"
    sex = PatientParameters.load(sheet).sex if sheet.is_file() else None
    yield EcgSample.of_ecg(Patient.of_files(ecg=path / ECG_FILE).ecg, sex or options.sex)


def _is_store(path: Path) -> bool:
    return path.name.endswith(".zarr.zip")


def _of_store(path: Path, options: ReadOptions) -> Iterator[EcgSample]:
    """Patients of a patient's store or of the consolidated one, which both hold the sex."""
    with open_store(path) as root:
        kind = root.attrs.get("format")
        if kind == DATASET_FORMAT:
            names, sexes, time, scenarios, signals = (
                values_of(root, key)
                for key in ("patient", "sex", "ecg/time", "ecg/scenario", "ecg/ecg")
            )
    if kind == PATIENT_FORMAT:
        patient = Patient.open(path)
        yield EcgSample.of_ecg(patient.ecg, patient.parameters.sex or options.sex)
    elif kind == DATASET_FORMAT:
        for name, sex, ecg in zip(names, sexes, np.asarray(signals, np.float64)):
            beats = {str(s): AveragedBeat(row, time, None, 1) for s, row in zip(scenarios, ecg)}
            yield EcgSample(str(name), beats, str(sex) if sex in SEXES else options.sex)
    else:
        raise BadInput(f"{path}: not a store of einthoven; give one of results/dataset")


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() in read.READERS


def _of_recording(path: Path, options: ReadOptions) -> Iterator[EcgSample]:
    """The median beat of a WFDB, CSV, NumPy or CardioSoft file."""
    recording = read.read_recording(path, options.declared)
    beat = averaged_beat(recording)
    person = recording.person
    yield EcgSample(recording.name, {RECORDING: beat}, person.sex or options.sex, person.age_years)


Reader = Callable[[Path, ReadOptions], Iterator[EcgSample]]
READERS: dict[Callable[[Path], bool], Reader] = {
    _is_patient: _of_patient,
    _is_store: _of_store,
    _is_recording: _of_recording,
}
"""Test of a path -> reader of its samples; the first match applies."""


def find_files(paths: Sequence[str | Path]) -> list[tuple[Reader, Path]]:
    """Readers and files of the paths; a folder stands for all files in it.

    Raises:
        BadInput: a path does not exist, or has no ECG.
    """
    found: list[tuple[Reader, Path]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder")
        inner = path / "patients" if (path / "patients").is_dir() else path
        candidates = [path] if _reader(path) or not path.is_dir() else sorted(inner.iterdir())
        readers = [(reader, one) for one in candidates if (reader := _reader(one))]
        if not readers:
            raise BadInput(f"{path}: no ECG; expected patients' folders with {ECG_FILE}, "
                           f"*.zarr.zip, or recordings *{', *'.join(read.READERS)}")  # fmt: skip
        found += readers
    return found


def _reader(path: Path) -> Reader | None:
    return next((reader for matches, reader in READERS.items() if matches(path)), None)


def read_samples(
    paths: Sequence[str | Path], options: ReadOptions
) -> tuple[list[EcgSample], dict[str, str]]:
    """Beats of all files.

    Returns:
        samples; file -> why it could not be read.

    Raises:
        BadInput: a path holds no ECG, or the only file cannot be read.
    """
    files = find_files(paths)
    samples, failed = list[EcgSample](), dict[str, str]()
    for reader, path in track(files, "reading, file"):
        try:
            samples += reader(path, options)
        except BadInput as problem:
            if len(files) == 1:
                raise
            failed[str(path)] = str(problem)
    return samples, failed
