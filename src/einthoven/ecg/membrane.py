"""The sources of a heart: what eq. (3) of Dokuchaev 2026 needs beside lead field and activation."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.config.models import Leadfield
from einthoven.config.repolarisation import Repolarisation
from einthoven.ecg.forward import forward_potential, source_energy
from einthoven.ecg.mixture import mixture_energy, mixture_potential
from einthoven.electrophysiology.cells.family import Mixture
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.electrophysiology.repolarisation import cell_mixture
from einthoven.leadfield.conductivity import intracellular
from einthoven.patient.heart import Heart
from einthoven.patient.patient import Patient


@dataclass(frozen=True, eq=False)
class Membrane:
    """Cells and their coupling in one heart.

    Attributes:
        heart: its nodes and cells.
        sigma_i: [cell, 3, 3] intracellular conductivity, mS/mm.
        template: time [sample] ms and U [sample] mV.
        mixture: what cells of other durations add to V_m = U(t - tau).
    """

    heart: Heart
    sigma_i: np.ndarray
    template: tuple[np.ndarray, np.ndarray]
    mixture: Mixture

    @classmethod
    def of(cls, patient: Patient, leadfield: Leadfield, repolarisation: Repolarisation) -> Self:
        """Of a patient with mesh, fibres and, for a field of durations, ventricular coordinates.

        Raises:
            BadInput: stages that are missing or do not fit.
            NotConverged: of the linear solver that smooths the durations.
        """
        sigma_i = intracellular(patient.fibers.f0, leadfield)
        mixture = cell_mixture(patient, repolarisation)
        return cls(patient.heart, sigma_i, template(ECG_STEP_MS), mixture)

    @property
    def is_homogeneous(self) -> bool:
        """Whether all cells are the template's; then one sweep is all, to the bit."""
        return len(self.mixture.v_m) == 0

    def potential(self, tau: np.ndarray, grad: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Electrode potentials [electrode, time] mV of one activation.

        Args:
            tau: [node] ms.
            grad: [electrode, cell, 3] kOhm/mm.
            time: [time] ms, uniform.

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        phi = forward_potential(self.heart, self.sigma_i, tau, grad, time, self.template)
        if not self.is_homogeneous:
            phi += mixture_potential(self.heart, self.sigma_i, tau, grad, time, self.mixture)
        return phi

    def energy(self, tau: np.ndarray) -> float:
        """C_Vm, the constant of the error bound of section 2.6; tau [node] ms.

        Returns:
            mS^2 mV^2 ms / mm.
        """
        if self.is_homogeneous:
            return source_energy(self.heart, self.sigma_i, tau, self.template)
        return mixture_energy(self.heart, self.sigma_i, tau, self.template, self.mixture)
