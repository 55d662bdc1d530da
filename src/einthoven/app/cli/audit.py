"""Compare features of ECGs with published limits of healthy adults, the worst feature first.

Accepts results/patients, a patient's folder, stores (.zarr.zip), recordings of people in many
formats (docs/how-to/my-recordings.md), or folders of these, of any depth. A recording of several
beats is averaged. Prints a table, and what was left out and why.

    einthoven audit results/patients --figure audit.png
    einthoven audit recordings --failed failed.csv
"""

import argparse
import os
from pathlib import Path

from einthoven.app.cli.options import add_declared, positive_int


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("paths", metavar="STORE|FOLDER|FILE", nargs="+",
        help="patients of a run, or recordings")  # fmt: skip
    add("--scenario", metavar="NAME",
        help="scenario to compare; default: sinus, or the recording of a file")  # fmt: skip
    add("--json", metavar="OUT", type=Path, help="also write all numbers to this file")
    add("--features", metavar="OUT", type=Path, help="features as CSV, one row per beat")
    add("--figure", metavar="OUT", type=Path, help="mean ECG and limits, .png, .svg or .pdf")
    add("--failed", metavar="OUT", type=Path, help="what was left out and why, as CSV")
    add("--jobs", metavar="N", type=positive_int, default=os.cpu_count(),
        help="processes that read many recordings; default: one per core")  # fmt: skip
    add_declared(command)
    add("--sex", choices=["female", "male"], help="sex of all whose files do not state it")


def run(arguments: argparse.Namespace) -> None:
    """Print the table; write JSON and figure."""
    from tabulate import tabulate

    from einthoven.app.evaluation.audit import audit, table
    from einthoven.app.evaluation.criteria import called_shares
    from einthoven.app.evaluation.ecg_files import RECORDING, ReadOptions, measure_files
    from einthoven.app.evaluation.sexes import sex_table, statement
    from einthoven.base.core.files import write_json
    from einthoven.physics.ecg.features import save_table
    from einthoven.physics.ecg.recordings.recording import Declared

    options = ReadOptions(Declared(arguments.rate_hz, arguments.unit), arguments.sex)
    measured = measure_files(arguments.paths, options, arguments.jobs)
    rows = measured.rows
    scenario = arguments.scenario or (
        RECORDING if {row.scenario for row in rows} == {RECORDING} else "sinus"
    )
    if arguments.failed:
        measured.save_failed(arguments.failed)
    if not rows:
        print("\n".join(measured.lines()))
    found = audit(rows, scenario, measured.failed)
    found["notes"] = {name: list(notes) for name, notes in measured.notes.items()}
    header, lines = table(found)
    print(tabulate(lines, header, disable_numparse=True))
    for name, share in found.items():
        if name.endswith("share") or name.startswith("share"):
            print(f"{name}: {'none' if share is None else format(share, '.3f')}")
    print(f"n: {found['n']}, pairs of patient and feature with percentiles: {found['n_pairs']}")
    found["infarct"] = called_shares([row for row in rows if row.scenario == scenario])
    acute, old = (f"{found['infarct'][kind]:.3f}" for kind in ("acute", "old"))
    print(f"called acute infarction: {acute}, old infarction: {old} (ESC/AHA criteria)")
    if differences := found["sex_differences"]:
        header, lines = sex_table(differences)
        print(tabulate(lines, header, disable_numparse=True))
        print(statement(differences))
    print("\n".join(measured.lines()))
    if arguments.json:
        write_json(arguments.json, found)
    if arguments.features:
        save_table(arguments.features, rows)
    if arguments.figure:
        from einthoven.app.report.audit import write_audit_figure

        write_audit_figure(arguments.figure, rows, found)
