"""What tissue between heart and skin changes in the sinus beats of simulated people.

    python studies/conductors.py config/people.yaml WORK --patients 5 --against RECORDINGS

Each patient is meshed once, with lungs and torso cells of 9 mm, and has one sinus beat. Tissue is
changed cell by cell: lungs, subcutaneous fat and a sheet of muscle by their depth below the skin,
torso and blood as a whole. Changes of features are given in SDs of recorded healthy people (of
PTB-XL those that a fit may see). Stage files go to WORK; those that are there are not made again.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from any_body_patients import Body

from einthoven.app.evaluation.realism.reading import GroupChoice, read_people
from einthoven.app.run.plan import Plan
from einthoven.base.config import Config, load
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import write_json
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import FEATURES, measured
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.leadfield.conductivity import bulk
from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces

TORSO_EDGE_MM = 9.0
NOT_SOLVED = ("leadfield", "field_samples", "ecg")
SHOWN = ("r_mv_v4", "r_mv_v5", "r_mv_v6", "r_mv_i", "r_mv_ii", "r_mv_avf", "r_ms_v1", "r_mv_v1",
         "s_mv_v2", "q_mv_v6", "st60_mv_v2", "t_mv_v2", "t_mv_v6", "p_mv_ii")  # fmt: skip


class Conductor(NamedTuple):
    """Conductivities, S/m; layers are (depth of their lower side in mm, conductivity)."""

    torso: float = 0.2
    lung: float | None = None
    blood: float | None = None
    fat: tuple[float, float] | None = None
    muscle: tuple[float, float] | None = None

    def tensors(self, patient: Patient, depth: np.ndarray, usual: LeadFieldSettings) -> np.ndarray:
        """[cell, 3, 3] mS/mm; depth [cell] mm below the skin. Without `lung` it is as the torso."""
        sigma = usual.model_copy(update={
            "sigma_torso_s_per_m": self.torso,
            "sigma_lung_s_per_m": self.torso if self.lung is None else self.lung,
            "sigma_blood_s_per_m": self.blood or usual.sigma_blood_s_per_m,
        })  # fmt: skip
        tags = patient.mesh.cell_tags
        found, upper = bulk(patient.fibers.f0, tags, sigma), 0.0
        for layer in (self.fat, self.muscle):
            if layer is not None:
                inside = (tags == Tissue.TORSO) & (depth >= upper) & (depth < layer[0])
                found[inside], upper = layer[1] * np.eye(3), layer[0]
        return found


AS_IT_IS = "as it is"
CONDUCTORS = {
    AS_IT_IS: Conductor(),
    "lungs 0.039 S/m": Conductor(lung=0.0389),
    "lungs 0.08": Conductor(lung=0.08),
    "fat of 8 mm, 0.05": Conductor(fat=(8.0, 0.05)),
    "fat of 15 mm, 0.05": Conductor(fat=(15.0, 0.05)),
    "fat of 15 mm, lungs 0.039": Conductor(fat=(15.0, 0.05), lung=0.0389),
    "fat of 8 mm, muscle to 20 mm 0.4, lungs 0.08":
        Conductor(fat=(8.0, 0.05), muscle=(20.0, 0.4), lung=0.08),
    "muscle of 12 mm, 0.4": Conductor(muscle=(12.0, 0.4)),
    "torso 0.3": Conductor(torso=0.3),
    "torso 0.12": Conductor(torso=0.12),
    "blood 0.7": Conductor(blood=0.7),
}  # fmt: skip
"""Name -> conductor."""


def with_lungs(config: Config) -> Config:
    """The config with lungs, fine cells in the torso, nine electrodes and the sinus beat alone."""
    return config.model_copy(update={
        "anatomy": config.anatomy.model_copy(update={"lungs": True}),
        "mesh": config.mesh.model_copy(update={"torso_edge_mm": TORSO_EDGE_MM}),
        "electrodes": config.electrodes.model_copy(update={"n_grid": 0}),
        "ecg": config.ecg.model_copy(update={"scenarios": ["sinus"]}),
    })  # fmt: skip


def skin_depth(patient: Patient) -> np.ndarray:
    """Distance [cell] mm of the cells' centroids from the skin."""
    mesh = patient.mesh
    skin = TriangleTree(*compact(mesh.points, skin_faces(mesh)))
    return skin.closest(mesh.points[mesh.cells].mean(axis=1)).distance


