"""Volume meshing by gmsh in a child process, so that a hang or crash can be ended.

`python -m einthoven.body.mesh.gmsh_worker JOB RESULT` reads surfaces and sizes from the file JOB
(.npz), and writes cells and the meshed surfaces to RESULT. Any error is one line on stderr.
"""

import signal
import sys
from pathlib import Path

import gmsh
import numpy as np

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import BOUNDARY, Tissue
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.mesh.quality import flip_diagonals, relocate_nodes
from einthoven.body.mesh.sizing import SIZE_RATIO, scaled, size_grids

ALGORITHMS = {"delaunay": 1, "hxt": 10}
MAX_ROUNDS = 6
UNBOUNDED = 1e22


def _mesh_volumes(
    surfaces: Surfaces,
    electrode_points: np.ndarray,
    config: MeshSettings,
    still_s: float,
    folder: Path,
) -> dict[str, np.ndarray | int]:
    """Mesh all tissues at once, and move inner nodes of bad cells until these are good.

    Cells that are bad because of their surface nodes remain. The diagonals beneath them are flipped
    and everything is meshed again. If no diagonal can be flipped, the sizes change by 3 %, which
    gives another mesh. The last round's mesh is returned unchecked; the caller checks it.
    """
    n_flips, n_given = 0, len(surfaces.points)
    grids = size_grids(surfaces, electrode_points, config)
    for n_rounds in range(1, MAX_ROUNDS + 1):
        gmsh.clear()
        add_surfaces(surfaces)
        set_sizes(grids, SIZE_RATIO * config.heart_edge_mm, folder)
        _end_if_still(still_s)
        _generate(config.algorithm)
        _end_if_still(0.0)
        nodes, cells, cell_tags = read_cells(n_given, surfaces.face_tags)
        on_surface = np.arange(len(nodes)) < n_given
        nodes, quality, n_moved = relocate_nodes(nodes, cells, on_surface)
        bad = np.flatnonzero(quality < config.min_quality)
        if len(bad) == 0 or n_rounds == MAX_ROUNDS:
            break
        worst_first = bad[np.argsort(quality[bad], kind="stable")]
        surfaces, flips = flip_diagonals(surfaces, cells[worst_first])
        n_flips += flips
        if flips == 0:
            config = scaled(config, 0.97)
            grids = size_grids(surfaces, electrode_points, config)
    return dict(
        points=nodes,
        cells=cells,
        cell_tags=cell_tags,
        faces=surfaces.faces,
        n_flips=n_flips,
        n_moved=n_moved,
    )


def _end_if_still(seconds: float) -> None:
    """End this process by SIGVTALRM after so many seconds of its own time; 0 takes it back."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def add_surfaces(surfaces: Surfaces) -> None:
    """Discrete surfaces (entity = surface tag) and the volumes between them (as `regions`)."""
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    gmsh.model.add("body")
    owned = np.zeros(len(points), dtype=bool)  # shared nodes belong to the first surface
    for tag in np.unique(face_tags).tolist():
        ids = np.flatnonzero(face_tags == tag)
        nodes = np.unique(faces[ids])
        nodes = nodes[~owned[nodes]]
        owned[nodes] = True
        gmsh.model.addDiscreteEntity(2, tag)
        gmsh.model.mesh.addNodes(2, tag, nodes + 1, points[nodes].ravel())
        gmsh.model.mesh.addElementsByType(tag, 2, ids + 1, faces[ids].ravel() + 1)
    for volume, (_, around) in regions(face_tags).items():
        loop = gmsh.model.geo.addSurfaceLoop(around)
        gmsh.model.geo.addVolume([loop], volume)
    gmsh.model.geo.synchronize()


def regions(face_tags: np.ndarray) -> dict[int, tuple[Tissue, list[int]]]:
    """Volume number -> its tissue and the surfaces around it. Each lung is one volume."""
    pieces: list[tuple[Tissue, list[int]]] = []
    for tissue, around in BOUNDARY.items():
        present = [int(tag) for tag in around if np.any(face_tags == tag)]
        groups = [[tag] for tag in present] if tissue == Tissue.LUNG else [present]
        pieces += [(tissue, group) for group in groups]
    return dict(enumerate(pieces, start=1))  # so MYOCARDIUM is volume 1


def set_sizes(grids: list[bytes], wall_size: float, folder: Path) -> None:
    """Background field: the smallest of all grids, and the heart's size throughout its wall."""
    field = gmsh.model.mesh.field
    fields = []
    for k, grid in enumerate(grids):
        path = folder / f"sizes{k}.bin"
        path.write_bytes(grid)
        fields.append(field.add("Structured"))
        field.setString(fields[-1], "FileName", str(path))
        field.setNumber(fields[-1], "TextFormat", 0)
        field.setNumber(fields[-1], "SetOutsideValue", 1)
        field.setNumber(fields[-1], "OutsideValue", UNBOUNDED)
    wall = field.add("Constant")
    field.setNumber(wall, "VIn", wall_size)
    field.setNumber(wall, "VOut", UNBOUNDED)
    field.setNumbers(wall, "VolumesList", [int(Tissue.MYOCARDIUM)])
    smallest = field.add("Min")
    field.setNumbers(smallest, "FieldsList", [*fields, wall])
    field.setAsBackgroundMesh(smallest)
    for other in ("ExtendFromBoundary", "FromPoints", "FromCurvature", "Min"):
        gmsh.option.setNumber(f"Mesh.MeshSize{other}", 0)
    gmsh.option.setNumber("Mesh.MeshSizeMax", UNBOUNDED)


