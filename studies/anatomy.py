"""Random anatomies of the default cohort: all valid? How long does one take? Who are they?

An anatomy is ok if it was built and, checked here anew, every surface is closed and consistently
oriented with a positive volume, no triangle of heart or torso cuts another one (by pymeshlab, not
by the library's own test), and the whole heart lies deeper in the torso than the clearance that
its pose asks for (less 0.1 mm). Seconds are processor seconds of `draw_patient` and
`build_anatomy`, from parameters to arrays in memory; the first patient, which loads the atlases,
counts too. The result is written after every patient.

Usage: python studies/anatomy.py [--n N] [--draws N] [--json OUT]
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pymeshlab

from einthoven.base.config import Config, load
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.files import write_json
from einthoven.base.core.tags import CLOSED_SURFACES, Surface
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import face_edges
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.population.comparison import compare_with_population
from einthoven.body.anatomy.pose import PhysicalPose
from einthoven.data.patient.anatomy import Anatomy

CONFIG = Path(__file__).resolve().parents[1] / "config" / "config.yaml"
SLACK_MM = 0.1
PLANAR = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)


def faults_of(anatomy: Anatomy, clearance_mm: float) -> list[str]:
    """Fault of an anatomy; empty if there is none."""
    points, faces, tags = anatomy.points, anatomy.faces, anatomy.face_tags
    faults = []
    for name, surfaces in CLOSED_SURFACES.items():
        shell = faces[np.isin(tags, surfaces)]
        edges = set(map(tuple, face_edges(shell).tolist()))
        if len(edges) != 3 * len(shell) or any((b, a) not in edges for a, b in edges):
            faults.append(f"{name} is open or not consistently oriented")
        if enclosed_volume(points, shell) <= 0:
            faults.append(f"{name} is inside out")
    # Base and valve caps tile one plane: pymeshlab takes some neighbours in a plane for cuts.
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.add_mesh(pymeshlab.Mesh(points.astype(float), faces[~np.isin(tags, PLANAR)]))
    meshes.compute_selection_by_self_intersections_per_face()
    if n := meshes.current_mesh().selected_face_number():
        faults.append(f"{n} triangles cut others")
    skin = faces[tags == Surface.SKIN]
    heart = points[np.unique(faces[tags != Surface.SKIN])]
    depth = -float(surface_distance(points, skin, heart).max())
    if depth < clearance_mm - SLACK_MM:
        faults.append(f"heart {depth:.1f} mm from the skin, {clearance_mm:.1f} wanted")
    return faults


def one(index: int, config: Config) -> dict[str, Any]:
    """Build and check one patient."""
    start = time.process_time()
    try:
        patient = draw_patient(index, config.cohort)
        anatomy = build_anatomy(patient, config.anatomy)
    except EinthovenError as error:
        return {"ok": False, "seconds": time.process_time() - start, "faults": [str(error)]}
    seconds = time.process_time() - start
    faults = faults_of(anatomy, PhysicalPose.from_coeffs(patient.pose_coeffs).clearance)
    return {"ok": not faults, "seconds": seconds, "faults": faults}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument(
        "--draws", type=int, default=60, help="draws per sex, to compare with the population"
    )
    parser.add_argument("--sex", default="any", help="any, female, male or both")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config = load(CONFIG)
    cohort = config.cohort.model_copy(update={"sex": options.sex})
    config = config.model_copy(update={"cohort": cohort})
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {"population": compare_with_population(options.draws)["quantities"]}
    for index in range(options.n):
        rows.append(one(index, config))
        seconds = [row["seconds"] for row in rows]
        result |= {
            "ok": sum(row["ok"] for row in rows),
            "total": len(rows),
            "seconds_median": statistics.median(seconds),
            "seconds_max": max(seconds),
            "failures": {i: row["faults"] for i, row in enumerate(rows) if not row["ok"]},
        }
        if options.json:
            write_json(options.json, result)
    shown = {name: value for name, value in result.items() if name != "population"}
    print(", ".join(f"{name}: {value}" for name, value in shown.items()))


if __name__ == "__main__":
    main()
