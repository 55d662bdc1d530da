"""Write a patient's stages as VTK or openCARP files.

Writes what is there: surfaces, mesh, fibres, Purkinje trees, activation, lead fields, electrodes.
Prints the names of the files.

    einthoven export results/patients/p0000 --to paraview
"""

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add(
        "patient",
        metavar="FOLDER|STORE",
        help="results/patients/p0000, or a patient's store (.zarr.zip)",
    )
    add("--to", metavar="FOLDER", required=True, type=Path, help="output")
    add("--format", choices=["vtk", "carp"], default="vtk",
        help="vtk: lengths in mm; carp: openCARP, lengths in um")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Write the files and print their names."""
    from einthoven.base.core.errors import BadInput
    from einthoven.data.patient.patient import Patient
    from einthoven.data.publish.mesh_files import write_carp_files, write_vtk

    write = {"vtk": write_vtk, "carp": write_carp_files}[arguments.format]
    files = write(Patient.open(arguments.patient), arguments.to)
    if not files:
        raise BadInput(f"{arguments.patient}: holds neither anatomy nor mesh nor Purkinje trees")
    for file in files:
        print(file)
