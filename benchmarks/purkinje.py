"""Purkinje trees of virtual patients by our own backend and by the package fractal-tree.

Patients of the default cohort are made up to their ventricular coordinates, then both backends of
`purkinje.backend` grow the same trees from the same settings and seed. Times are processor seconds
of one thread for `grow_tree`: all roots, all draws, junctions. Ours is the median of five, after
one that loads the compiled functions; the package, which is slow, grows once.

Usage: python benchmarks/purkinje.py [--n N] [--json OUT]
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.config import Config
from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.config.physiology import Physiology
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import solve_wall_fields
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import PurkinjeTree
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree

OURS, PACKAGE = "einthoven", "fractal-tree"
N_OURS = 5


def make_patient(index: int, config: Config) -> Patient:
    """Patient of the cohort with mesh and ventricular coordinates."""
    anatomy = build_anatomy(draw_patient(index, config.cohort), config.anatomy)
    sites = anatomy.site_points[: len(STANDARD_ELECTRODES) + config.electrodes.n_refined]
    mesh = tetrahedralise(anatomy.surfaces, sites, config.mesh, anatomy.patient)
    bare = Patient.of(mesh)
    return Patient.of(mesh, ventricular_coordinates(bare, solve_wall_fields(bare.heart)))


def timed(patient: Patient, settings: PurkinjeSettings) -> tuple[PurkinjeTree, float]:
    """Trees of a patient and the processor seconds of their growth."""
    start = time.process_time()
    tree = grow_tree(patient, settings)
    return tree, time.process_time() - start


def compare(patient: Patient, settings: PurkinjeSettings) -> dict[str, Any]:
    """Row of a patient: trees and times of both backends, and how far apart the trees are."""
    of_backend = {name: settings.model_copy(update={"backend": name}) for name in (OURS, PACKAGE)}
    ours = grow_tree(patient, of_backend[OURS])
    seconds = float(np.median([timed(patient, of_backend[OURS])[1] for _ in range(N_OURS)]))
    theirs, seconds_package = timed(patient, of_backend[PACKAGE])
    same = all(
        np.array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("tree_edges", "pmj_nodes")
    )
    return {
        "patient": patient.name,
        "nodes": len(ours.tree_points),
        "nodes_package": len(theirs.tree_points),
        "junctions": len(ours.pmj_nodes),
        "draws": list(ours.draws),
        "seconds": seconds,
        "seconds_package": seconds_package,
        "ratio": seconds_package / seconds,
        "same_edges_and_junctions": same,
        "largest_distance_mm": _largest(ours.tree_points, theirs.tree_points) if same else None,
        "largest_difference_ms": _largest(ours.pmj_times, theirs.pmj_times) if same else None,
    }


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def line_of(row: dict[str, Any]) -> str:
    """Line about a patient."""
    agreement = "the trees differ"
    if row["same_edges_and_junctions"]:
        agreement = (
            f"the same trees, points within {row['largest_distance_mm']:g} mm, junctions within "
            f"{row['largest_difference_ms']:g} ms"
        )
    return (
        f"{row['patient']}: {row['nodes']} nodes, {row['junctions']} junctions, draws "
        f"{row['draws']}; {OURS} {row['seconds']:.2f} s, {PACKAGE} {row['seconds_package']:.1f} s: "
        f"{row['ratio']:.0f} times as long; {agreement}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=3, help="patients of the cohort (default 3)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    config, rows = Config(), []
    for index in range(args.n):
        patient = make_patient(index, config)
        rows.append(compare(patient, Physiology.of(config, patient.name).purkinje))
        print(line_of(rows[-1]), flush=True)
        if args.json:
            write_json(args.json, {"patients": rows})
    ratios = [row["ratio"] for row in rows]
    print(f"ratio: median {np.median(ratios):.0f}, {min(ratios):.0f} to {max(ratios):.0f}")


if __name__ == "__main__":
    main()
