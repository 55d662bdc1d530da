"""Beats and features of user-supplied files: patients, stores, recordings."""

import csv
import multiprocessing
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.app.evaluation.ecg_folders import ECG_FILE, find_files, is_patient, is_store
from einthoven.app.evaluation.limits import SEXES
from einthoven.app.evaluation.realism.cycles import cycle_of_config
from einthoven.base.config.people import CYCLE_LENGTH
from einthoven.base.config.scenarios import RhythmSettings
from einthoven.base.config.traits import AGE
from einthoven.base.core.errors import BadInput, EinthovenError, MissingExtra, StepFailed
from einthoven.base.core.files import atomic
from einthoven.base.core.log import track
from einthoven.base.core.names import LEADS
from einthoven.data.dataset.layout import DATASET_FORMAT, PATIENT_FORMAT
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.features import EcgSample, FeatureRow, feature_row
from einthoven.physics.ecg.recordings.aligned import averaged_beat
from einthoven.physics.ecg.recordings.content import NotARecording
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.ecg.recordings.recording import Declared

RECORDING = "recording"
"""Scenario of a file that is not a simulation."""
SHOWN = 20
"""Files that are named one by one; more are counted by kind."""
CHUNK, LEAST_FILES = 8, 64
"""Files that a process is given at a time, and the least number for which processes are started."""


@dataclass(frozen=True)
class ReadOptions:
    """Properties that files may not state.

    Attributes:
        declared: rate of tables without a column of times, and their unit.
        sex: female or male, of all whose files do not state it.
    """

    declared: Declared = Declared()
    sex: str | None = None


@dataclass(eq=False)
class MeasuredFiles:
    """Features of the ECGs of all files, in their order.

    Attributes:
        rows: of each beat. failed: file, or name and scenario -> why it was left out.
        notes: file -> what was derived, detected, corrected or cut off on reading.
        n_files: number of files with ECGs. n_skipped: number of other files in folders.
    """

    rows: list[FeatureRow] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    n_files: int = 0
    n_skipped: int = 0

    def lines(self) -> list[str]:
        """Lines on what was left out and why, and on notes; by kind where there are many."""
        lines = [f"read: {self.n_files - len(self.failed)} of {self.n_files} files with ECGs; "
                 f"{self.n_skipped} others were skipped"]  # fmt: skip
        if len(self.failed) > SHOWN:
            lines += [f"left out: {n} x {kind}" for kind, n in self.reasons().items()]
            lines += ["left out: the list with --failed OUT.csv"]
        else:
            lines += [f"left out: {name}: {_without(name, why)}"
                      for name, why in self.failed.items()]  # fmt: skip
        if len(self.notes) > SHOWN:
            kinds = Counter(_kind_of(note) for notes in self.notes.values() for note in notes)
            return lines + [f"note: {n} x {kind}" for kind, n in kinds.most_common()]
        return lines + [f"note: {name}: {note}" for name, notes in self.notes.items()
                        for note in notes]  # fmt: skip

    def save_failed(self, path: str | Path) -> None:
        """Write a table of what was left out, atomically: file, kind of reason, reason."""
        with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "kind", "reason"])
            for name, why in self.failed.items():
                writer.writerow([name, _kind_of(_without(name, why)), _without(name, why)])

    def reasons(self) -> dict[str, int]:
        """Kind of reason -> number of files, the most frequent first."""
        kinds = Counter(_kind_of(_without(name, why)) for name, why in self.failed.items())
        return dict(kinds.most_common())


