"""Conforming tetrahedra of myocardium, blood and torso from their surfaces."""

import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput, EinthovenError, StepFailed, extra
from einthoven.base.core.log import logger
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import compact, triangle_quality
from einthoven.body.imported.defect import near
from einthoven.body.imported.outer_slivers import OUTER, without_outer_slivers
from einthoven.body.imported.rework import other_surfaces
from einthoven.body.mesh.quality import gamma_quality, quality_summary
from einthoven.body.mesh.sizing import refine_skin
from einthoven.body.mesh.surfaces import (
    Crossing,
    check_electrodes,
    check_surfaces,
    tissue_volumes,
)
from einthoven.body.mesh.thin_walls import with_inner_nodes
from einthoven.data.patient.mesh import TetMesh

VOLUME_TOLERANCE = 1e-9
STILL_S, STILL_S_PER_FACE = 60.0, 3e-3
"""Processor time after which gmsh stands still: some ten times that of Delaunay on 42,000 surface
triangles, which fills the volumes in 13 s."""
OTHER = {"hxt": "delaunay", "delaunay": "hxt"}
"""Algorithm -> the one that is tried after it."""


class NoMesh(StepFailed):
    """gmsh failed; with another algorithm or other triangles it may not."""


class TookTooLong(StepFailed):
    """gmsh was ended at the time limit; the same algorithm is not tried again."""


class BadCells(StepFailed):
    """Cells below the least quality.

    Attributes:
        places: [place, 3] mm, of the worst cell first.
        nearest: [place] tags of the surfaces nearest to them.
    """

    def __init__(self, message: str, places: np.ndarray, nearest: np.ndarray):
        super().__init__(message)
        self.places, self.nearest = places, nearest

    @property
    def is_outside(self) -> bool:
        """Whether all of them lie at the skin or the lungs: another heart does not help."""
        return bool(np.isin(self.nearest, OUTER).all())


def tetrahedralise(
    surfaces: Surfaces, electrode_points: np.ndarray, config: MeshSettings, patient: str = ""
) -> TetMesh:
    """Tetrahedral mesh of the body; the surface triangles become facets of the mesh.

    If that fails, slivers of skin and lungs are removed, the other algorithm is tried, then other
    triangles of the heart (`imported.rework.other_surfaces`); a warning and `TetMesh.repair` say
    which, and how far vertices moved.

    Skin triangles are split in their own planes next to electrodes, where coarse triangles would
    keep the volume coarse. The wall has edges of `heart_edge_mm` throughout. Outside it they grow
    by `grading` per mm of distance up to `torso_edge_mm`, and shrink again towards the electrodes.
    Inner nodes of bad cells are moved. Slivers on a surface are removed by flipping a diagonal of
    that surface, so a few facets may differ from the faces given. gmsh runs in a child process on
    one thread: the same input gives the same mesh. With `inner_nodes` edges that cross a wall are
    halved at the end (`thin_walls`), so that cells may be worse than `min_quality`.

    Args:
        surfaces: oriented as in core.tags.
        electrode_points: [electrode, 3] mm, on the skin.
        config: mean edges, least quality, algorithm.
        patient: name.

    Raises:
        BadInput: the surfaces or settings are wrong.
        MissingExtra: gmsh is not installed.
        StepFailed: gmsh failed, hung, or left cells worse than `min_quality`; with the place.
    """
    with extra("solve", "meshing a body"):
        import gmsh as _  # noqa: F401  # for the child process: fails early if missing
    electrodes = np.asarray(electrode_points, float)
    between("torso_edge_mm", config.torso_edge_mm, config.heart_edge_mm, 100.0,
            "not finer than the heart, edges are in mm")  # fmt: skip
    try:
        return _meshed(surfaces, electrodes, config, patient)
    except (Crossing, NoMesh, BadCells) as error:
        first = error
    slow = set[str]()
    for tried, how in _other_ways(surfaces, config, first):
        if tried.config.algorithm in slow:
            continue
        logger.info("%s: %s; meshing again: %s", patient or "mesh", first, how)
        try:
            mesh = _meshed(tried.surfaces, electrodes, tried.config, patient)
        except (BadInput, StepFailed) as error:
            logger.info("%s: %s", patient or "mesh", error)
            if isinstance(error, TookTooLong):
                slow.add(tried.config.algorithm)
            continue
        logger.warning("%s: %s; meshed with a change: %s", patient or "mesh", first, how)
        return replace(mesh, repair=how)
    raise first


def _meshed(
    surfaces: Surfaces, electrodes: np.ndarray, config: MeshSettings, patient: str
) -> TetMesh:
    """One trial: check, mesh, check."""
    check_surfaces(surfaces)
    check_electrodes(surfaces, electrodes)
    points, faces = compact(surfaces.points, surfaces.faces)
    surfaces = refine_skin(Surfaces(points, faces, surfaces.face_tags), electrodes, config)
    job = vars(surfaces) | {"electrode_points": electrodes, "config": config.model_dump_json()}
    job["still_s"] = STILL_S + STILL_S_PER_FACE * len(surfaces.faces)
    settings = (
        f"heart {config.heart_edge_mm:g} mm, torso {config.torso_edge_mm:g} mm, {config.algorithm}"
    )
    mesh = _number(_run_gmsh(job, config.timeout_s, settings), surfaces.face_tags, patient)
    _check_mesh(mesh, config.min_quality, settings)
    return with_inner_nodes(mesh) if config.inner_nodes else mesh


