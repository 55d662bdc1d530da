"""What a prediction needs of a patient: read from its folder, and made where it is missing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.config import Config
from einthoven.core.check import shape
from einthoven.core.errors import BadInput
from einthoven.core.files import Arrays, load_arrays
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.core.seeds import generator
from einthoven.core.tags import Surface
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.mesh import TetMesh
from einthoven.patient.patient import Patient

SITES = ["points", "faces", "face_tags", "site_names", "site_points", "heart_rotation",
         "heart_origin", "torso_box"]  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A patient's anatomy, heart mesh, fibres and electrodes.

    Attributes:
        name: of the patient.
        anatomy: arrays of anatomy.npz.
        sdf: sample points [sample, 3] mm and signed distances [sample, 4] mm.
        points: [heart node, 3] mm; cells: [heart cell, 4].
        fiber: [heart cell, 3].
        electrodes: name -> [3] mm.
        activation: scenario -> [heart node] ms, as far as the folder has them.
    """

    name: str
    anatomy: Arrays
    sdf: tuple[np.ndarray, np.ndarray]
    points: np.ndarray
    cells: np.ndarray
    fiber: np.ndarray
    electrodes: dict[str, np.ndarray]
    activation: dict[str, np.ndarray]


def read_body(
    source: Path,
    patient: str | None,
    to: Path,
    config: Config,
    *,
    electrodes: Path | None = None,
    n_grid: int = 0,
) -> Body:
    """Read a stage folder, or import a patient of a sheet; make mesh, fibres and samples.

    Args:
        source: results/patients/{patient}, a folder that `einthoven import` wrote, or a sheet.
        patient: which one of the sheet.
        to: where stage files go that are made.
        config: settings for what is made.
        electrodes: CSV with name, x, y, z in mm in the patient frame, within 15 mm of the skin;
            None for the nine of the 12-lead ECG and `n_grid` of the patient's own sites.
        n_grid: see above.

    Raises:
        BadInput: a file is missing or wrong, or fibres are missing and cannot be made here.
    """
    folder = source if source.is_dir() else _imported(source, patient, to, config)
    anatomy = load_arrays(folder / "anatomy.npz", SITES)
    name = str(anatomy.attrs["patient"])
    mesh = _mesh(folder, to, anatomy, config)
    n_nodes, n_cells = mesh.attrs["n_heart_nodes"], mesh.attrs["n_heart_cells"]
    fiber = shape("fibers.npz: f0", _fibers(folder, to, mesh, config), (n_cells, 3))
    activation = {
        file.stem.removeprefix("activation_"): shape(
            str(file), load_arrays(file, ["activation_time"])["activation_time"], (n_nodes,)
        )
        for file in sorted(folder.glob("activation_*.npz"))
    }
    points, cells = mesh["points"][:n_nodes], mesh["cells"][:n_cells]
    places = _electrodes(anatomy, electrodes, n_grid)
    return Body(name, anatomy, _sdf(folder, anatomy, config), points, cells, fiber, places,
                activation)  # fmt: skip


def skin_of(anatomy: Arrays) -> np.ndarray:
    """Triangles of the skin: [face, 3]."""
    return anatomy["faces"][anatomy["face_tags"] == Surface.SKIN]


def _imported(sheet: Path, patient: str | None, to: Path, config: Config) -> Path:
    """Folder with the imported anatomy of one row of a sheet."""
    from einthoven.imported.anatomy import import_patient
    from einthoven.imported.sheet import read_sheet

    rows = {row.patient: row for row in read_sheet(sheet)}
    if patient is None and len(rows) == 1:
        patient = next(iter(rows))
    if patient not in rows:
        raise BadInput(f"{sheet}: which patient? It has {', '.join(rows)}")
    anatomy = import_patient(rows[patient], to / f"{patient}.png", config.anatomy)
    anatomy.save(to / "anatomy.npz")
    return to


def _mesh(folder: Path, to: Path, anatomy: Arrays, config: Config) -> Arrays:
    path = folder / "mesh.npz"
    if not path.exists():
        from einthoven.mesh.tetrahedra import tetrahedralise

        path = to / "mesh.npz"
        body = Anatomy.of(anatomy, anatomy.attrs, anatomy.path)
        refined = body.site_points[: len(STANDARD_ELECTRODES)]
        tetrahedralise(body.surfaces, refined, config.mesh, body.patient).save(path)
    return load_arrays(path, ["points", "cells"])


def _fibers(folder: Path, to: Path, mesh: Arrays, config: Config) -> np.ndarray:
    path = folder / "fibers.npz"
    if not path.exists():
        from einthoven.fibers.ldrb import assign_fibers

        try:
            body = Patient.of(TetMesh.of(mesh, mesh.attrs, mesh.path))
            fibers = assign_fibers(body, config.fibers)
        except ImportError as error:
            raise BadInput(
                f"{path}: no such file, and fibres by rules need a solver that is not installed "
                f"({error}); give fibers.npz with f0 [heart cell, 3]"
            ) from error
        path = to / "fibers.npz"
        fibers.save(path)
    return load_arrays(path, ["f0"])["f0"]


def _sdf(folder: Path, anatomy: Arrays, config: Config) -> tuple[np.ndarray, np.ndarray]:
    if (folder / "sdf.npz").exists():
        found = load_arrays(folder / "sdf.npz", ["sdf_points", "sdf"])
        return found["sdf_points"], found["sdf"]
    from einthoven.samples.sdf import sample_sdf

    rng = generator(config.sdf_samples.seed, str(anatomy.attrs["patient"]), "sdf")
    return sample_sdf(anatomy, rng, config.sdf_samples)


def _electrodes(anatomy: Arrays, file: Path | None, n_grid: int) -> dict[str, np.ndarray]:
    """Name -> [3] mm on the skin."""
    if file is None:
        names = [str(name) for name in anatomy["site_names"]]
        used = slice(len(STANDARD_ELECTRODES) + n_grid)
        return dict(zip(names[used], anatomy["site_points"][used]))
    from einthoven.imported.read import read_points
    from einthoven.imported.sites import on_skin

    try:
        return on_skin(anatomy["points"], skin_of(anatomy), read_points(file))[0]
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error
