"""Reading of recordings: formats and quirks, damaged files, and the speed of an audit.

    python benchmarks/recordings.py [--json OUT] [--folder FOLDER] [--marked FOLDER] [--n N]
        [--jobs N]

`formats_read` counts the files that small independent writers make of one source in many formats
and with the quirks of real exports, and that give back its samples, lead by lead, within a count.
`refused_truly` counts the damaged files that are refused with one line that names file, cause and
remedy. `folder` is read, and then audited (reading, averaging, delineation, features), with its
recordings repeated until there are N; without a folder, recordings that are written here.
With `--marked`, a folder that holds ludb and ptb-xl, the figures of benchmarks/delineation.py are
added. The cases are in tests/helpers/recording_cases.py and recording_faults.py.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from delineation import measured as delineation
from tabulate import tabulate

from einthoven.app.evaluation.ecg_files import ReadOptions, measure_files
from einthoven.app.evaluation.ecg_folders import find_files
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.physics.ecg.recordings.read import read_recording

TESTS = Path(__file__).resolve().parents[1] / "tests"
N_WRITTEN = 16
"""Recordings that are written where no folder is given."""


def formats(folder: Path) -> dict[str, str]:
    """Case -> why its samples are not those of the source; empty if they are."""
    from helpers.recording_cases import READ
    from helpers.recording_source import source

    found = {}
    for k, case in enumerate(READ):
        made, place = source(), folder / f"read{k}"
        place.mkdir()
        try:
            recording = read_recording(case.write(place, made), case.declared)
            difference = float(case.difference(recording, made).max())
            said = "; ".join(recording.notes)
            wrong = difference > case.tolerance_mv or case.note not in said
            found[case.name] = f"{difference:.3g} mV, notes: {said}" if wrong else ""
        except BadInput as problem:
            found[case.name] = str(problem)
    return found


def refusals(folder: Path) -> dict[str, str]:
    """Damaged file -> what its refusal lacks; empty if nothing."""
    from helpers.recording_faults import REFUSED
    from helpers.recording_source import source

    found = {}
    for k, case in enumerate(REFUSED):
        place = folder / f"refused{k}"
        place.mkdir()
        path = case.write(place, source())
        try:
            read_recording(path, case.declared)
            found[case.name] = "was read"
        except BadInput as problem:
            lacks = case.flaws(str(problem), path)
            found[case.name] = f"{', '.join(lacks)}: {problem}" if lacks else ""
        except Exception as error:  # a traceback is what is looked for
            found[case.name] = f"{type(error).__name__}: {error}"
    return found


def repeated(folder: Path, n: int, to: Path) -> Path:
    """A folder of links to n recordings, those of another folder again and again."""
    headers = [path for path in find_files([folder]).paths if path.suffix == ".hea"]
    if not headers:
        raise BadInput(f"{folder}: no WFDB header; give a folder of WFDB records")
    for k in range(n):
        header = headers[k % len(headers)]
        place = to / f"{k:05d}"
        place.mkdir(parents=True)
        for file in header.parent.glob(f"{header.stem}.*"):
            if file.suffix in (".hea", ".dat", ".mat"):
                (place / file.name).symlink_to(file.resolve())
    return to


def written(to: Path) -> Path:
    """Recordings of ten seconds of different noise."""
    from helpers.recording_source import source
    from helpers.recording_writers import write_wfdb

    for k in range(N_WRITTEN):
        place = to / f"{k}"
        place.mkdir(parents=True)
        write_wfdb(place, source(seed=k))
    return to


def speed(folder: Path, jobs: int) -> dict[str, Any]:
    """Seconds to read all recordings in one process, and to audit them in several."""
    paths = find_files([folder]).paths
    start, failed = time.perf_counter(), Counter[str]()
    for path in paths:
        try:
            read_recording(path)
        except BadInput as problem:
            failed[str(problem).partition(": ")[2][:80]] += 1
    reading_s = time.perf_counter() - start
    start = time.perf_counter()
    measured = measure_files([folder], ReadOptions(), jobs)
    return {
        "n_recordings": len(paths), "not_read": dict(failed), "reading_s": reading_s,
        "audit_s": time.perf_counter() - start, "jobs": jobs, "n_measured": len(measured.rows),
        "not_measured": measured.reasons(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures")
    parser.add_argument("--folder", type=Path, help="WFDB records of people, e.g. of PTB-XL")
    parser.add_argument("--marked", type=Path, help="with ludb and ptb-xl: delineation, too")
    parser.add_argument("--n", type=int, default=1000, help="recordings to audit")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    with tempfile.TemporaryDirectory() as work:
        read, refused = formats(Path(work)), refusals(Path(work))
        folder = options.folder or written(Path(work) / "written")
        figures = {
            "formats_read": sum(not why for why in read.values()), "n_formats": len(read),
            "refused_truly": sum(not why for why in refused.values()), "n_damaged": len(refused),
            **speed(repeated(folder, options.n, Path(work) / "many"), options.jobs),
        }  # fmt: skip
    if options.marked:
        figures |= delineation(options.marked)
    wrong = {name: why for name, why in {**read, **refused}.items() if why}
    figures |= {"wrong": wrong, "folder": str(options.folder or "written here")}
    shown = [[name, value] for name, value in figures.items() if not isinstance(value, dict)]
    print(tabulate(shown, ["figure", "value"], floatfmt=".3g"))
    for name, why in wrong.items():
        print(f"{name}: {why}")
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
