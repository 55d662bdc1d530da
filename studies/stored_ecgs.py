"""What the ECGs of a run owe to its meshes: a patient's mesh, and the same with more cells.

    python studies/stored_ecgs.py [--config FILE] [--patients K ...] [--longest MM ...] [--json OUT]

A patient of a configuration is meshed as its run does. Its ECGs by finite elements, in all
scenarios, are computed three times: on the mesh as gmsh makes it, with inner nodes
(`mesh.inner_nodes`), and on the reference, whose edges in the muscle are halved where they are
longer than 3 mm, before inner nodes are added. With `--longest 3 1.5` edges are halved twice. All
three have the patient's own tree, which grows on the surfaces and is the same with inner nodes; the
reference gets it attached. Early sites in place of a tree are placed on each mesh. The value is
the difference of the 12-lead ECG relative to the reference, over all leads and times.
"""

import argparse
import resource
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from einthoven.app.run.plan import Plan
from einthoven.base.config import load
from einthoven.base.config.electrophysiology import ActivationSettings, PurkinjeSettings
from einthoven.base.config.models import AnatomySettings, LeadFieldSettings, MeshSettings
from einthoven.base.config.substrate import HEALTHY
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES, patient_name
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.body.mesh.thin_walls import with_inner_nodes, with_short_edges
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import PurkinjeTree
from einthoven.learning.prediction.prepare import FINE_MM
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.purkinje.tree import attached, grow_tree
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of
from einthoven.physics.leadfield.solve import solve_lead_fields

CONFIG = Path(__file__).resolve().parents[1] / "config/config.yaml"
Row = dict[str, Any]


class StoredPatient:
    """A virtual patient of a plan, on any mesh of its surfaces."""

    def __init__(self, index: int, plan: Plan):
        self.plan, self.wildcards = plan, SimpleNamespace(patient=patient_name(index))
        self.settings = plan.settings
        section = AnatomySettings.model_validate(self.settings.anatomy_of(self.wildcards))
        person = draw_patient(index, plan.config.cohort)
        self.anatomy = build_anatomy(person, section, plan.config.augmentation)

    def mesh(self) -> TetMesh:
        """Its mesh without inner nodes."""
        section = self.settings.mesh_of(self.wildcards) | {"inner_nodes": False}
        sites = self.anatomy.site_points[: self.plan.n_refined]
        config = MeshSettings.model_validate(section)
        return tetrahedralise(self.anatomy.surfaces, sites, config, self.anatomy.patient)

    def on(self, mesh: TetMesh) -> Patient:
        """The patient with fibres and coordinates on a mesh."""
        bare = Patient.of(self.anatomy, mesh)
        fields = solve_wall_fields(bare.heart)
        fibers = assign_fibers(bare, self.plan.config.fibers, fields)
        return bare.with_stages(fibers, ventricular_coordinates(bare, fields))

    def tree(self, patient: Patient, stored: PurkinjeTree | None = None) -> PurkinjeTree:
        """Its Purkinje trees, as a run stores them, or the stored ones on another mesh."""
        section = self.settings.purkinje_of(self.wildcards)
        config = PurkinjeSettings.model_validate(section)
        if stored is None or config.backend == "sites":
            return grow_tree(patient, config)
        return attached(stored, patient.heart)

    def ecgs(self, patient: Patient, tree: PurkinjeTree) -> np.ndarray:
        """ECGs [scenario, lead, time] mV by finite elements, with a tree of this mesh."""
        config, wildcards, its = self.plan.config, self.wildcards, self.settings
        leadfield = its.leadfield_of(wildcards) | {"gradient": config.leadfield.gradient}
        parts = leadfield, its.repolarisation_of(wildcards), its.atria_of(wildcards)
        settings = SimulationSettings.of_params(dict(config.ecg), *parts, its.traits_of(wildcards))
        whole = patient.with_stages(tree)
        speeds = ActivationSettings.model_validate(its.activation_of(wildcards))
        known = config.known_scenarios
        scenarios = [scenario_of(name, known[name]) for name in config.ecg.scenarios]
        beats = [activate(whole, scenario, speeds) for scenario in scenarios]
        nine = self.anatomy.electrodes(0, len(STANDARD_ELECTRODES))
        section = LeadFieldSettings.model_validate(leadfield)
        fields = solve_lead_fields(whole, nine, section, dtype="float32")
        return np.asarray(simulate_ecg(whole, fields, beats, settings).ecg)


def sizes(mesh: TetMesh) -> Row:
    """Nodes and cells of the muscle and of the body, and the worst cell."""
    return {
        "heart_nodes": mesh.n_heart_nodes,
        "heart_cells": mesh.n_heart_cells,
        "nodes": len(mesh.points),
        "cells": len(mesh.cells),
        "quality_min": mesh.quality["quality_min"],
    }


def relative(ecgs: np.ndarray, reference: np.ndarray) -> list[float]:
    """Relative l2 difference [scenario] of ECGs [scenario, lead, time], over leads and times."""
    norms = [np.linalg.norm(part, axis=(1, 2)) for part in (ecgs - reference, reference)]
    return [float(value) for value in norms[0] / norms[1]]


def compared(index: int, plan: Plan, longest_mm: Sequence[float]) -> dict[str, Row]:
    """Sizes of a patient's meshes, processor seconds of their ECGs, and their differences."""
    patient = StoredPatient(index, plan)
    usual = fine = patient.mesh()
    for length in longest_mm:
        fine = with_short_edges(fine, length)
    meshes = {
        "reference": with_inner_nodes(fine),
        "as meshed": usual,
        "inner nodes": with_inner_nodes(usual),
    }
    tree = patient.tree(patient.on(usual))
    rows, ecgs = dict[str, Row](), dict[str, np.ndarray]()
    for name, mesh in meshes.items():
        start = seconds()
        body = patient.on(mesh)
        ecgs[name] = patient.ecgs(body, patient.tree(body, tree))
        rows[name] = sizes(mesh) | {"seconds": seconds() - start}
        found = relative(ecgs[name], ecgs["reference"])
        rows[name]["difference"] = dict(zip(plan.config.ecg.scenarios, found))
        print(patient.anatomy.patient, name, rows[name], flush=True)
    return rows


def seconds() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--patients", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--longest", type=float, nargs="+", default=[FINE_MM], help="mm")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    plan = Plan.of(load(options.config))
    if plan.config.substrate != HEALTHY:
        parser.error(f"{options.config}: a substrate is not attached to other meshes here")
    if plan.config.variation.beats:
        parser.error(
            f"{options.config}: beats are fitted on one mesh; copy it with variation.beats empty"
        )
    found = {patient_name(k): compared(k, plan, options.longest) for k in options.patients}
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
