"""What an ECG owes to the mesh: one heart on several meshes, by the shipped operator.

    python studies/resolution.py [--hearts 1 2 3] [--edge MM] [--meshes NAME ...] [--json OUT]

Hearts are those of the default cohort. The reference has surfaces and mesh of `--edge`, 2.2 mm, and
a node inside every wall. Others are meshes of the same heart with surfaces of 4 mm: as gmsh makes
them, with inner nodes (what `einthoven predict` makes), with edges halved (`--fine`), and lattices.
The value is the difference of the 12-lead ECG of a sinus beat, mean over leads, relative to the
reference, with the same Purkinje tree and with a tree of its own. `exchanged`: the reference with
one thing carried over from another mesh. Its first row is the reference with a tree of another
seed, which is what a random tree amounts to. `--meshes` skips the others: `--meshes lattice` makes
that row alone, beside the reference.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.models import Config
from einthoven.base.core.files import write_json
from einthoven.base.geometry.tet_places import TetPlaces
from einthoven.base.metrics.fields import rel_l2
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.body.mesh.lattice import lattice_mesh
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.body.mesh.thin_walls import with_inner_nodes, with_short_edges
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import PurkinjeTree
from einthoven.learning.prediction.prepare import FINE_MM, LATTICE_EDGE_MM
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.p_wave import time_axis
from einthoven.physics.electrophysiology.purkinje.tree import attached, grow_tree
from einthoven.physics.electrophysiology.scenarios import activate

COARSE_MM, AS_MESHED = 4.0, "4 mm, as meshed"


class HeartOnMesh:
    """A heart on one mesh, with its lead fields by a model and its cells."""

    def __init__(self, anatomy: Anatomy, mesh: TetMesh, model: Pretrained):
        bare = Patient.of(anatomy, mesh)
        fields = solve_wall_fields(bare.heart)
        fibers = assign_fibers(bare, model.config.fibers, fields)
        self.patient = bare.with_stages(fibers, ventricular_coordinates(bare, fields))
        self.config, self.heart = model.config, bare.heart
        electrodes, sigma = anatomy.twelve_lead_electrodes, model.config.leadfield
        self.names = electrodes.names.tolist()
        self.grad = model.predict(self.patient, electrodes, sigma).heart_grad
        self.membrane = Membrane.of(self.patient, sigma, model.config.repolarisation)

    def tree(self, seed: int | None = None) -> PurkinjeTree:
        """Its own tree, of the config's seed or another."""
        section = self.config.purkinje
        return grow_tree(self.patient, section.model_copy(update={"seed": seed or section.seed}))

    def times(self, tree: PurkinjeTree) -> np.ndarray:
        """Activation times [node] ms of a sinus beat through a tree."""
        on_it = self.patient.with_stages(attached(tree, self.heart))
        return activate(on_it, "sinus", self.config.activation).activation_time

    def ecg(
        self, tau: np.ndarray, grad: np.ndarray | None = None, membrane: Membrane | None = None
    ) -> np.ndarray:
        """12-lead ECG [lead, time] mV, with its own lead fields and cells by default."""
        time = time_axis(self.config.ecg, self.config.named_atria)
        cells = membrane or self.membrane
        phi = cells.potential(tau, self.grad if grad is None else grad, time)
        return twelve_lead(self.names, phi)

    def exchanged(self, other: Self, tau: np.ndarray, others_tau: np.ndarray) -> dict[str, float]:
        """Differences of the ECG with one thing from another mesh: nearest cell, linear at nodes.

        tau and others_tau [node] ms, both with the same tree.
        """
        usual, heart = self.ecg(tau), other.heart
        at = TetPlaces.of(heart.points, heart.cells, self.heart.points)
        cell = cKDTree(heart.centroids).query(self.heart.centroids)[1]
        fibers = replace(self.membrane, sigma_i=other.membrane.sigma_i[cell])
        durations = replace(self.membrane, shares=at.on(other.membrane.shares))
        found = {
            "lead field": self.ecg(tau, grad=other.grad[:, cell]),
            "fibres of the sources": self.ecg(tau, membrane=fibers),
            "durations": self.ecg(tau, membrane=durations),
            "activation, same tree": self.ecg(at.on(others_tau)),
        }
        return {name: difference(ecg, usual) for name, ecg in found.items()}


