"""Meshes of one patient at any size, with fibres and the sites of 1,009 electrodes."""

from pathlib import Path

import numpy as np

from einthoven.anatomy.body import build_anatomy
from einthoven.anatomy.population.cohort import draw_patient
from einthoven.config import load
from einthoven.config.models import Anatomy
from einthoven.fibers.ldrb import assign_fibers
from einthoven.mesh.subdivision import subdivide
from einthoven.mesh.tetrahedra import tetrahedralise

CONFIG = Path(__file__).resolve().parents[1] / "config" / "paper.yaml"
MAX_MESHED = 250_000
N_REFINED = 109


def build_mesh(n_nodes: int, file: str | Path) -> None:
    """A patient of the paper's cohort with about `n_nodes` nodes.

    Above `MAX_MESHED` nodes, each cell of a coarser mesh is split in eight.
    """
    if n_nodes <= MAX_MESHED:
        arrays = _patient(n_nodes)
    else:
        coarse = _patient(n_nodes / 8)
        arrays = coarse | subdivide(coarse).mesh | {"f0": np.repeat(coarse["f0"], 8, axis=0)}
    np.savez(file, **arrays)


def _patient(n_nodes: float) -> dict[str, np.ndarray]:
    config = {name: dict(section) for name, section in load(CONFIG)}
    scale = (113_000 / n_nodes) ** (1 / 3)  # these edges give 113 k nodes
    edges = {"heart_edge_mm": 2.2, "torso_edge_mm": 9.6, "electrode_edge_mm": 4.0}
    edges = {name: round(edge * scale, 3) for name, edge in edges.items()}
    anatomy = config["anatomy"] | {"heart_edge_mm": edges["heart_edge_mm"]}
    body = build_anatomy(draw_patient(0, load(CONFIG).cohort), Anatomy(**anatomy))
    near = body.site_points[:N_REFINED]
    surfaces = (body.points, body.faces, body.face_tags)
    mesh = tetrahedralise(*surfaces, near, **config["mesh"] | edges).arrays()
    f0 = assign_fibers(mesh, **config["fibers"]).f0
    sites = {"site_points": body.site_points, "site_names": body.site_names}
    return {"f0": f0, **sites, **mesh}
