"""A patient as openCARP files: body.pts/.elem/.lon, vertex data as .dat, electrodes as .csv."""

from pathlib import Path

import numpy as np

from einthoven.base.core.atomic import atomic
from einthoven.base.geometry.carp import write_carp
from einthoven.data.patient.patient import Patient
from einthoven.data.publish.arrays import on_cells, on_nodes


def write_carp_files(patient: Patient, folder: Path) -> list[Path]:
    """Write the mesh in micrometres with tissue tags and fibres, and data on its nodes.

    Fibres and sheets are zero outside the myocardium, as openCARP requires in a bath. A .dat file
    has one value per node, NaN where undefined. openCARP has no surface files: the cell tags define
    the surfaces. Returns the files.

    Raises:
        BadInput: the patient has no mesh.
    """
    mesh, axes = patient.mesh, on_cells(patient)
    fibers = np.concatenate([axes["f0"], axes["s0"]], axis=1) if axes else None
    files = write_carp(folder / "body", mesh.points, mesh.cells, mesh.cell_tags, fibers)
    for name, values in on_nodes(patient).items():
        text = "".join(f"{value:.8g}\n" for value in values.tolist())
        files.append(_write(folder / f"{name}.dat", text))
    if patient.has("anatomy"):
        sites = zip(patient.anatomy.site_names, patient.anatomy.site_points.tolist())
        rows = [f"{name},{x:.6f},{y:.6f},{z:.6f}\n" for name, (x, y, z) in sites]
        files.append(_write(folder / "electrodes.csv", "".join(["name,x,y,z\n", *rows])))
    return files


def _write(path: Path, text: str) -> Path:
    with atomic(path) as temporary:
        temporary.write_text(text)
    return path