def difference(ecg: np.ndarray, reference: np.ndarray) -> float:
    """Relative l2 difference of ECGs [lead, time], mean over leads."""
    return float(rel_l2(ecg, reference).mean())


def anatomy_of(index: int, config: Config, edge_mm: float) -> Anatomy:
    """A patient of the cohort with heart surfaces of a mean edge."""
    section = config.anatomy.model_copy(update={"heart_edge_mm": edge_mm})
    return build_anatomy(draw_patient(index, config.cohort), section)


def gmsh_mesh(anatomy: Anatomy, config: Config, edge_mm: float) -> TetMesh:
    """Mesh of the body with a mean edge in the muscle."""
    section = config.mesh.model_copy(update={"heart_edge_mm": edge_mm, "inner_nodes": False})
    return tetrahedralise(anatomy.surfaces, anatomy.site_points[:9], section, anatomy.patient)


def others(
    coarse: Anatomy, config: Config, wanted: list[str] | None
) -> Iterator[tuple[str, TetMesh]]:
    """Meshes of a heart with surfaces of 4 mm, each with its name; all where none is wanted."""
    names = [AS_MESHED, "4 mm", "4 mm, --fine", "lattice, as meshed", "lattice"]
    names = [name for name in names if wanted is None or name in wanted]
    if any(name.startswith("4 mm") for name in names):
        usual = gmsh_mesh(coarse, config, COARSE_MM)
    if any(name.startswith("lattice") for name in names):
        frame = coarse.heart_rotation, coarse.heart_origin
        lattice = lattice_mesh(coarse.surfaces, frame, LATTICE_EDGE_MM, coarse.patient)
    make = {
        AS_MESHED: lambda: usual,
        "4 mm": lambda: with_inner_nodes(usual),
        "4 mm, --fine": lambda: with_inner_nodes(with_short_edges(usual, FINE_MM)),
        "lattice, as meshed": lambda: lattice,
        "lattice": lambda: with_inner_nodes(lattice),
    }
    for name in names:
        yield name, make[name]()


def measured(
    index: int, model: Pretrained, edge_mm: float, wanted: list[str] | None = None
) -> dict[str, dict[str, float]]:
    """Differences of one heart on the wanted meshes, by default on all."""
    config = model.config
    fine, coarse = (anatomy_of(index, config, edge) for edge in (edge_mm, COARSE_MM))
    whole = gmsh_mesh(fine, config, edge_mm)
    reference = HeartOnMesh(fine, with_inner_nodes(whole), model)
    tree = reference.tree()
    tau = reference.times(tree)
    ecg = reference.ecg(tau)
    other = reference.ecg(reference.times(reference.tree(config.purkinje.seed + 1)))
    rows = {"reference, another seed of the tree": {"own tree": difference(other, ecg)}}
    meshes = [(name, coarse, mesh) for name, mesh in others(coarse, config, wanted)]
    first = f"{edge_mm:g} mm, as meshed"
    if wanted is None or first in wanted:
        meshes.insert(0, (first, fine, whole))
    for name, anatomy, mesh in meshes:
        one = HeartOnMesh(anatomy, mesh, model)
        same = one.times(tree)
        rows[name] = {
            "cells": len(one.heart.cells),
            "same tree": difference(one.ecg(same), ecg),
            "own tree": difference(one.ecg(one.times(one.tree())), ecg),
        }
        if name == AS_MESHED:
            rows["exchanged"] = reference.exchanged(one, tau, same)
        print(index, name, rows[name], flush=True)
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hearts", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--edge", type=float, default=2.2, help="of the reference, mm")
    parser.add_argument("--meshes", nargs="+", help="names of rows; by default all")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = Pretrained.load()
    found = {f"p{i:04d}": measured(i, model, options.edge, options.meshes) for i in options.hearts}
    for name in next(iter(found.values())):
        rows = [heart[name] for heart in found.values()]
        print(name, {key: [round(row[key], 4) for row in rows] for key in rows[0]})
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
