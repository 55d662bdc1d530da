"""Check and repair imported patients of a sheet; list the repairs, write what a run would use."""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add, shown = command.add_argument, "default: %(default)s"
    add("sheet", metavar="SHEET", help="CSV, see docs/imported-patients.md")
    add("patients", metavar="PATIENT", nargs="*", help="default: all of the sheet")
    add("--to", metavar="FOLDER", type=Path, default=Path("imported"), help=shown)
    add("--config", metavar="FILE", default="config/config.yaml", help=f"edge lengths; {shown}")


def run(arguments: argparse.Namespace) -> None:
    """Import every patient asked for; raise BadInput with a line for each that failed."""
    from einthoven.config import load
    from einthoven.core.errors import BadInput
    from einthoven.imported.anatomy import import_patient
    from einthoven.imported.sheet import read_sheet

    config = load(arguments.config).anatomy
    rows = {row.patient: row for row in read_sheet(arguments.sheet)}
    if unknown := [name for name in arguments.patients if name not in rows]:
        raise BadInput(f"{arguments.sheet}: no patient {', '.join(unknown)}; it has "
                       f"{', '.join(rows)}")  # fmt: skip
    failed = []
    for name in arguments.patients or rows:
        target = arguments.to / name
        try:
            anatomy = import_patient(rows[name], target.with_suffix(".png"), config)
        except BadInput as error:
            failed.append(str(error))
            continue
        anatomy.save(target / "anatomy.npz")
        volumes = ", ".join(f"{part} {value:.0f}" for part, value in anatomy.volumes_ml.items())
        print(f"{name}: ok, {volumes} ml; {target / 'anatomy.npz'}")
        for line in anatomy.repairs or ():
            print(f"  {line}")
    if failed:
        raise BadInput("\n".join(failed))
