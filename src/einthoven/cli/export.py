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
    from einthoven.publish.carp import write_carp_files
    from einthoven.publish.stages import Stages
    from einthoven.publish.vtk import write_vtk

    write = {"vtk": write_vtk, "carp": write_carp_files}[arguments.format]
    for file in write(Stages.load(arguments.patient), arguments.to):
        print(file)
