"""Delineation of people's ECGs against cardiologists' marks, and beside other programs.

    python benchmarks/delineation.py FOLDER --json OUT [--others]

FOLDER holds `ludb` and `ptb-xl`. How marks and results are compared says `delineation_marks.py`.
`--others` runs the other delineators that are installed, too (pip install neurokit2 wavedet
ecgdeli; they take minutes). Settings were chosen on the tuned halves; look at the other halves
to judge and never to choose.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from delineation_marks import FIDUCIALS, RATE_HZ, Diagnosed, Marked, ludb, ptb_xl, reference
from delineation_others import OTHERS
from tabulate import tabulate

from einthoven.app.evaluation.audit import audit
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.physics.ecg.beats import AveragedBeat, representative_beat
from einthoven.physics.ecg.delineation.delineate import Delineation, delineate
from einthoven.physics.ecg.features import EcgSample, feature_table
from einthoven.physics.ecg.recordings.aligned import averaged_beat, resampled
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

BROAD_MS = 110.0
CSE_SD_MS = {"qrs_onset_ms": 6.5, "qrs_end_ms": 11.6, "t_end_ms": 30.6, "p_onset_ms": 10.2,
             "p_end_ms": 12.7}  # fmt: skip
"""Tolerances of the CSE study for the SD (twice the SD of its readers)."""
OURS = "einthoven"
Errors = dict[str, float]


def global_marks(found: Delineation) -> dict[str, float]:
    """Our fiducials by name, ms."""
    p = found.p
    return {
        "qrs_onset_ms": found.onset_ms, "qrs_end_ms": found.offset_ms, "t_end_ms": found.t_end_ms,
        "p_onset_ms": p.onset_ms if p else np.nan, "p_end_ms": p.end_ms if p else np.nan,
    }  # fmt: skip


def errors_of(record: Marked, others: Iterable[str]) -> dict[str, Errors]:
    """Program -> fiducial -> its time - the readers'; of one recording."""
    beat = representative_beat(resampled(record.ecg, RATE_HZ), 1000.0)
    assert beat.peaks_ms is not None
    truth = reference(record.marks, beat.peaks_ms)
    found = {OURS: global_marks(delineate(beat.ecg, beat.time, beat.rr_ms))}
    for name in others:
        found[name] = reference(OTHERS[name](record.ecg), beat.peaks_ms)
    return {
        name: {one: marks[one] - truth[one] for one in FIDUCIALS} for name, marks in found.items()
    }


def summary(errors: Iterable[Errors]) -> dict[str, dict[str, float]]:
    """Fiducial -> mean, sd, n of the known errors; `missed` counts marks that were not found."""
    rows = list(errors)
    found = {}
    for name in FIDUCIALS:
        values = np.array([row[name] for row in rows])
        known = values[np.isfinite(values)]
        found[name] = {"mean": float(known.mean()), "sd": float(known.std(ddof=1)), "n": len(known)}
    return found


def against_marks(folder: Path, others: Iterable[str]) -> dict[str, Any]:
    """Half -> all, normals -> program -> fiducial -> mean, sd, n; and recordings that failed."""
    others, found, failed = list(others), list[tuple[Marked, dict[str, Errors]]](), {}
    for record in ludb(folder):
        try:
            found.append((record, errors_of(record, others)))
        except BadInput as problem:
            failed[str(record.number)] = str(problem)
    halves: dict[str, Any] = {"failed": failed}
    for half in ("tuned", "held_out"):
        mine = [pair for pair in found if pair[0].half == half]
        halves[half] = {
            group: {name: summary(errors[name] for _, errors in some) for name in (OURS, *others)}
            for group, some in (("all", mine), ("normals", [p for p in mine if p[0].is_normal]))
        }
    return halves


def blocks(folder: Path, people: list[tuple[Diagnosed, AveragedBeat]]) -> dict[str, Any]:
    """QRS durations of complete blocks of the bundle branches, ms, and the share of broad ones."""
    of_ludb = [
        representative_beat(resampled(record.ecg, RATE_HZ), 1000.0)
        for record in ludb(folder)
        if record.is_block
    ]
    of_ptb = [beat for person, beat in people if {"CLBBB", "CRBBB"} & set(person.codes)]
    qrs = [delineate(b.ecg, b.time, b.rr_ms).qrs_ms for b in (*of_ludb, *of_ptb)]
    return {
        "n": len(qrs),
        "qrs_ms": sorted(qrs),
        "share": float(np.mean(np.array(qrs) >= BROAD_MS)),
    }


