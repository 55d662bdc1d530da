"""Check of files against the records of their jobs, and of the content of stores."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from einthoven.app.analysis.recomputation import Recomputation
from einthoven.app.run.records import Record, faults_of, read_records
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import earlier_of, is_dead, remove, temporaries
from einthoven.base.core.log import track
from einthoven.data.publish.folder.folder_check import Meaning, check_folder, is_published

FOLDERS = "cohort patients shapes dataset encoders surrogates predictions search report".split()
NOT_OF_A_JOB = "snakemake.html"
"""Snakemake's own report, which `make demo` adds."""
OF_A_TRAINING = "checkpoint"
"""Folder of a training that is running or was killed; the next attempt resumes from it."""
DATASET = "dataset/einthoven.zarr.zip"
ABANDONED_S = 3600.0
"""Age in seconds from which a temporary of another host is not in use."""
REPAIR = "snakemake --profile local --force"
AFTERWARDS = "then the command of the run again; both with the --configfile of the run, if any"
NAMED = 5
"""Number of faults of one store that are named."""
SHOWN = 10
"""Number of files without a record that are named; results of an older einthoven have none."""
_PATIENT = re.compile(r"p[0-9]{4}")

Faults = dict[Path, str]


def check(path: Path, sweep: bool = False, deep: bool = False) -> None:
    """Check a run's files against their records, and stores: bytes, structure, numbers.

    Args:
        path: a store, a published folder, or the folder of a run; in one without logs every store
            is checked.
        sweep: whether to delete temporary files of killed jobs.
        deep: whether to compute all numbers again that follow from others, not just the leads and
            eq. (3) for one electrode and patient.

    Raises:
        BadInput: nothing to check, or one line per fault.
    """
    if not path.exists() and earlier_of(path).exists():
        raise BadInput(
            f"{path}: a process was killed while it replaced this folder; the earlier version is "
            f"{earlier_of(path)}: rename it, or make the folder again"
        )
    numbers = Recomputation(deep)
    if is_published(path):
        found = check_folder(path, numbers)
        print(f"{path}: ok, a published data set of {found.n_patients} patients")
        _print_numbers(numbers)
        return
    folder = _is_folder(path)
    stores = sorted(path.rglob("*.zarr.zip")) if folder else [path]
    records = read_records(path) if folder else {}
    if not stores and not records:
        raise BadInput(f"{path}: holds no .zarr.zip store; run `snakemake dataset`")
    # the fault of a store names its variable, so it replaces that of the record
    faults = faults_of(records) | _faults_of_stores(stores, numbers)
    if folder:
        inside = _patients_of_dataset(path / DATASET, faults)
        faults = {f: fault for f, fault in faults.items() if not _was_removed(f, path, inside)}
        _print_patients(path, stores, inside)
        _print_records(path, records, faults)
        if inside is not None:
            faults |= _faults_of_rows(path / DATASET, stores, faults, inside)
        _print_temporaries(path, sweep)
    _print_numbers(numbers)
    if faults:
        raise BadInput("\n".join(_lines(faults, records)))


def _is_folder(path: Path) -> bool:
    """Whether it is a folder but not itself a Zarr store."""
    return path.is_dir() and not (path / "zarr.json").exists() and not (path / ".zgroup").exists()


def _faults_of_stores(stores: Iterable[Path], numbers: Meaning) -> Faults:
    """Check stores and their numbers; print a line for each that is sound."""
    from einthoven.data.dataset.checker import check_store

    faults = {}
    for store in track(stores, "checking, store"):
        try:
            sound = check_store(store)
            if wrong := [f"{variable}: {fault}" for variable, fault in numbers(store)]:
                more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
                raise BadInput(f"{store}: {'; '.join(wrong[:NAMED])}{more}")
            print(f"{store}: ok, {sound.kind}, {sound.n_patients} patients, {sound.n_bytes} bytes")
        except BadInput as error:
            faults[store] = str(error).removeprefix(f"{store}: ")
    return faults


def _faults_of_rows(
    dataset: Path, stores: Sequence[Path], faults: Faults, inside: set[str]
) -> Faults:
    """Stores of patients that differ from their row in a run's data set.

    A store that is newer than the data set is of a run that is not complete.
    """
    from einthoven.data.dataset.consolidate import row_faults

    folder, made = dataset.parent / "patients", dataset.stat().st_mtime
    of_data = [s for s in stores if s.parent == folder and s.name.partition(".")[0] in inside]
    for store in (newer := [s for s in of_data if s.stat().st_mtime > made]):
        print(f"{store}: newer than {dataset.name}, not compared; the run is not complete")
    sound = [store for store in of_data if store not in faults and store not in newer]
    return dict(row_faults(dataset, sound))