_LEAD = re.compile(rf"\b({'|'.join(LEADS)})\b(, ({'|'.join(LEADS)})\b)*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


def _without(name: str, why: str) -> str:
    """A reason without the name of the file, which stands before it."""
    return why.removeprefix(f"{name}: ")


def _kind_of(why: str) -> str:
    """A reason without leads, numbers, names of files and remedy."""
    text = re.sub(r"\S*[/\\]\S*", "...", why).partition(";")[0]
    return _NUMBER.sub("#", _LEAD.sub("...", text))[:100]


def _of_patient(path: Path, options: ReadOptions) -> Iterator[EcgSample]:
    """Scenarios of results/patients/p0000; the sex is in results/cohort/p0000.json."""
    sheet = path.parent.parent / "cohort" / f"{path.name}.json"
    sex = PatientParameters.load(sheet).sex if sheet.is_file() else None
    yield EcgSample.of_ecg(Patient.of_files(ecg=path / ECG_FILE).ecg, sex or options.sex)


def _of_store(path: Path, options: ReadOptions) -> Iterator[EcgSample]:
    """Patients of a patient's store or of the consolidated one, which both hold the sex."""
    with open_store(path) as root:
        kind = root.attrs.get("format")
        if kind == DATASET_FORMAT:
            names, sexes, time, scenarios, signals = (
                values_of(root, key)
                for key in ("patient", "sex", "ecg/time", "ecg/scenario", "ecg/ecg")
            )
            cycles, ages = _cycles_and_ages(root, [str(name) for name in scenarios], len(names))
    if kind == PATIENT_FORMAT:
        patient = Patient.open(path)
        yield EcgSample.of_ecg(patient.ecg, patient.parameters.sex or options.sex)
    elif kind == DATASET_FORMAT:
        for k, (name, sex) in enumerate(zip(names, sexes)):
            beats = {
                str(scenario): AveragedBeat(np.asarray(row, np.float64), time, cycle, 1)
                for scenario, row, cycle in zip(scenarios, signals[k], cycles[k])
            }
            known = str(sex) if sex in SEXES else options.sex
            yield EcgSample(str(name), beats, known, ages[k])
    else:
        raise BadInput(f"{path}: not a store of einthoven; give one of results/dataset")


def _cycles_and_ages(
    root: Any, scenarios: Sequence[str], n_patients: int
) -> tuple[list[list[float | None]], list[float | None]]:
    """Cycle lengths [patient][scenario], ms, and ages [patient], years, of a consolidated store.

    None where no rates and ages were drawn: then a beat is a single one.
    """
    settings = [str(name) for name in values_of(root, "physiology/setting")]
    if CYCLE_LENGTH not in settings:
        return [[None] * len(scenarios)] * n_patients, [None] * n_patients
    values = values_of(root, "physiology/value")
    own, ages = (values[:, settings.index(name)].tolist() for name in (CYCLE_LENGTH, AGE))
    stated = [cycle_of_config(root.attrs.get("config"), scenario) for scenario in scenarios]
    usual = RhythmSettings().cycle_length_ms
    return [[cycle if its in (None, usual) else its for its in stated] for cycle in own], ages


def _samples(path: Path, options: ReadOptions) -> Iterator[tuple[EcgSample, tuple[str, ...]]]:
    """Samples of a patient, a store or a recording, with the notes of its reader."""
    if is_patient(path) or is_store(path):
        for sample in (_of_patient if is_patient(path) else _of_store)(path, options):
            yield sample, ()
        return
    recording = read_recording(path, options.declared)
    beat, person = averaged_beat(recording), recording.person
    sex = person.sex or options.sex
    yield EcgSample(recording.name, {RECORDING: beat}, sex, person.age_years), recording.notes


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
    for path in track(files.paths, "reading, file"):
        try:
            samples += [sample for sample, _ in _samples(path, options)]
        except BadInput as problem:
            if len(files.paths) == 1 or isinstance(problem, MissingExtra):
                raise
            if not (isinstance(problem, NotARecording) and path not in files.listed):
                failed[str(path)] = str(problem)
    return samples, failed


def measure_files(
    paths: Sequence[str | Path], options: ReadOptions, workers: int = 1
) -> MeasuredFiles:
    """Features of all files; one that cannot be read or delineated is listed, and stops nothing.

    Args:
        paths: files and folders. options: what files may not state.
        workers: number of processes; fewer than `LEAST_FILES` files are read in this one.

    Raises:
        BadInput: a path holds no ECG, or the only file cannot be read.
        StepFailed: a process was ended from outside.
    """
    files = find_files(paths)
    found = MeasuredFiles(n_files=len(files.paths), n_skipped=files.n_others)
    measure = partial(_measured, options=options)
    processes = workers if len(files.paths) >= LEAST_FILES else 1
    with _mapped(measure, files.paths, processes) as results:
        for path, one in zip(track(files.paths, "reading and measuring, file"), results):
            if one.problem is not None and len(files.paths) == 1:
                raise one.problem
            if isinstance(one.problem, NotARecording) and path not in files.listed:
                found.n_files, found.n_skipped = found.n_files - 1, found.n_skipped + 1
                continue
            if isinstance(one.problem, MissingExtra):
                raise one.problem
            found.rows += one.rows
            found.failed |= one.failed
            if one.problem is not None:
                found.failed[str(path)] = str(one.problem)
            if one.notes:
                found.notes[str(path)] = one.notes
    return found


@dataclass(eq=False)
class _OneFile:
    """Rows of one file, what of it failed, and the error if it could not be read."""

    rows: list[FeatureRow] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: EinthovenError | None = None


def _measured(path: Path, options: ReadOptions) -> _OneFile:
    found = _OneFile()
    try:
        for sample, notes in _samples(path, options):
            found.notes = notes
            for scenario in sample.beats:
                name = str(path) if scenario == RECORDING else f"{sample.name}, {scenario}"
                try:
                    found.rows.append(feature_row(sample, scenario))
                except BadInput as problem:
                    found.failed[name] = str(problem)
    except EinthovenError as problem:
        found.problem = problem
    except Exception as error:  # a file may be damaged in a way that no reader foresees
        found.problem = BadInput(
            f"{path}: cannot be measured ({type(error).__name__}: {error}); is it damaged? copy it "
            "again, or export it in another format"
        )
    return found


@contextmanager
def _mapped(
    measure: partial[_OneFile], paths: Sequence[Path], workers: int
) -> Iterator[Iterator[_OneFile]]:
    """Results in the order of the paths, of this process or of several."""
    if workers <= 1:
        yield map(measure, paths)
        return
    # forked processes of a program with threads may hang
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _without_warnings)
    try:
        with _interrupts_blocked():  # inherited, so that Ctrl-C ends this process alone
            results = pool.map(measure, paths, chunksize=CHUNK)
        yield results
    except KeyboardInterrupt:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()  # not first what is in hand
        raise
    except BrokenProcessPool as error:
        raise StepFailed("a process that reads recordings was ended from outside, maybe for want "
                         "of memory; run with --jobs 1") from error  # fmt: skip
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _without_warnings() -> None:
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A block whose new processes never see Ctrl-C; this one sees it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