def _generate(algorithm: str) -> None:
    """Fill the volumes on one thread; with more, the result would depend on their timing."""
    gmsh.option.setNumber("General.NumThreads", 1)
    options = {
        "Algorithm3D": ALGORITHMS[algorithm],
        "MaxNumThreads3D": 1,
        "Optimize": 1,
        "OptimizeThreshold": 0.3,
        "Renumber": 0,
    }
    for name, value in options.items():
        gmsh.option.setNumber(f"Mesh.{name}", value)
    gmsh.model.mesh.generate(3)


def read_cells(n_given: int, face_tags: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points by ascending gmsh tag (so the given ones come first), cells, tissue tags."""
    node_tags, coordinates, _ = gmsh.model.mesh.getNodes()
    order = np.argsort(node_tags, kind="stable")
    node_tags = node_tags[order].astype(np.int64)
    if not np.array_equal(node_tags[:n_given], np.arange(1, n_given + 1)):
        raise StepFailed("gmsh dropped or renumbered nodes of the surfaces")
    cells, cell_tags = [], []
    for volume, (tissue, _) in regions(face_tags).items():
        types, _, nodes = gmsh.model.mesh.getElements(3, volume)
        if len(types) == 0:
            raise StepFailed(f"gmsh left the volume {tissue.name} empty")
        cells.append(np.searchsorted(node_tags, nodes[0].astype(np.int64)).reshape(-1, 4))
        cell_tags.append(np.full(len(cells[-1]), int(tissue), dtype=np.int8))
    points = coordinates.reshape(-1, 3)[order]
    return points, np.concatenate(cells), np.concatenate(cell_tags)


def main(job_path: str, result_path: str) -> int:
    """Run one job; return the exit status."""
    with np.load(job_path) as job:
        arrays = {name: job[name] for name in job.files}
    # A second guard: if the parent is killed, nothing else ends a gmsh that hangs.
    config = MeshSettings.model_validate_json(str(arrays["config"]))
    signal.alarm(int(np.ceil(config.timeout_s)) + 5)
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    gmsh.option.setNumber("General.Verbosity", 0)
    try:
        surfaces = Surfaces(*(arrays[name] for name in ("points", "faces", "face_tags")))
        folder, still_s = Path(job_path).parent, float(arrays["still_s"])
        result = _mesh_volumes(surfaces, arrays["electrode_points"], config, still_s, folder)
    except Exception as error:  # gmsh raises plain Exception with its last message
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        return 1
    finally:
        gmsh.finalize()
    np.savez(result_path, allow_pickle=False, **result)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
