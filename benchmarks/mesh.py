"""Tetrahedral meshes of many patients: time, quality and success, beside plain gmsh.

Each patient of a preset's cohort is meshed twice from the same surfaces: by `tetrahedralise`, and
by gmsh's own Delaunay algorithm with default options and the same wanted sizes. Both are processor
seconds of one thread, from arrays in memory to arrays in memory. A mesh is a success if its worst
cell has gamma >= min_quality of the preset. The result is written after every patient.

Usage: python benchmarks/mesh.py [--preset demo|paper|fine] [--n N] [--plain N] [--json OUT]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.config import load
from einthoven.base.config.models import MeshSettings
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.mesh.quality import gamma_quality
from einthoven.body.mesh.sizing import refine_skin
from einthoven.body.mesh.surfaces import tissue_volumes
from einthoven.body.mesh.tetrahedra import tetrahedralise

CONFIG = Path(__file__).resolve().parents[1] / "config"
FILES = {"demo": "config.yaml", "paper": "paper.yaml", "fine": "fine.yaml"}
Row = dict[str, Any]


def processor_seconds() -> float:
    """Peak memory of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in used)


def timed(action: Callable[..., Row], *args: Any) -> Row:
    """The row that `action` returns, or the error's line, with its processor and wall seconds."""
    start, wall = processor_seconds(), time.perf_counter()
    try:
        row = action(*args)
    except (EinthovenError, subprocess.SubprocessError) as error:
        row = {"ok": False, "reason": str(error)}
    row["seconds"] = processor_seconds() - start
    row["wall_seconds"] = time.perf_counter() - wall
    return row


def by_us(surfaces: Surfaces, sites: np.ndarray, config: MeshSettings) -> Row:
    mesh = tetrahedralise(surfaces, sites, config.model_copy(update={"inner_nodes": False}))
    cells = mesh.cells[: mesh.n_heart_cells]
    wanted = tissue_volumes(surfaces)[Tissue.MYOCARDIUM]
    return {
        "ok": True,
        "nodes": len(mesh.points),
        "cells": len(mesh.cells),
        "volume_error": abs(float(tet_volumes(mesh.points, cells).sum()) / wanted - 1),
        **mesh.attrs(),
    }


def by_plain_gmsh(surfaces: Surfaces, sites: np.ndarray, config: MeshSettings) -> Row:
    """Meshing in a child process, with the same splits of the skin near electrodes."""
    job = vars(refine_skin(surfaces, sites, config)) | {"sites": sites}
    job |= {"config": config.model_dump_json()}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("job.npz", "result.npz")]
        np.savez(paths[0], **job)
        command = [sys.executable, __file__, "--job", *map(str, paths)]
        subprocess.run(command, check=True, capture_output=True, timeout=config.timeout_s)
        with np.load(paths[1]) as result:
            nodes, cells = result["points"], result["cells"]
    worst = float(gamma_quality(nodes, cells).min())
    sizes = {"nodes": len(nodes), "cells": len(cells)}
    return {"ok": worst >= config.min_quality, "quality_min": worst, **sizes}


def plain_job(job_path: Path, result_path: Path) -> None:
    """Defaults of gmsh: Algorithm3D 1, Optimize 1, one thread."""
    import gmsh

    from einthoven.body.mesh.gmsh_worker import add_surfaces, read_cells, set_sizes
    from einthoven.body.mesh.sizing import SIZE_RATIO, size_grids

    with np.load(job_path) as job:
        surfaces = Surfaces(job["points"], job["faces"], job["face_tags"])
        config, sites = MeshSettings.model_validate_json(str(job["config"])), job["sites"]
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    gmsh.option.setNumber("General.Verbosity", 0)
    add_surfaces(surfaces)
    grids = size_grids(surfaces, sites, config)
    set_sizes(grids, SIZE_RATIO * config.heart_edge_mm, job_path.parent)
    gmsh.model.mesh.generate(3)
    nodes, cells, _ = read_cells(len(surfaces.points), surfaces.face_tags)
    gmsh.finalize()
    np.savez(result_path, points=nodes, cells=cells)


def measure(preset: str, index: int, with_plain: bool) -> Row:
    """One patient: its anatomy, our mesh, and gmsh's."""
    setting = load(CONFIG / FILES[preset])
    n_sites = len(STANDARD_ELECTRODES) + setting.electrodes.n_refined
    row: Row = {"index": index}
    try:
        body = build_anatomy(draw_patient(index, setting.cohort), setting.anatomy)
    except EinthovenError as error:
        return row | {"ours": {"ok": False, "reason": str(error), "seconds": 0.0}}
    job = (body.surfaces, body.site_points[:n_sites], setting.mesh)
    row["ours"] = timed(by_us, *job)
    if with_plain:
        row["plain"] = timed(by_plain_gmsh, *job)
    return row


def summary(rows: list[Row]) -> Row:
    """Summary of the rows; `plain` and the ratio over the patients with both meshes."""
    ours, both = [row["ours"] for row in rows], [row for row in rows if "plain" in row]
    good = [row for row in ours if row["ok"]]
    result = _totals(ours) | {
        "failures": [r["ours"]["reason"] for r in rows if "reason" in r["ours"]]
    }
    for key in ("nodes", "n_heart_nodes", "cells", "n_heart_cells", "wall_seconds"):
        result[f"{key}_median"] = float(np.median([row[key] for row in good])) if good else None
    result["quality_mean"] = float(np.mean([row["quality_mean"] for row in good])) if good else None
    result["volume_error_max"] = max((row["volume_error"] for row in good), default=None)
    if both:
        result["plain"] = _totals([row["plain"] for row in both])
        times = [np.median([row[who]["seconds"] for row in both]) for who in ("plain", "ours")]
        result["ratio_to_plain_gmsh"] = float(times[0] / times[1])
    return result


def _totals(rows: list[Row]) -> Row:
    """Summary of rows of one mesher."""
    return {
        "ok": sum(row["ok"] for row in rows),
        "total": len(rows),
        "seconds_median": float(np.median([row["seconds"] for row in rows])),
        "seconds_max": max(row["seconds"] for row in rows),
        "quality_min": min(
            (row["quality_min"] for row in rows if "quality_min" in row), default=None
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=FILES, default="demo")
    parser.add_argument("--n", type=int, default=10, help="patients")
    parser.add_argument("--plain", type=int, help="of these, with plain gmsh (default: all)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return plain_job(*options.job)
    n_plain = options.n if options.plain is None else options.plain
    rows: list[Row] = []
    for index in range(options.n):
        rows.append(measure(options.preset, index, index < n_plain))
        result = {"preset": options.preset, **summary(rows), "patients": rows}
        if options.json:
            write_json(options.json, result)
        _tell(rows[-1])
    for key, value in result.items():
        if key != "patients":
            print(f"{key}: {value}")


def _tell(row: Row) -> None:
    for who in ("ours", "plain"):
        if it := row.get(who):
            quality = f"worst {it['quality_min']:.3f}" if "quality_min" in it else it["reason"]
            print(f"{row['index']:4d} {who:5s} {it['seconds']:6.1f} s  {quality}", flush=True)


if __name__ == "__main__":
    main()
