"""Write a patient's stages as VTK or openCARP files."""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("patient", metavar="FOLDER|STORE", help="results/patients/p0000")
    command.add_argument("--to", metavar="FOLDER", required=True, type=Path)
    command.add_argument("--format", choices=["vtk", "carp"], default="vtk",
                         help="default: %(default)s")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write the files and print their names."""
    from einthoven.core.errors import BadInput
    from einthoven.patient.patient import Patient
    from einthoven.publish.carp import write_carp_files
    from einthoven.publish.vtk import write_vtk

    write = {"vtk": write_vtk, "carp": write_carp_files}[arguments.format]
    files = write(Patient.open(arguments.patient), arguments.to)
    if not files:
        raise BadInput(f"{arguments.patient}: holds neither anatomy nor mesh nor Purkinje trees")
    for file in files:
        print(file)
