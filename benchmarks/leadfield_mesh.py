"""One patient at any mesh size, with fibers and the sites of 1,009 electrodes."""

import sys
from pathlib import Path

import numpy as np

from einthoven.base.config import load
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Fibers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from subdivision import subdivide  # noqa: E402

CONFIG = Path(__file__).resolve().parents[1] / "config" / "paper.yaml"
MAX_MESHED = 250_000
N_REFINED = 109


def build_patient(n_nodes: int, folder: str | Path) -> None:
    """Write a patient of config/paper.yaml with about `n_nodes` nodes, as files of its stages.

    Above `MAX_MESHED` nodes, each cell of a coarser mesh is split in eight.
    """
    anatomy, mesh, fibers = _stages(n_nodes if n_nodes <= MAX_MESHED else n_nodes / 8)
    if n_nodes > MAX_MESHED:
        mesh = subdivide(mesh).mesh
        axes = {name: np.repeat(axis, 8, axis=0) for name, axis in fibers.arrays().items()}
        fibers = Fibers(patient=mesh.patient, **axes)
    for stage in (anatomy, mesh, fibers):
        stage.save(Path(folder) / f"{stage.stage}.npz")


def _stages(n_nodes: float) -> tuple[Anatomy, TetMesh, Fibers]:
    config = load(CONFIG)
    scale = (113_000 / n_nodes) ** (1 / 3)  # these edges give 113 k nodes
    edges = {"heart_edge_mm": 2.2, "torso_edge_mm": 9.6, "electrode_edge_mm": 4.0}
    edges = {name: round(edge * scale, 3) for name, edge in edges.items()}
    shape = config.anatomy.model_copy(update={"heart_edge_mm": edges["heart_edge_mm"]})
    anatomy = build_anatomy(draw_patient(0, config.cohort), shape)
    sizes = config.mesh.model_copy(update=edges)
    refined = anatomy.site_points[:N_REFINED]
    mesh = tetrahedralise(anatomy.surfaces, refined, sizes, anatomy.patient)
    return anatomy, mesh, assign_fibers(Patient.of(mesh), config.fibers)
