"""A patient as VTK files: surfaces.vtp, electrodes.vtp, body.vtu, purkinje.vtp."""

from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.atomic import atomic
from einthoven.base.geometry.closed import check_all_closed, check_closed
from einthoven.data.patient.patient import Patient
from einthoven.data.publish.arrays import on_cells, on_nodes


def write_vtk(patient: Patient, folder: Path) -> list[Path]:
    """Write the stages that exist, and return the files.

    Units are in the names of the arrays, lengths in mm.

    Raises:
        BadInput: a surface is open or inside out.
    """
    import pyvista as pv

    files = []
    if patient.has("anatomy"):
        anatomy = patient.anatomy
        check_all_closed(anatomy.surfaces)
        surfaces = pv.PolyData.from_regular_faces(anatomy.points, anatomy.faces)
        surfaces.cell_data["face_tags"] = anatomy.face_tags
        files.append(save_vtk(surfaces, folder / "surfaces.vtp"))
        electrodes = pv.PolyData(np.asarray(anatomy.site_points, float))
        electrodes.point_data["name"] = np.array([str(n) for n in anatomy.site_names])
        files.append(save_vtk(electrodes, folder / "electrodes.vtp"))
    if patient.has("mesh"):
        mesh = patient.mesh
        body = pv.UnstructuredGrid({pv.CellType.TETRA: mesh.cells}, mesh.points)
        body.cell_data["cell_tags"] = mesh.cell_tags
        body.cell_data.update(on_cells(patient))
        body.point_data.update(on_nodes(patient))
        files.append(save_vtk(body, folder / "body.vtu"))
    if patient.has("purkinje"):
        trees = patient.purkinje
        lines = np.insert(trees.tree_edges, 0, 2, axis=1).ravel()
        tree = pv.PolyData(np.asarray(trees.tree_points, float), lines=lines)
        tree.point_data["tree_side"] = trees.tree_side
        files.append(save_vtk(tree, folder / "purkinje.vtp"))
    return files


def save_surface(points: np.ndarray, faces: np.ndarray, path: Path) -> Path:
    """Write a closed surface: points [vertex, 3] mm, faces [face, 3].

    Raises:
        BadInput: it is open or inside out.
    """
    import pyvista as pv

    check_closed(str(path), points, faces)

    return save_vtk(pv.PolyData.from_regular_faces(points, faces), path)


def save_vtk(data: Any, path: Path) -> Path:
    """Write VTK data; its format depends on the suffix, so the temporary file has it, too."""
    with atomic(path) as temporary:
        with_suffix = temporary.with_name(temporary.name + path.suffix)
        data.save(with_suffix)
        with_suffix.replace(temporary)
    return path