class _Way(NamedTuple):
    """Another way to mesh a body."""

    surfaces: Surfaces
    config: MeshSettings


def _other_ways(
    surfaces: Surfaces, config: MeshSettings, error: EinthovenError
) -> Iterator[tuple[_Way, str]]:
    """No slivers outside, the other algorithm, other triangles of the heart; and what each is."""
    other = config.model_copy(update={"algorithm": OTHER[config.algorithm]})
    evened = without_outer_slivers(surfaces)
    if evened.n_changes:
        surfaces = evened.surfaces
        note = (
            f"skin: {evened.n_changes} slivers removed, vertices moved by up to "
            f"{evened.moved_mm:.2f} mm {near(evened.places)}"
        )
        yield _Way(surfaces, config), note
        yield _Way(surfaces, other), f"{note}, {other.algorithm}"
    elif not isinstance(error, Crossing):
        yield _Way(surfaces, other), other.algorithm
    if isinstance(error, BadCells) and error.is_outside:
        return
    places = getattr(error, "places", None)
    try:
        for changed, note in other_surfaces(surfaces, config.heart_edge_mm, places):
            yield _Way(changed, config), note
            yield _Way(changed, other), f"{note}, {other.algorithm}"
    except (BadInput, StepFailed) as failure:
        logger.info("no other surfaces: %s", failure)


def _run_gmsh(job: dict[str, Any], timeout_s: float, settings: str) -> dict[str, np.ndarray]:
    """Run the worker in its own process and end it at the time limit."""
    with TemporaryDirectory(prefix="einthoven-mesh-") as folder:
        job_path, result_path = Path(folder, "job.npz"), Path(folder, "result.npz")
        np.savez(job_path, **job)
        command: list[str | Path] = [sys.executable, "-m", "einthoven.body.mesh.gmsh_worker"]
        command += [job_path, result_path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TookTooLong(
                f"meshing took longer than timeout_s = {timeout_s:g} s ({settings}) and was ended; "
                "coarser edges or more time?"
            ) from error
        if done.returncode == -signal.SIGVTALRM:
            still = f"gmsh stood still for {job['still_s']:.3g} s of a processor and was ended"
            raise NoMesh(f"{still} ({settings}); {_worst_triangle(job)}")
        if done.returncode < 0:
            raise NoMesh(f"gmsh crashed with signal {-done.returncode} ({settings})")
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise NoMesh(f"gmsh failed ({settings}): {lines[-1]}")
        with np.load(result_path) as result:
            return {name: result[name] for name in result.files}


def _worst_triangle(job: dict[str, Any]) -> str:
    """Text on the worst triangle of the surfaces: most often a mesher stands still there."""
    points, faces = job["points"], job["faces"]
    worst = int(triangle_quality(points, faces).argmin())
    name = Surface(job["face_tags"][worst]).name
    return f"{name} is worst {near(points[faces[worst]].mean(axis=0)[None])}: smoother there?"


def _number(result: dict[str, np.ndarray], face_tags: np.ndarray, patient: str) -> TetMesh:
    """Mesh with myocardium's nodes and cells first, positive cells, otherwise in gmsh's order."""
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
        patient=patient,
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
    )


def _check_mesh(mesh: TetMesh, min_quality: float, settings: str) -> None:
    """Check gmsh's mesh: quality, and the volume of each tissue against its surfaces."""
    worst = mesh.quality["quality_min"]
    if worst < min_quality:
        quality = gamma_quality(mesh.points, mesh.cells)
        bad = np.flatnonzero(quality < min_quality)
        places = mesh.points[mesh.cells[bad[np.argsort(quality[bad])]]].mean(axis=1)
        tree = TriangleTree(mesh.points, mesh.facets)
        nearest = mesh.facet_tags[tree.closest(places).faces]
        name = Surface(nearest[0]).name
        cure = f"smoother triangles of {name} there" if nearest[0] in OUTER else "smoother surfaces"
        raise BadCells(
            f"{len(bad)} cells are worse than min_quality = {min_quality:g} (worst {worst:.3g}) "
            f"{near(places)}, at {name}, after {mesh.n_flips} flipped diagonals ({settings}); "
            f"another heart_edge_mm, or {cure}?",
            places,
            nearest,
        )
    volumes = tet_volumes(mesh.points, mesh.cells)
    for tissue, wanted in tissue_volumes(mesh.surfaces).items():
        have = math.fsum(volumes[mesh.cell_tags == tissue])
        if abs(have - wanted) > VOLUME_TOLERANCE * wanted:
            raise StepFailed(
                f"{tissue.name} has {have:.6g} mm^3, its surfaces enclose {wanted:.6g} ({settings})"
            )
