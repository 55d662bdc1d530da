"""The incident field: milliseconds per lead of a torso without heart, boundary elements included.

    OMP_NUM_THREADS=1 python benchmarks/incident_field.py [--lungs] [--elements] [--json OUT]

109 electrodes around the mean torso of the atlas, 40,000 points in the place of its heart: CPU and
wall time per lead on one and on two threads, and by how much fields of merged sources differ from
those of all. With `--elements` also the CPU time per lead of finite elements for as many leads of
a torso without heart (its mesh not counted; they are the less accurate,
docs/explanation/incident-field.md), how many times longer that is, and how far their gradients in
the heart are from these.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from einthoven.base.config.models import (
    AnatomySettings,
    CohortSettings,
    LeadFieldSettings,
    MeshSettings,
)
from einthoven.base.core.files import write_json
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.gradient_recovery import apply_operator, gradient_operator
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.electrodes import grid_electrodes, standard_electrodes
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.numerics.bem.bem_body import BemBody, Inclusion
from einthoven.numerics.bem.incident import incident_fields
from einthoven.numerics.bem.leadfield import LeadFieldProblem

N_ELECTRODES, N_POINTS = 109, 40_000
CENTRE_MM, RADII_MM = np.array([20.0, -30.0, 95.0]), np.array([50.0, 45.0, 55.0])
"""An ellipsoid where the mean heart lies."""
LUNG_CENTRES_MM, LUNG_RADII_MM = ((-75.0, 0.0, 120.0), (110.0, 25.0, 120.0)), (30.0, 45.0, 80.0)
LUNG_CONDUCTIVITY = 0.2
"""Relative to the torso's."""


def measure(with_lungs: bool) -> dict[str, float]:
    """Milliseconds per lead, and the error of merging."""
    torso = torso_surface([], "coarse")
    skin = torso.points, torso.faces
    sites = np.vstack([standard_electrodes(torso).points, grid_electrodes(torso, "around")])
    sites, points = sites[:N_ELECTRODES], heart_points()
    inclusions = lungs() if with_lungs else ()
    incident_fields(skin, sites[:1], points[:300]).gradient(points[:9])  # compiles
    found: dict[str, float] = {}
    for threads in (1, 2):
        cpu, wall = time.process_time(), time.perf_counter()
        fields = incident_fields(skin, sites, points, 1.0, inclusions, threads)
        prepared = time.process_time()
        merged = fields.gradient(points)
        suffix = f"_{threads}_threads"
        found[f"prepare_cpu_seconds{suffix}"] = prepared - cpu
        found[f"gradient_cpu_seconds{suffix}"] = time.process_time() - prepared
        found[f"cpu_ms_per_lead{suffix}"] = 1000 * (time.process_time() - cpu) / N_ELECTRODES
        found[f"ms_per_lead{suffix}"] = 1000 * (time.perf_counter() - wall) / N_ELECTRODES
    body = BemBody(skin, 1.0, inclusions)
    expected = LeadFieldProblem(body).solve(fields.electrodes).gradient(points[::20])
    apart = angular_error_deg(merged[:, ::20], expected)
    return found | {
        "nodes": len(body.nodes),
        "sources": len(fields.sources),
        "merging_degrees": float(apart.mean()),
        "merging_degrees_worst_electrode": float(apart.mean(axis=-1).max()),
    }


def heart_points() -> np.ndarray:
    """Points [point, 3] mm, uniform in an ellipsoid."""
    rng = generator(0, "points of a heart")
    direction = rng.normal(size=(N_POINTS, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return CENTRE_MM + direction * np.cbrt(rng.random((N_POINTS, 1))) * RADII_MM


def lungs() -> Sequence[Inclusion]:
    """Two ellipsoids beside the heart."""
    import pyvista as pv

    ball = pv.Icosphere(radius=1.0, nsub=3)
    return [Inclusion(np.asarray(ball.points, float) * LUNG_RADII_MM + centre, ball.regular_faces,
                      LUNG_CONDUCTIVITY, f"lung {k}")
            for k, centre in enumerate(LUNG_CENTRES_MM)]  # fmt: skip


def finite_elements() -> dict[str, float]:
    """Fields of a drawn patient's torso without heart, by both methods."""
    from einthoven.body.mesh.tetrahedra import tetrahedralise
    from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces

    anatomy = build_anatomy(draw_patient(0, CohortSettings()), AnatomySettings(sites="around"))
    electrodes, config = anatomy.electrodes(0, N_ELECTRODES), LeadFieldSettings()
    mesh = tetrahedralise(anatomy.surfaces, electrodes.points, MeshSettings())
    conductivity = config.sigma_torso_s_per_m
    points = mesh.points[: mesh.n_heart_nodes]
    cells = mesh.cells[: mesh.n_heart_cells]
    start = time.process_time()
    sigma = np.tile(conductivity * np.eye(3), (len(mesh.cells), 1, 1))
    problem = NeumannProblem(mesh, sigma, len(electrodes.points), config)
    loads = electrode_weights(mesh.points, skin_faces(mesh), electrodes.points, electrodes.names)
    z = problem.solve(loads.T.tocsc(), -problem.skin_areas / problem.skin_areas.sum()).x.T
    by_elements = apply_operator(gradient_operator("recovered", points, cells), z[:, : len(points)])
    middle = time.process_time()
    centroids = points[cells].mean(axis=1)
    skin = anatomy.surfaces.closed("torso")
    fields = incident_fields(skin, electrodes.points, centroids, conductivity)
    by_boundary = fields.gradient(centroids)
    end = time.process_time()
    return {
        "elements_heart_cells": len(cells),
        "elements_cpu_ms_per_lead": 1000 * (middle - start) / len(electrodes.points),
        "elements_over_boundary": (middle - start) / (end - middle),
        "elements_apart_degrees": float(angular_error_deg(by_boundary, by_elements).mean()),
    }


def main() -> None:
    """Print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lungs", action="store_true", help="with two lungs")
    parser.add_argument("--elements", action="store_true", help="also finite elements")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = measure(args.lungs)
    if args.elements:
        found |= finite_elements()
    for key, value in found.items():
        print(f"{key}: {value:.4g}")
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
