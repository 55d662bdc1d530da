"""The same patient, meshed again: how far two finite-element solutions of one size are apart.

What no surrogate can know: where the mesher put its nodes. Gradients of both solutions are
recovered at nodes and sampled at the own mesh's centroids, so that neither has an advantage.
"""

from typing import Any

import numpy as np
from learning_data import Run
from nested_meshes import Level

from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.mesh.tetrahedra import tetrahedralise
from einthoven.metrics import fields as metrics

FACTORS = (0.95, 1.05, 0.9)
"""Edge lengths of the other meshes, as multiples of the own mesh's."""
EDGES = ("heart_edge_mm", "torso_edge_mm", "electrode_edge_mm")
N_ELECTRODES = 9


class Meshes:
    """Lead fields of the 12-lead electrodes of one patient on its own mesh and on others.

    own and others [mesh]: gradients [electrode, cell, 3] kOhm/mm at the own mesh's centroids.
    """

    def __init__(self, run: Run, patient: str):
        self.run, self.patient = run, patient
        anatomy, mesh = run.stage(patient, "anatomy"), run.stage(patient, "mesh")
        self.names = [str(name) for name in anatomy["site_names"][:N_ELECTRODES]]
        self.sites = anatomy["site_points"][:N_ELECTRODES]
        self.setting = {name: dict(section) for name, section in run.config}
        level = Level(dict(mesh), self.setting, self.sites)
        self.level, self.centroids = level, level.points[level.cells].mean(axis=1)
        self.own = level.recovered_at(level.z, self.centroids)[0]
        self.others = [self.solved_again(anatomy, factor) for factor in FACTORS]

    def solved_again(self, anatomy: Any, factor: float) -> np.ndarray:
        """On another mesh; at the few centroids that lie outside it, as on the own mesh."""
        section = dict(self.setting["mesh"])
        section |= {name: factor * section[name] for name in EDGES}
        refined = anatomy["site_points"][: N_ELECTRODES + self.setting["electrodes"]["n_refined"]]
        surfaces = (anatomy[name] for name in ("points", "faces", "face_tags"))
        mesh = tetrahedralise(*surfaces, refined, **section)
        level = Level(mesh.arrays(), self.setting, self.sites)
        found, gradient = level.recovered_at(level.z, self.centroids), self.own.copy()
        gradient[:, found[1]] = found[0]
        return gradient

    def ecg(self, gradient: np.ndarray) -> np.ndarray:
        """12-lead ECG [lead, time] mV of the first scenario, sources on the own mesh."""
        section = self.setting["ecg"]
        time = section["start_ms"] + np.arange(0, section["duration_ms"], section["dt_ms"])
        tau = self.run.stage(self.patient, f"activation_{section['scenarios'][0]}")
        potential = forward_potential(
            self.level.points, self.level.cells, self.level.sigma_i, tau["activation_time"],
            gradient, time, template(ECG_STEP_MS),
        )  # fmt: skip
        return twelve_lead(self.names, potential)

    def errors(self, gradient: np.ndarray, reference: np.ndarray) -> dict[str, float]:
        """Errors of one field against another."""
        ecg = metrics.rel_l2(self.ecg(gradient), self.ecg(reference))
        return {
            "angular_error_deg": float(metrics.angular_error_deg(gradient, reference).mean()),
            "magnitude_error_rel": float(metrics.magnitude_error_rel(gradient, reference).mean()),
            "ecg_rel_l2": float(ecg.mean()),
        }

    def noise(self) -> dict[str, float]:
        """Of the own mesh's solution against the first other's."""
        return self.errors(self.own, self.others[0])