def healthy(people: list[tuple[Diagnosed, AveragedBeat]], half: str) -> dict[str, Any]:
    """Share of healthy adults' features inside the audit's limits, and of each limit by itself."""
    samples = [
        EcgSample(person.path.stem, {"recording": beat}, person.sex)
        for person, beat in people
        if person.is_healthy_adult and person.half == half
    ]
    rows, failed = feature_table(samples)
    found = audit(rows, "recording", failed)
    by_limit = {
        name: entry["share_inside"]
        for name, entry in found["by_feature"].items()
        if entry["share_inside"] is not None
    }
    return {
        "n": found["n"],
        "share_inside": found["share_inside"],
        "share_inside_clinical": found["share_inside_clinical"],
        "by_limit": by_limit,
        "worst": min(by_limit.values()),
        "failed": found["failed"],
    }


def read_people(folder: Path) -> tuple[list[tuple[Diagnosed, AveragedBeat]], dict[str, str]]:
    """Averaged beats of PTB-XL; name -> why a recording could not be averaged."""
    people, failed = [], {}
    for person in ptb_xl(folder):
        try:
            people.append((person, averaged_beat(read_wfdb(person.path))))
        except BadInput as problem:
            failed[person.path.stem] = str(problem)
    return people, failed


def measured(folder: str | Path, others: Iterable[str] = ()) -> dict[str, Any]:
    """All figures.

    Args:
        folder: with `ludb` and `ptb-xl`. others: names of `OTHERS` that are run, too.

    Returns:
        fiducial -> mean, sd, n on the half of LUDB held out (all rhythms); ludb: all of
        `against_marks`; broad_qrs: as `blocks`; healthy: half -> as `healthy`; spikes: PTB-XL's
        recordings in which pacing spikes were found.
    """
    folder = Path(folder)
    marks = against_marks(folder / "ludb", others)
    people, failed = read_people(folder / "ptb-xl")
    paced = {person.path.stem: beat.n_spikes for person, beat in people if beat.n_spikes}
    return marks["held_out"]["all"][OURS] | {
        "ludb": marks,
        "broad_qrs": blocks(folder / "ludb", people),
        "healthy": {half: healthy(people, half) for half in ("tuned", "held_out")},
        "spikes": {
            "found_in": paced,
            "healthy_with_spikes": sum(
                person.is_healthy_adult and beat.n_spikes > 0 for person, beat in people
            ),
        },
        "failed": failed,
    }


def table(found: Mapping[str, Any], half: str, group: str) -> str:
    """Programs by rows: mean (SD, n) of each fiducial."""
    rows = [
        [name, *(f"{one['mean']:+.1f} ({one['sd']:.1f}, {one['n']})" for one in errors.values())]
        for name, errors in found["ludb"][half][group].items()
    ]
    rows.append(["SD by CSE", *(f"{limit:g}" for limit in CSE_SD_MS.values())])
    return tabulate(rows, ["program", *FIDUCIALS], tablefmt="github")


def main() -> None:
    """Print the tables, write JSON."""
    parser = argparse.ArgumentParser(description="Delineation against cardiologists' marks.")
    parser.add_argument("folder", type=Path, help="with ludb and ptb-xl")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    parser.add_argument("--others", action="store_true", help="other installed delineators, too")
    options = parser.parse_args()
    names = (
        [name for name, program in OTHERS.items() if program.installed] if options.others else []
    )
    found = measured(options.folder, names)
    write_json(options.json, found)
    for half in ("tuned", "held_out"):
        for group in ("all", "normals"):
            print(f"\n{half}, {group}: mean (SD, n) of time - readers' time, ms\n")
            print(table(found, half, group))
    print({key: found[key] for key in ("broad_qrs", "healthy", "spikes", "failed")})


if __name__ == "__main__":
    main()
