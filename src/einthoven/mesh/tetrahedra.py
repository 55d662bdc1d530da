"""Conforming tetrahedra of myocardium, blood and torso from their surfaces."""

import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from einthoven.core.check import between
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.tags import Tissue
from einthoven.geometry.simplex import tet_volumes
from einthoven.geometry.triangles import triangle_quality
from einthoven.mesh.quality import gamma_quality, quality_summary
from einthoven.mesh.refine import refine_skin
from einthoven.mesh.surfaces import check_electrodes, check_surfaces, tissue_volumes

VOLUME_TOLERANCE = 1e-9


@dataclass(frozen=True)
class TetMesh:
    """Tetrahedra and their tagged boundary, numbered myocardium first.

    points: [node, 3] mm, the myocardium's nodes are points[:n_heart_nodes].
    cells: [cell, 4] int32, positively oriented; the myocardium is cells[:n_heart_cells].
    cell_tags: [cell] int8 (Tissue).
    facets: [facet, 3] int32, oriented as the surfaces given; facet_tags: [facet] int8 (Surface).
    quality: `quality_min`, `_p01` (first percentile) and `_mean` of gamma over all cells, and
        `surface_quality_min`, ... of `triangle_quality` over all facets.
    n_flips: surface diagonals flipped. n_moved: inner nodes moved for quality.
    """

    points: np.ndarray
    cells: np.ndarray
    cell_tags: np.ndarray
    facets: np.ndarray
    facet_tags: np.ndarray
    n_heart_nodes: int
    n_heart_cells: int
    quality: dict[str, float]
    n_flips: int
    n_moved: int
    seconds: float

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of `mesh.npz`."""
        names = ("points", "cells", "cell_tags", "facets", "facet_tags")
        return {name: getattr(self, name) for name in names}

    def attrs(self) -> dict[str, Any]:
        """The attributes of `mesh.npz`."""
        names = ("n_heart_nodes", "n_heart_cells", "n_flips", "n_moved")
        return {name: getattr(self, name) for name in names} | self.quality


def tetrahedralise(
    points: np.ndarray,
    faces: np.ndarray,
    face_tags: np.ndarray,
    electrode_points: np.ndarray,
    *,
    heart_edge_mm: float,
    torso_edge_mm: float,
    electrode_edge_mm: float,
    grading: float,
    min_quality: float = 0.08,
    algorithm: str = "hxt",
    timeout_s: float = 300.0,
) -> TetMesh:
    """Mesh the body; the surface triangles become facets of the mesh.

    Skin triangles are split in their own planes next to electrodes, where coarse ones would keep
    the volume coarse too.
    The wall has edges of `heart_edge_mm` throughout; outside it they grow by `grading` per mm of
    distance up to `torso_edge_mm`, and shrink again towards the electrodes. Inner nodes of bad
    cells are moved; slivers on a surface are removed by flipping a diagonal of that surface, so a
    few facets may differ from `faces`.
    gmsh runs in a child process on one thread: the same input gives the same mesh.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3] oriented as in core.tags.
        face_tags: [face] (Surface).
        electrode_points: [electrode, 3] mm, on the skin.
        heart_edge_mm: mean edge in the myocardium.
        torso_edge_mm: mean edge far from heart and electrodes.
        electrode_edge_mm: mean edge on the skin and below it at an electrode.
        grading: growth of edges, mm per mm.
        min_quality: least gamma (3 x inscribed / circumscribed radius) of any cell.
        algorithm: 'hxt' or 'delaunay'.
        timeout_s: gmsh is ended after this wall time.

    Raises:
        BadInput: the surfaces or settings are wrong.
        StepFailed: gmsh failed, hung, or left cells worse than `min_quality`.
    """
    start = time.perf_counter()
    points = np.asarray(points, dtype=np.float64)
    faces = np.asarray(faces, dtype=np.int64)
    face_tags = np.asarray(face_tags)
    electrode_points = np.asarray(electrode_points, dtype=np.float64)
    edges_mm = (heart_edge_mm, torso_edge_mm, electrode_edge_mm, grading)
    _check_settings(*edges_mm, min_quality, algorithm)
    check_surfaces(points, faces, face_tags)
    check_electrodes(points, faces, face_tags, electrode_points)
    used, compact = np.unique(faces, return_inverse=True)
    points, faces, face_tags = refine_skin(
        points[used],
        compact.reshape(-1, 3),
        face_tags,
        electrode_points,
        electrode_edge_mm,
        grading,
    )
    job = dict(
        points=points, faces=faces, face_tags=face_tags,
        electrode_points=electrode_points, edges_mm=np.array(edges_mm),
        algorithm=algorithm, min_quality=min_quality, timeout_s=timeout_s,
    )  # fmt: skip
    settings = f"heart {heart_edge_mm:g} mm, torso {torso_edge_mm:g} mm, {algorithm}"
    mesh = _number(_run_gmsh(job, timeout_s, settings), face_tags, start)
    _check_mesh(mesh, min_quality, settings)
    return mesh


def _check_settings(
    heart: float, torso: float, electrode: float, grading: float, min_quality: float, algorithm: str
) -> None:
    between("heart_edge_mm", heart, 0.1, 20.0, "edges are in mm")
    between("torso_edge_mm", torso, heart, 100.0, "not finer than the heart, edges are in mm")
    between("electrode_edge_mm", electrode, 0.1, 100.0, "edges are in mm")
    between("grading", grading, 0.01, 10.0)
    between("min_quality", min_quality, 0.0, 0.5)
    if algorithm not in ("hxt", "delaunay"):
        raise BadInput(f"algorithm: {algorithm!r} is neither 'hxt' nor 'delaunay'")


def _run_gmsh(job: dict[str, Any], timeout_s: float, settings: str) -> dict[str, np.ndarray]:
    """Run the worker in a process of its own and end it when the time is up."""
    with TemporaryDirectory(prefix="einthoven-mesh-") as folder:
        job_path, result_path = Path(folder, "job.npz"), Path(folder, "result.npz")
        np.savez(job_path, **job)
        command: list[str | Path] = [sys.executable, "-m", "einthoven.mesh.gmsh_worker"]
        command += [job_path, result_path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise StepFailed(
                f"meshing took longer than timeout_s = {timeout_s:g} s ({settings}) and was ended; "
                "coarser edges or more time?"
            ) from error
        if done.returncode < 0:
            raise StepFailed(f"gmsh crashed with signal {-done.returncode} ({settings})")
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise StepFailed(f"gmsh failed ({settings}): {lines[-1]}")
        with np.load(result_path) as result:
            return {name: result[name] for name in result.files}


def _number(result: dict[str, np.ndarray], face_tags: np.ndarray, start: float) -> TetMesh:
    """Myocardium's nodes and cells first, positive cells, gmsh's order otherwise."""
    points, cells, cell_tags = result["points"], result["cells"], result["cell_tags"]
    order = np.argsort(cell_tags, kind="stable")  # MYOCARDIUM is the smallest tag
    cells, cell_tags = cells[order], cell_tags[order]
    inverted = tet_volumes(points, cells) < 0
    cells[inverted] = cells[inverted][:, [0, 2, 1, 3]]
    rank = np.full(len(points), 2)
    rank[cells] = 1
    rank[cells[cell_tags == Tissue.MYOCARDIUM]] = 0
    kept = np.argsort(rank, kind="stable")[: int((rank < 2).sum())]
    new_id = np.empty(len(points), dtype=np.int32)
    new_id[kept] = np.arange(len(kept), dtype=np.int32)
    points, cells, facets = points[kept], new_id[cells], new_id[result["faces"]]
    quality = quality_summary("quality", gamma_quality(points, cells))
    quality |= quality_summary("surface_quality", triangle_quality(points, facets))
    return TetMesh(
        points=points,
        cells=cells,
        cell_tags=cell_tags.astype(np.int8),
        facets=facets,
        facet_tags=face_tags.astype(np.int8),
        n_heart_nodes=int((rank == 0).sum()),
        n_heart_cells=int((cell_tags == Tissue.MYOCARDIUM).sum()),
        quality=quality,
        n_flips=int(result["n_flips"]),
        n_moved=int(result["n_moved"]),
        seconds=time.perf_counter() - start,
    )


def _check_mesh(mesh: TetMesh, min_quality: float, settings: str) -> None:
    """Judge what gmsh made: quality, and each tissue as large as its surfaces enclose."""
    worst = mesh.quality["quality_min"]
    if worst < min_quality:
        quality = gamma_quality(mesh.points, mesh.cells)
        raise StepFailed(
            f"{int((quality < min_quality).sum())} cells are worse than min_quality = "
            f"{min_quality:g} (worst {worst:.3g}) after {mesh.n_flips} flipped "
            f"diagonals ({settings}); another heart_edge_mm, or smoother surfaces?"
        )
    volumes = tet_volumes(mesh.points, mesh.cells)
    for tissue, wanted in tissue_volumes(mesh.points, mesh.facets, mesh.facet_tags).items():
        have = math.fsum(volumes[mesh.cell_tags == tissue])
        if abs(have - wanted) > VOLUME_TOLERANCE * wanted:
            raise StepFailed(
                f"{tissue.name} has {have:.6g} mm^3, its surfaces enclose {wanted:.6g} ({settings})"
            )
