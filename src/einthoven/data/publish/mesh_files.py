"""A patient as files of VTK and of openCARP.

VTK: surfaces.vtp, electrodes.vtp, body.vtu, purkinje.vtp. openCARP: body.pts/.elem/.lon, vertex
data as .dat, electrodes as .csv.
"""

from pathlib import Path

import numpy as np

from einthoven.base.core.files import write_text
from einthoven.base.core.vtk import save_vtk
from einthoven.base.geometry.carp import write_carp
from einthoven.base.geometry.surfaces import check_all_closed, check_closed
from einthoven.data.patient.patient import Patient


def on_nodes(patient: Patient) -> dict[str, np.ndarray]:
    """Activation times, coordinates and lead fields: [node] float32, NaN where not defined.

    Raises:
        BadInput: the patient has no mesh.
    """
    n = len(patient.mesh.points)
    values: dict[str, np.ndarray] = {}
    if patient.has("activations"):
        for name, activation in patient.activations.items():
            values[f"activation_{name}_ms"] = _padded(activation.activation_time, n)
    if patient.has("coordinates"):
        for name, coordinate in patient.coordinates.arrays().items():
            values[name] = _padded(coordinate, n)
    if patient.has("lead_fields"):
        fields = patient.lead_fields
        for name, z in zip(fields.electrode_names, fields.lead_field):
            values[f"lead_field_{name}_kohm"] = _padded(z, n, fields.kept_nodes)
    return values


def _padded(values: np.ndarray, n: int, nodes: np.ndarray | None = None) -> np.ndarray:
    """Values of some nodes, by default the first ones, on all n nodes."""
    whole = np.full(n, np.nan, np.float32)
    whole[slice(len(values)) if nodes is None else nodes] = values
    return whole


def on_cells(patient: Patient) -> dict[str, np.ndarray]:
    """Fibre, sheet and normal direction [cell, 3] float32, zero outside the myocardium.

    Raises:
        BadInput: the patient has no mesh.
    """
    values: dict[str, np.ndarray] = {}
    if patient.has("fibers"):
        for name, axes in patient.fibers.arrays().items():
            values[name] = np.zeros((len(patient.mesh.cells), 3), np.float32)
            values[name][: len(axes)] = axes
    return values


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
        files.append(folder / f"{name}.dat")
        write_text(files[-1], text)
    if patient.has("anatomy"):
        sites = zip(patient.anatomy.site_names, patient.anatomy.site_points.tolist())
        rows = [f"{name},{x:.6f},{y:.6f},{z:.6f}\n" for name, (x, y, z) in sites]
        files.append(folder / "electrodes.csv")
        write_text(files[-1], "".join(["name,x,y,z\n", *rows]))
    return files
