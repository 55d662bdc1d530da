"""The P wave: eq. (3) of Dokuchaev 2026 over the walls of the atria.

The atria are sources in the torso, phi(e, t) = - int sigma_i grad V_m . grad Z dx over their thin
walls, with V_m = U(t - tau) and the gradient of the lead field that the torso has at their places.
They change no lead field. A sphere of blood of three times the torso's conductivity weakens a
source along its surface by 1 - (3 - 1) / (3 + 2) = 0.6 (Brody 1956; by reciprocity from the field
of a sphere in a uniform one): the effective conductivity of the default is this factor times the
geometric mean of the muscle's 0.3 and 0.03 S/m, along and across fibres of any direction.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.config.atria import OFF, AtriaSettings
from einthoven.base.config.models import EcgSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.mesh import TetMesh
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.electrophysiology.atria.conduction import AtrialActivation
from einthoven.physics.electrophysiology.atria.shells import AtrialWall

REST_MV, AMPLITUDE_MV = -80.0, 100.0
UPSTROKE_MS = 0.5
"""Steepest slope of U: 200 V/s (Courtemanche 1998, doi:10.1152/ajpheart.1998.275.1.H301: 216)."""
STEP_MS = 0.1


def atrial_action_potential(apd_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """A template action potential of the atria, triangular as theirs is.

    U(t) = rest + amplitude exp(-(t / T)^2) after a linear upstroke that ends at t = 0, with T such
    that 10 % are left at t = apd_ms.

    Returns:
        time [sample] ms, and U [sample] mV; it ends when a thousandth of a millivolt is left.
    """
    width = apd_ms / np.sqrt(np.log(10.0))
    last = width * np.sqrt(np.log(AMPLITUDE_MV / 1e-3))
    time = STEP_MS * np.arange(-round(UPSTROKE_MS / STEP_MS), np.ceil(last / STEP_MS) + 1)
    rise = np.clip(1.0 + time / UPSTROKE_MS, 0.0, 1.0)
    return time, REST_MV + AMPLITUDE_MV * rise * np.exp(-np.square(np.maximum(time, 0.0) / width))


@dataclass(frozen=True, eq=False)
class AtrialWave:
    """Atria of one heart, activated by the sinus node."""

    wall: AtrialWall
    activation: AtrialActivation
    settings: AtriaSettings

    @classmethod
    def of(cls, heart: Heart, settings: AtriaSettings) -> Self:
        """The atria above some ventricles.

        Args:
            heart: the ventricles.
            settings: a patient's.

        Raises:
            BadInput: the heart has no right ventricle, or the wall is too thick for it.
        """
        wall = AtrialWall.of(heart, settings.walls_mm, settings.size)
        wall = wall.turned(heart, settings.turns_deg)
        return cls(wall, AtrialActivation.of(wall, settings), settings)

    @property
    def places(self) -> np.ndarray:
        """Centroids [cell, 3] mm of the walls, at which lead-field gradients are needed."""
        return self.wall.muscle.centroids

    @property
    def pr_ms(self) -> float:
        """From the sinus node to the first activation of the ventricles."""
        return self.activation.av_node_ms + self.settings.av_delay_ms

    def potential(self, grad: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Electrode potentials of depolarisation and repolarisation.

        Args:
            grad: [electrode, cell, 3] kOhm/mm at `places`.
            time: [time] ms from the first activation of the ventricles, uniform.

        Returns:
            [electrode, time] mV.

        Raises:
            BadInput: the record starts after the P wave, or shapes that do not fit.
        """
        if time[0] > -self.pr_ms:
            raise BadInput(
                f"the P wave starts {self.pr_ms:.0f} ms before the QRS, the record "
                f"{-time[0]:.0f} ms; set atria.lead_in_ms to {np.ceil(self.pr_ms / 20 + 1) * 20:g}"
            )
        muscle = self.wall.muscle
        sigma_i = np.broadcast_to(
            self.settings.sigma_i_s_per_m * np.eye(3), (len(muscle.cells), 3, 3)
        )
        template = atrial_action_potential(self.settings.apd_ms)
        since = time + self.pr_ms
        return forward_potential(muscle, sigma_i, self.activation.time, grad, since, template)

    def ecg(self, mesh: TetMesh, fields: LeadFieldGradients, time: np.ndarray) -> np.ndarray:
        """`potential` in the 12 leads, by the lead fields of a torso.

        Args:
            mesh: of the torso, with the ventricles. fields: of the electrodes of the 12 leads.
            time: as of `potential`.

        Returns:
            [12, time] mV.

        Raises:
            BadInput: as `potential`.
        """
        potential = self.potential(fields.in_torso(mesh, self.places), time)
        return twelve_lead(fields.electrode_names.tolist(), potential)


def time_axis(ecg: EcgSettings, atria: AtriaSettings = OFF) -> np.ndarray:
    """Times [time] ms from the first activation of the ventricles.

    With atria the record starts earlier by whole steps; its other times stay the same.
    """
    time = ecg.start_ms + np.arange(0, ecg.duration_ms, ecg.dt_ms)
    if not atria.enabled:
        return time
    n_before = int(np.ceil(max(0.0, ecg.start_ms + atria.lead_in_ms) / ecg.dt_ms - 1e-9))
    return np.concatenate([ecg.start_ms - ecg.dt_ms * np.arange(n_before, 0, -1), time])
