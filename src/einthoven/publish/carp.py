"""Stages as openCARP files: body.pts/.elem/.lon, vertex data as .dat, electrodes as .csv."""

from pathlib import Path

import numpy as np

from einthoven.core.atomic import atomic
from einthoven.core.errors import BadInput
from einthoven.geometry.carp import write_carp
from einthoven.publish.stages import Stages


def write_carp_files(stages: Stages, folder: Path) -> list[Path]:
    """Write the mesh in micrometres with tissue tags and fibres, and data on its nodes.

    Fibres and sheets are zero outside the myocardium, as openCARP wants them in a bath; a .dat
    has one value a node, NaN where it is not defined. Surfaces are not a format of their own
    there: the tags of the cells tell them.

    Args:
        stages: of one patient.
        folder: where the files go.

    Returns:
        The files written.

    Raises:
        BadInput: the patient has no mesh yet.
    """
    if not stages.mesh:
        raise BadInput(f"{stages.name}: has no mesh.npz yet, and openCARP needs one; --format vtk?")
    axes = stages.on_cells()
    fibers = np.concatenate([axes["f0"], axes["s0"]], axis=1) if axes else None
    mesh = stages.mesh
    files = write_carp(folder / "body", mesh["points"], mesh["cells"], mesh["cell_tags"], fibers)
    for name, values in stages.on_nodes().items():
        text = "".join(f"{value:.8g}\n" for value in values.tolist())
        files.append(_write(folder / f"{name}.dat", text))
    if stages.anatomy:
        sites = zip(stages.anatomy["site_names"], stages.anatomy["site_points"].tolist())
        rows = [f"{name},{x:.6f},{y:.6f},{z:.6f}\n" for name, (x, y, z) in sites]
        files.append(_write(folder / "electrodes.csv", "".join(["name,x,y,z\n", *rows])))
    return files


def _write(path: Path, text: str) -> Path:
    with atomic(path) as temporary:
        temporary.write_text(text)
    return path