def _print_numbers(numbers: Recomputation) -> None:
    """Print for how many patients eq. (3) was computed, and why not for others."""
    for note in numbers.notes[:NAMED]:
        print(note)
    if numbers.done:
        rest = "all electrodes" if numbers.deep else "one electrode; --deep computes all numbers"
        print(f"numbers agree: leads of all patients, eq. (3) of {numbers.done} for {rest}")


def _patients_of_dataset(dataset: Path, faults: Faults) -> set[str] | None:
    """Names in the data set; None if there is no sound one."""
    from einthoven.data.dataset.store import open_store, values_of

    if not dataset.exists() or dataset in faults:
        return None
    with open_store(dataset) as root:
        return set(map(str, values_of(root, "patient")))


def _was_removed(file: Path, results: Path, inside: set[str] | None) -> bool:
    """Whether a file is missing together with its patient, who is not in the data set."""
    patients = set(_PATIENT.findall(str(file.relative_to(results))))
    return inside is not None and not file.exists() and not patients <= inside


def _print_patients(results: Path, stores: Sequence[Path], inside: set[str] | None) -> None:
    """Print patients without a store, and patients not in any data set."""
    drawn = {p.stem for p in results.glob("cohort/*.json")}
    stored = {store.name.partition(".")[0] for store in stores}
    if unfinished := drawn - stored:
        names = ", ".join(sorted(unfinished))
        print(f"without a store: {names}; to go on without them: dataset.exclude: [{names}]")
    present = stored | {p.parent.name for p in results.glob("patients/*/*")} - unfinished
    if inside is not None and (left := {p for p in present if _PATIENT.fullmatch(p)} - inside):
        print(f"not in the data set, so nothing reads their files: {', '.join(sorted(left))}")


def _print_records(results: Path, records: Mapping[Path, Record], faults: Faults) -> None:
    """Print how many files agree with their records, and which have none."""
    good = [file for file in records if file not in faults and file.exists()]
    if good:
        size = sum(records[file].size for file in good)
        print(f"{len(good)} files as their jobs recorded them, {size} bytes")
    building = {p for name in FOLDERS for p in _temporaries(results / name)}
    files = [p for name in FOLDERS for p in sorted((results / name).rglob("*")) if p.is_file()]
    unknown = [f for f in files if f not in records and not building & {f, *f.parents}]
    unknown = [f for f in unknown if f.name != NOT_OF_A_JOB and OF_A_TRAINING not in f.parts]
    if not records:  # stores alone carry their own sums
        unknown = [f for f in unknown if not f.name.endswith(".zarr.zip")]
    for file in unknown[:SHOWN]:
        print(f"{file}: unverifiable, no log has its record; {_cure(file, records)}")
    if len(unknown) > SHOWN:
        print(f"and {len(unknown) - SHOWN} more files without a record")


def _temporaries(folder: Path) -> list[Path]:
    """All temporaries in a folder and in those below."""
    return [path for place in [folder, *folder.rglob("*/")] for path in temporaries(place)]


def _print_temporaries(results: Path, sweep: bool) -> None:
    """Print or delete temporary files of killed jobs, except those possibly in use."""
    for temporary in _temporaries(results):
        idle = time.time() - temporary.stat().st_mtime
        if not is_dead(temporary) and idle < ABANDONED_S:
            print(f"{temporary}: being written")
        elif sweep:
            remove(temporary)
            print(f"{temporary}: deleted")
        else:
            print(f"{temporary}: left by a killed job; --sweep deletes it")


def _lines(faults: Faults, records: Mapping[Path, Record]) -> list[str]:
    """One line for each fault, with the rule and the repair; then what to do after it."""
    if not records:
        return [f"{file}: {fault}" for file, fault in faults.items()]
    lines = [f"{file}: {fault}; {_cure(file, records)}" for file, fault in faults.items()]
    remedies = dict.fromkeys(records[file].remedy for file in faults if file in records)
    if len(remedies) > 1:
        lines.append(f"repair all at once: {REPAIR} {' '.join(remedies)}")
    return [*lines, AFTERWARDS]


def _cure(file: Path, records: Mapping[Path, Record]) -> str:
    """Rule and command that make a file, from its own record or from that of another patient."""
    record = records.get(file)
    if record:
        return f"rule {record.rule}; repair: {REPAIR} {record.remedy}"
    kind = _PATIENT.sub("p", str(file))
    rules = (r.rule for f, r in records.items() if _PATIENT.sub("p", str(f)) == kind)
    rule = next(rules, "")
    return f"{f'rule {rule}; ' if rule else ''}make it anew: {REPAIR} {file}"
