"""Groups of people from files: simulated ones from stores and runs, real ones from recordings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from einthoven.app.evaluation.ecg_files import RECORDING, ReadOptions, read_samples
from einthoven.app.evaluation.realism.cycles import cycle_lengths
from einthoven.app.evaluation.realism.judge import JudgedRealism, judge_realism
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.app.evaluation.realism.sheets import (
    ListedRecording,
    is_of_test,
    one_per_patient,
    read_listed,
    sheet_of,
)
from einthoven.base.config.models import AuditSettings
from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.features import EcgSample, FeatureRow, feature_table


@dataclass(frozen=True)
class GroupChoice:
    """Choice of the ECGs that make a group.

    Attributes:
        scenario: of simulated patients; recordings have none.
        sheet: CSV file of the recordings' people; None: the one in the folder, if there is any.
        healthy: take those of healthy adults alone, as the sheet says.
        options: properties that files may not state.
        part: of PTB-XL's people: those of the `test` alone, on whom nothing was chosen
            (`sheets.is_of_test`), or of the `fit` alone; None: all.
    """

    scenario: str = "sinus"
    sheet: Path | None = None
    healthy: bool = False
    options: ReadOptions = field(default_factory=ReadOptions)
    part: Literal["fit", "test"] | None = None


@dataclass(frozen=True, eq=False)
class PeopleFound:
    """A group and what was left out of it.

    Attributes:
        people: the group. left_out: file or beat -> why it could not be measured.
        notes: sentences on how the group was chosen.
    """

    people: PeopleEcgs
    left_out: Mapping[str, str]
    notes: Sequence[str]


def judge_patients(files: Iterable[str | Path], audit: AuditSettings) -> JudgedRealism | None:
    """Judge the patients of a run beside the recordings of its config; None without any.

    Args:
        files: stages of the patients, in a folder each. audit: section of the config.

    Raises:
        BadInput: as of `read_people`, of the recordings.
    """
    if not audit.recordings:
        return None
    folders = sorted({Path(file).parent for file in files})
    simulated = read_people(folders, "simulated", GroupChoice())
    real = read_people([audit.recordings], "real", GroupChoice(healthy=audit.healthy))
    return judge_realism(simulated.people, real.people)


def read_people(paths: Sequence[str | Path], label: str, choice: GroupChoice) -> PeopleFound:
    """Read and measure the ECGs of a group, one per person where a sheet names the persons.

    Args:
        paths: folder of recordings, results, patients' folders, or stores.
        label: name of the group. choice: which of its ECGs.

    Raises:
        BadInput: nothing there, no sheet where healthy people are asked for, no beat of that
            scenario, or too few.
    """
    path, *others = map(Path, paths)
    sheet = choice.sheet or (None if others else sheet_of(path))
    if sheet is None:
        if choice.healthy:
            raise BadInput(
                f"{path}: no sheet says who is healthy; state one with --table, or leave --healthy"
            )
        samples, unread = read_samples(paths, choice.options)
        notes = [f"{label}: {path.name}{' and others' if others else ''}"]
    else:
        samples, unread, notes = _listed_samples(path, sheet, label, choice)
    scenarios = dict.fromkeys(scenario for sample in samples for scenario in sample.beats)
    rows, failed = feature_table(samples, [choice.scenario, RECORDING])
    left_out = unread | failed
    if not rows:
        known = ", ".join(scenarios) or "none"
        why = next((f"; {name}: {text}" for name, text in left_out.items()), "")
        raise BadInput(f"{path}: no ECG of scenario {choice.scenario!r}; there are {known}{why}")
    cycles = cycle_lengths(paths, choice.scenario) if sheet is None else {}
    rows = [_with_cycle(row, cycles) for row in rows]
    return PeopleFound(PeopleEcgs.of_rows(label, rows), left_out, notes)


def _with_cycle(row: FeatureRow, cycles: Mapping[str, float]) -> FeatureRow:
    """A row whose cycle length is that of the simulation, if the beat itself has none."""
    return replace(row, rr_ms=cycles.get(row.name)) if row.rr_ms is None else row


def _listed_samples(
    folder: Path, sheet: Path, label: str, choice: GroupChoice
) -> tuple[list[EcgSample], dict[str, str], list[str]]:
    """Samples of a sheet's recordings, what could not be read, and notes."""
    everything = read_listed(sheet, sheet.parent)
    chosen = one_per_patient(everything, choice.healthy, str(sheet))
    if choice.part:
        chosen = [row for row in chosen if is_of_test(row) == (choice.part == "test")]
    by_name = {row.file.stem: row for row in chosen}
    files = {row.file.stem: _file(row, folder) for row in chosen}
    present = [file for file in files.values() if file.exists()]
    if not present:
        raise BadInput(f"{sheet}: none of its {len(files)} recordings lies in {folder}, such as "
                       f"{next(iter(files.values()))}")  # fmt: skip
    samples, unread = read_samples(present, choice.options)
    unread |= {str(file): "no such file" for file in files.values() if not file.exists()}
    healthy = sum(bool(row.healthy) for row in everything)
    n_patients = len({row.patient for row in everything})
    note = f"{label}: {sheet.name} lists {len(everything)} recordings of {n_patients} people"
    if choice.healthy:
        of_part = f" of the {choice.part}" if choice.part else ""
        note += f"; {len(chosen)} healthy adults{of_part}, the first recording of each"
    else:
        note += "; the first recording of each"
        if healthy:
            note += f"; {healthy} recordings are of healthy adults (--healthy takes these alone)"
    return [_with_person(sample, by_name) for sample in samples], unread, [note]


def _file(row: ListedRecording, folder: Path) -> Path:
    """The recording as the sheet places it, or else in the folder itself."""
    return row.file if row.file.exists() else folder / row.file.name


def _with_person(sample: EcgSample, listed: Mapping[str, ListedRecording]) -> EcgSample:
    """A sample with sex and age of the sheet, which may know more than the file."""
    row = listed.get(sample.name)
    if row is None:
        return sample
    age = sample.age_years if row.age_years is None else row.age_years
    return replace(sample, sex=row.sex or sample.sex, age_years=age)
