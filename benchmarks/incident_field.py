"""The incident field: milliseconds per lead of a homogeneous torso, its boundary elements included.

    python benchmarks/incident_field.py [--nodes 1500] [--json OUT]

109 electrodes around the mean torso of the atlas, 40,000 points in the place of its heart: seconds
to prepare the fields, to merge their sources, and to take their gradients at the points, with all
sources and with the merged ones; and by how much the two differ.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from einthoven.anatomy.electrodes import grid_electrodes, standard_electrodes
from einthoven.anatomy.shape.torso import torso_surface
from einthoven.bem.body import Body
from einthoven.bem.incident import coarsened, incident_fields
from einthoven.bem.leadfield import LeadFieldProblem
from einthoven.bem.surface import Triangles
from einthoven.core.files import write_json
from einthoven.core.seeds import generator

N_ELECTRODES, N_POINTS = 109, 40_000
CENTRE_MM, RADII_MM = (20.0, -30.0, 95.0), (50.0, 45.0, 55.0)
"""An ellipsoid where the mean heart lies."""


def measure(n_nodes: int) -> dict[str, float]:
    """Seconds of each step, and milliseconds per lead of all."""
    torso = torso_surface([], "coarse")
    skin = coarsened(Triangles(torso.points, torso.faces), n_nodes)
    sites = np.vstack([standard_electrodes(torso).points, grid_electrodes(torso, "around")])
    points = heart_points()
    incident_fields(skin, sites[:1], points[:300])  # compilation is nobody's cost
    start = time.process_time()
    fields = incident_fields(skin, sites[:N_ELECTRODES], points)
    prepared = time.process_time()
    merged = fields.gradient(points)
    end = time.process_time()
    full = LeadFieldProblem(Body(skin)).solve(fields.electrodes)
    middle = time.process_time()
    expected = full.gradient(points)
    full_seconds = time.process_time() - middle
    return {
        "nodes": len(skin.points),
        "sources": len(fields.sources),
        "prepare_seconds": prepared - start,
        "gradient_seconds": end - prepared,
        "gradient_all_sources_seconds": full_seconds,
        "ms_per_lead": 1000 * (end - start) / N_ELECTRODES,
        "merged_rel_difference": float(
            np.linalg.norm(merged - expected) / np.linalg.norm(expected)
        ),
    }


def heart_points() -> np.ndarray:
    """Points [point, 3] mm, uniform in an ellipsoid."""
    rng = generator(0, "points of a heart")
    direction = rng.normal(size=(N_POINTS, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return CENTRE_MM + direction * np.cbrt(rng.random((N_POINTS, 1))) * RADII_MM


def main() -> None:
    """Print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1500, help="of the skin, at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = measure(args.nodes)
    for key, value in found.items():
        print(f"{key}: {value:.4g}")
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
