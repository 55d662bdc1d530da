"""The same patient, meshed again: the difference of two finite-element solutions of one size.

No surrogate can know where the mesher places its nodes. Gradients of both solutions are recovered
at nodes and sampled at the centroids of the original mesh, so that neither has an advantage.
"""

import numpy as np
from learning_data import LearningRun
from nested_meshes import Level

from einthoven.base.metrics import fields as metrics
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import time_axis
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, template

FACTORS = (0.95, 1.05, 0.9)
"""Edge lengths of the other meshes, as multiples of those of the original mesh."""
EDGES = ("heart_edge_mm", "torso_edge_mm", "electrode_edge_mm")
N_ELECTRODES = 9


class Meshes:
    """Lead fields of the 12-lead electrodes of one patient on the original mesh and on others.

    own and others [mesh]: gradients [electrode, cell, 3] kOhm/mm at the
    original centroids.
    """

    def __init__(self, run: LearningRun, patient: str):
        self.run, self.patient, self.config = run, run.patient(patient), run.config
        self.anatomy = self.patient.anatomy
        self.names = self.anatomy.site_names[:N_ELECTRODES].tolist()
        self.sites = self.anatomy.site_points[:N_ELECTRODES]
        self.level = Level(self.patient.mesh, self.config, self.sites)
        self.centroids = self.level.heart.centroids
        self.own = self.level.recovered_at(self.level.z, self.centroids)[0]
        self.others = [self.solved_again(factor) for factor in FACTORS]

    def solved_again(self, factor: float) -> np.ndarray:
        """On another mesh; at the few centroids that lie outside it, as on the original mesh."""
        edges = {name: factor * getattr(self.config.mesh, name) for name in EDGES}
        config = self.config.mesh.model_copy(update=edges)
        refined = self.anatomy.site_points[: N_ELECTRODES + self.config.electrodes.n_refined]
        mesh = tetrahedralise(self.anatomy.surfaces, refined, config, self.patient.name)
        level = Level(mesh, self.config, self.sites)
        found, gradient = level.recovered_at(level.z, self.centroids), self.own.copy()
        gradient[:, found[1]] = found[0]
        return gradient

    def ecg(self, gradient: np.ndarray) -> np.ndarray:
        """12-lead ECG [lead, time] mV of the first scenario, sources on the original mesh."""
        tau = self.patient.activation(self.config.ecg.scenarios[0]).activation_time
        time, beat = time_axis(self.config.ecg), template(ECG_STEP_MS)
        potential = forward_potential(
            self.level.heart, self.level.sigma_i, tau, gradient, time, beat
        )
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
        """Difference of the solution on the original mesh from the first other one."""
        return self.errors(self.own, self.others[0])
