"""How far the demo's own reference is from a finer mesh: the floor under every learned error.

One patient's heart is meshed at the config's size and at a finer one, with everything after it
(fibres, lead fields of the nine electrodes) solved on both. The fine gradient, taken at the
centroids of the coarse heart cells, is the reference.

Usage: python benchmarks/discretisation.py [--patient 7] [--fine-mm 2.2] [--json OUT]
"""

import argparse
import json
import time

import numpy as np

from einthoven.anatomy.cohort import draw_patient
from einthoven.anatomy.patient import build_anatomy
from einthoven.conduction import action_potential, purkinje, scenarios
from einthoven.config import Config
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.core.simplex import cell_gradient, p1_gradients
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.evaluation import metrics
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.ldrb import assign_fibers
from einthoven.leadfield.conductivity import intracellular
from einthoven.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.leadfield.solve import lead_fields
from einthoven.mesh.tetrahedra import TetMesh, tetrahedralise

SETTING = {name: dict(section) for name, section in Config()}
N = len(STANDARD_ELECTRODES)


def solved(index: int, heart_edge_mm: float) -> tuple[TetMesh, np.ndarray, np.ndarray, np.ndarray]:
    """Mesh, fibres, gradients [electrode, heart cell, 3] and electrodes at one mesh size."""
    patient = draw_patient(index, **SETTING["cohort"])
    size = {"heart_edge_mm": heart_edge_mm}
    body, _ = build_anatomy(patient, **{**SETTING["anatomy"], **size})
    electrodes = body["site_points"][:N]
    mesh = tetrahedralise(
        body["points"], body["faces"], body["face_tags"], electrodes, **{**SETTING["mesh"], **size}
    )
    f0 = assign_fibers(mesh.arrays(), **SETTING["fibers"]).f0
    z, _ = lead_fields(
        mesh.arrays(), f0, electrodes, body["site_names"][:N], **SETTING["leadfield"]
    )
    tets = mesh.cells[: mesh.n_heart_cells]
    return mesh, f0, cell_gradient(p1_gradients(mesh.points, tets), tets, z), electrodes


def at_points(mesh: TetMesh, gradient: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Gradient of the heart cell nearest to each query: [electrode, query, 3]."""
    import pyvista as pv

    tets = mesh.cells[: mesh.n_heart_cells]
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: tets}, mesh.points)
    return gradient[:, grid.find_closest_cell(queries)]


def sinus_ecg(mesh: TetMesh, f0: np.ndarray, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """12-lead ECGs [lead, time] of one activation with different gradients."""
    coordinates = ventricular_coordinates(mesh.arrays())
    fibers = {"f0": f0, **coordinates._asdict()}
    tree = purkinje.grow_tree(mesh.arrays(), coordinates, seed=1)
    beat, _ = scenarios.activation("sinus", mesh.arrays(), fibers, vars(tree))
    nodes, tets = mesh.points[: mesh.n_heart_nodes], mesh.cells[: mesh.n_heart_cells]
    conductivity = SETTING["leadfield"]
    sigma_i = intracellular(f0, conductivity["sigma_il_s_per_m"], conductivity["sigma_it_s_per_m"])
    arguments = (nodes, tets, sigma_i, beat["activation_time"])
    shape = (np.arange(-20.0, 500.0), action_potential.template(0.1))
    return [
        twelve_lead(STANDARD_ELECTRODES, forward_potential(*arguments, g, *shape))
        for g in gradients
    ]


def main() -> None:
    """Compare, print one line a quantity, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patient", type=int, default=7)
    parser.add_argument("--fine-mm", type=float, default=2.2)
    parser.add_argument("--json")
    options = parser.parse_args()
    start = time.perf_counter()
    coarse, f0, gradient, electrodes = solved(options.patient, SETTING["mesh"]["heart_edge_mm"])
    fine, _, fine_gradient, _ = solved(options.patient, options.fine_mm)
    centroids = coarse.points[coarse.cells[: coarse.n_heart_cells]].mean(axis=1)
    reference = at_points(fine, fine_gradient, centroids)
    pseudo = pseudo_lead_field_grad(
        centroids, electrodes, SETTING["leadfield"]["sigma_torso_s_per_m"]
    )
    ecg, ecg_reference = sinus_ecg(coarse, f0, [gradient, reference])
    result = {
        "coarse_edge_mm": SETTING["mesh"]["heart_edge_mm"],
        "fine_edge_mm": options.fine_mm,
        "nodes": [len(coarse.points), len(fine.points)],
        "angular_error_deg": float(metrics.angular_error_deg(gradient, reference).mean()),
        "angular_error_pseudo_deg": float(metrics.angular_error_deg(pseudo, reference).mean()),
        "magnitude_error_rel": float(
            np.linalg.norm(gradient - reference) / np.linalg.norm(reference)
        ),
        "ecg_rel_l2": float(np.linalg.norm(ecg - ecg_reference) / np.linalg.norm(ecg_reference)),
        "seconds": time.perf_counter() - start,
    }
    for name, value in result.items():
        print(f"{name:28s} {value}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
