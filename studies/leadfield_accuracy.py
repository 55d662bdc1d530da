"""Errors of the lead fields of a preset, and the contribution of each part of the body.

A patient's mesh is subdivided (every tetrahedron into eight of the same polyhedron, fibres
computed anew): the solution on the finest mesh is the reference. Parts are solved there too, in
the subspace of functions that stay linear on the coarse cells of one region: the difference is
that region's part, without any remeshing. Gradients are compared at the centroids of the coarse
heart cells (angles: means over volume and the nine electrodes), ECGs for one sinus beat of the
coarse mesh. docs/explanation/lead-field-accuracy.md explains the figures.

Usage: python studies/leadfield_accuracy.py [--presets demo paper] [--patient 7] [--json OUT]
           [--picture PNG]
The two presets together take a quarter of an hour and 4 GB.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from nested_meshes import Level, Nest, regions

from einthoven.base.config import Config, load
from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.config.models import ActivationSettings
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics import fields as metrics
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.electrophysiology.cells.template import template
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.scenarios import activate

ROOT = Path(__file__).resolve().parents[1]
SUBDIVISIONS = {"demo": 2, "paper": 1, "ci": 1}
"""Chosen so that the finest mesh has less than a million nodes."""
NINE = len(STANDARD_ELECTRODES)
BALLS_MM = (24.0, 17.0, 12.0, 8.5)
CORES_MM = (14.0, 10.0, 7.0, 5.0)
ANISOTROPIC_MM = (21.0, 15.0, 10.5, 7.5)


def ball_orders() -> dict[str, float]:
    """Fitted orders on balls with closed forms: the cases of the verification tests."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/verification")]
    from test_leadfield_recovery import anisotropic_case, ball_case, core_case, fitted

    cases = {
        "ball": [ball_case(h) for h in BALLS_MM],
        "anisotropic": [anisotropic_case(h) for h in ANISOTROPIC_MM],
        "core": [core_case(h) for h in CORES_MM],
        "core_rim": [core_case(h, rim_only=True) for h in CORES_MM],
    }
    orders = {}
    for name, case in cases.items():
        raw, recovered, errors = fitted(case)
        orders |= {f"{name}_order_raw": float(raw), f"{name}_order_recovered": float(recovered)}
        orders |= {f"{name}_finest_deg": dict(zip(("raw", "recovered"), errors[-1].tolist()))}
    return orders


def patient_mesh(index: int, config: Config) -> tuple[TetMesh, np.ndarray]:
    """Mesh, and the nine electrodes with one more at which the mesh is not refined.

    The patient is one of the demo's cohort, whatever the preset: the same person for all. The mesh
    has no inner nodes (`mesh.inner_nodes`), so that its edges are those of the preset.
    """
    body = build_anatomy(draw_patient(index, Config().cohort), config.anatomy)
    sites, n_refined = body.site_points, NINE + config.electrodes.n_refined
    section = config.mesh.model_copy(update={"inner_nodes": False})
    mesh = tetrahedralise(body.surfaces, sites[:n_refined], section, body.patient)
    return mesh, np.concatenate([sites[:NINE], sites[[n_refined + 6]]])


def sinus_beat(coarse: Level) -> np.ndarray:
    """Activation times of the coarse heart's nodes, ms."""
    stages = (coarse.mesh, coarse.patient.fibers, ventricular_coordinates(coarse.patient))
    tree = grow_tree(Patient.of(*stages), PurkinjeSettings(seed=1))
    return activate(Patient.of(*stages, tree), "sinus", ActivationSettings()).activation_time