def lead_fields(patient: Patient, tensors: np.ndarray, settings: LeadFieldSettings) -> LeadFields:
    """Lead fields of the nine electrodes in a body of these conductivities."""
    mesh, nine = patient.mesh, patient.anatomy.electrodes(0, 9)
    delta = electrode_weights(mesh.points, skin_faces(mesh), nine.points, nine.names)
    problem = NeumannProblem(mesh, tensors, len(nine.names), settings)
    sink = problem.skin_areas / problem.skin_areas.sum()
    found = problem.solve(sp.csc_array(delta.T), -sink)
    return LeadFields(
        patient=patient.name, lead_field=np.ascontiguousarray(found.x.T),
        electrode_names=np.asarray(nine.names), electrode_points=nine.points,
        residual=found.residual, solver=settings.solver,
    )  # fmt: skip


def features_of(plan: Plan, work: Path, name: str) -> np.ndarray:
    """[conductor, feature] of one patient's sinus beat."""
    body, own = Body(plan, work, name), plan.settings
    body.is_judged = True
    for step in body.steps():
        if step.script not in NOT_SOLVED and not step.is_done:
            step.run()
    stages = body.files("anatomy", "mesh", "fibers")
    patient = Patient.of_files(**stages, activation=[body.file("activation_sinus")], substrate=[])
    usual = LeadFieldSettings.model_validate(own.leadfield_of(body.who))
    settings = SimulationSettings.of_params(
        plan.section("ecg"), own.leadfield_of(body.who), own.repolarisation_of(body.who),
        own.atria_of(body.who), own.traits_of(body.who),
    )  # fmt: skip
    beat, depth, rows = [patient.activation("sinus")], skin_depth(patient), list[np.ndarray]()
    for conductor in CONDUCTORS.values():
        fields = lead_fields(patient, conductor.tensors(patient, depth, usual), usual)
        ecg = simulate_ecg(patient, fields, beat, settings)
        rows.append(measured(ecg.ecg, ecg.time, settings.cycle_lengths(beat))[0])
    return np.array(rows)


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("config", type=Path)
    add("work", type=Path, help="folder of the stage files")
    add("--patients", type=int, default=5, metavar="N", help="first N of the config")
    add("--against", type=Path, required=True, help="folder of PTB-XL")
    add("--json", type=Path)
    args = parser.parse_args()
    people = read_people([args.against], "people", GroupChoice("", None, True, part="fit")).people
    plan = Plan.of(with_lungs(load(args.config)))
    rows = [features_of(plan, args.work, name) for name in list(plan.splits)[: args.patients]]
    ours = np.array(rows)[:, :, [FEATURES.index(name) for name in SHOWN]]
    theirs = people.features[:, [people.feature_names.index(name) for name in SHOWN]]
    found: dict[str, Any] = {"n_patients": len(rows), "n_people": len(people), "changes_sd": {}}
    sd, usual = np.nanstd(theirs, axis=0), list(CONDUCTORS).index(AS_IT_IS)
    wanted = (np.nanmedian(theirs, axis=0) - np.nanmedian(ours[:, usual], axis=0)) / sd
    found["wanted_sd"] = dict(zip(SHOWN, wanted.tolist()))
    for k, name in enumerate(CONDUCTORS):
        change = np.nanmean(ours[:, k] - ours[:, usual], axis=0) / sd
        found["changes_sd"][name] = dict(zip(SHOWN, change.tolist()))
        print(name, {key: round(v, 2) for key, v in found["changes_sd"][name].items()}, flush=True)
    print("wanted", {key: round(v, 2) for key, v in found["wanted_sd"].items()})
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