def sinus_ecg(level: Level, tau: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """12-lead ECG [lead, time] mV of activation times and lead-field gradients."""
    clock, beat = np.arange(-20.0, 500.0), template(0.1)
    potential = forward_potential(level.heart, level.sigma_i, tau, gradient, clock, beat)
    return twelve_lead(STANDARD_ELECTRODES, potential)


def relative(found: np.ndarray, reference: np.ndarray) -> float:
    """Norm of the difference over the reference's."""
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


def preset_errors(nest: Nest) -> dict[str, Any]:
    """Errors of what the workflow would compute, raw and recovered."""
    coarse, finest = nest.coarse, nest.finest
    found = {"raw": coarse.raw(coarse.z), "recovered": coarse.recovered(coarse.z)}
    tau, nine = sinus_beat(coarse), slice(NINE)
    fine_gradient = finest.recovered(finest.z[:, nine])
    truth = sinus_ecg(finest, nest.prolonged(tau), fine_gradient)
    same_sources = sinus_ecg(coarse, tau, nest.reference[nine])
    ecgs = {name: sinus_ecg(coarse, tau, grad[nine]) for name, grad in found.items()}
    root = np.sqrt(coarse.volumes)[:, None]
    between = range(1, len(nest.levels) - 1)
    return {
        "nodes": [len(level.mesh.points) for level in nest.levels],
        "heart_nodes": [len(level.points) for level in nest.levels],
        "angle": {name: mean_angle(nest, grad) for name, grad in found.items()},
        "angle_after_subdivision": [
            mean_angle(nest, nest.at_centroids(nest.levels[k].z, k)) for k in between
        ],
        "magnitude": {
            name: relative(grad[nine] * root, nest.reference[nine] * root)
            for name, grad in found.items()
        },
        "ecg": {name: relative(ecg, truth) for name, ecg in ecgs.items()},
        "ecg_same_sources": {name: relative(ecg, same_sources) for name, ecg in ecgs.items()},
    }


def mean_angle(nest: Nest, gradient: np.ndarray, reference: np.ndarray | None = None) -> float:
    """Degrees, over the nine electrodes."""
    return float(nest.angles(gradient, reference)[:NINE].mean())


def part_errors(nest: Nest) -> dict[str, Any]:
    """Mean angles in degrees when one part alone is as coarse as the preset."""
    coarse, depth, parts = nest.coarse, len(nest.steps), {}
    where = regions(nest)
    for name in ("torso", "electrodes"):
        angles = nest.angles(nest.at_centroids(nest.solve_without(where[name]), depth))
        parts[name] = float(angles[:NINE].mean())
    parts["electrode_not_refined"] = float(angles[NINE])
    nodal = nest.on_coarse_nodes(nest.solve_without(where["heart"]))
    parts["heart_raw"] = mean_angle(nest, coarse.raw(nodal))
    parts["heart_recovered"] = mean_angle(nest, coarse.recovered(nodal))
    exact = nest.on_coarse_nodes(nest.finest.z)
    parts["heart_recovered_from_exact_nodes"] = mean_angle(nest, coarse.recovered(exact))
    everything = [np.ones(len(step.edges), dtype=bool) for step in nest.steps]
    fine_fibres = coarse.recovered(nest.on_coarse_nodes(nest.solve_without(everything)))
    parts["fibres"] = mean_angle(nest, coarse.recovered(coarse.z), fine_fibres)
    return parts


def geometry_errors(coarse: Nest, fine: Nest) -> dict[str, float]:
    """Two presets mesh two polyhedra: angles at the coarse centroids that lie in both hearts."""
    queries = coarse.coarse.heart.centroids
    truth, inside = fine.finest.recovered_at(fine.finest.z[:, :NINE], queries)
    level, weights = coarse.coarse, coarse.coarse.volumes[inside]
    found = {
        "references": coarse.reference,
        "raw": level.raw(level.z),
        "recovered": level.recovered(level.z),
    }
    angles = {
        name: metrics.angular_error_deg(gradient[:NINE, inside], truth)
        for name, gradient in found.items()
    }
    result = {n: float(metrics.weighted_mean(a, weights).mean()) for n, a in angles.items()}
    volumes = [float(nest.coarse.volumes.sum() / 1000) for nest in (coarse, fine)]
    return result | {"inside": float(inside.mean()), "volumes_ml": volumes}


def picture(nest: Nest, path: str, title: str) -> None:
    """Angular errors of V3 in a cut through the middle of the heart, raw beside recovered."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pyvista as pv

    coarse, v3 = nest.coarse, STANDARD_ELECTRODES.index("V3")
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: coarse.cells}, coarse.points)
    fields = {"raw": coarse.raw(coarse.z), "recovered": coarse.recovered(coarse.z)}
    for name, gradient in fields.items():
        grid[name] = metrics.angular_error_deg(gradient[v3], nest.reference[v3])
    cut = grid.slice(normal="z", origin=coarse.points.mean(axis=0), generate_triangles=True)
    triangles = cut.faces.reshape(-1, 4)[:, 1:]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
    for axis, (name, gradient) in zip(axes, fields.items()):
        drawn = axis.tripcolor(*cut.points[:, :2].T, triangles, facecolors=cut[name], vmin=0,
                               vmax=6, cmap="magma_r")  # fmt: skip
        mean = nest.angles(gradient)[v3]
        axis.set(title=f"{name}: {mean:.1f}° in the mean", aspect="equal", xlabel="x (mm)")
    axes[0].set_ylabel("y (mm)")
    figure.suptitle(title)
    figure.colorbar(drawn, ax=axes, label="angle to the reference (°)", extend="max")
    figure.savefig(path, dpi=130)


def settings(preset: str) -> Config:
    """The config of a preset."""
    return Config() if preset == "demo" else load(ROOT / f"config/{preset}.yaml")


def report(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Figures by quantity, then by preset."""
    names = {"heart_angular_error_deg": "angle", "heart_magnitude_error_rel": "magnitude",
             "ecg_rel_l2": "ecg", "ecg_rel_l2_same_sources": "ecg_same_sources",
             "parts_deg": "parts", "after_subdivision_deg": "angle_after_subdivision",
             "nodes": "nodes", "heart_nodes": "heart_nodes"}  # fmt: skip
    return {long: {preset: f[short] for preset, f in figures.items()}
            for long, short in names.items()}  # fmt: skip


def main() -> None:
    """Measure, print, write JSON and picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--presets", nargs="+", choices=SUBDIVISIONS, default=["demo", "paper"])
    parser.add_argument("--patient", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="of the last preset")
    options = parser.parse_args()
    start = time.perf_counter()
    figures, nests = {}, []
    for preset in options.presets:
        mesh, electrodes = patient_mesh(options.patient, settings(preset))
        nest = Nest(mesh, SUBDIVISIONS[preset], settings(preset), electrodes)
        figures[preset] = preset_errors(nest) | {"parts": part_errors(nest)}
        print(preset, json.dumps(figures[preset], indent=1), flush=True)
        nests.append(nest)
    result = report(figures) | ball_orders()
    if len(nests) > 1:
        result["geometry_deg"] = geometry_errors(nests[0], nests[-1])
    result["seconds"] = time.perf_counter() - start
    result["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(result, indent=1))
    if options.picture:
        picture(nests[-1], options.picture, f"Lead field of V3, preset {options.presets[-1]}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
