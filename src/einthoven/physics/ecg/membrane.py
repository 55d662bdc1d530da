"""Sources of a heart for eq. (3) of Dokuchaev 2026, beside lead field and activation."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.forward import forward_potential, source_energy, transfer_matrix
from einthoven.physics.ecg.mixture import mixture_energy, mixture_potential
from einthoven.physics.electrophysiology.cells.condition import BASELINE, Condition
from einthoven.physics.electrophysiology.cells.family import (
    REPOLARISATION_STEP_MS,
    PotentialMixture,
    action_potential,
    family,
)
from einthoven.physics.electrophysiology.cells.ischaemia import Ischaemia
from einthoven.physics.electrophysiology.cells.plateaus import NOTCH_STEP_MS, members_of, shares_of
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS
from einthoven.physics.electrophysiology.repolarisation import (
    apd90_field,
    condition_of,
    plateau_field,
    template_apd90,
)
from einthoven.physics.electrophysiology.substrate.effects import added_duration, ischaemia_of
from einthoven.physics.leadfield.conductivity import intracellular, transversely_isotropic


@dataclass(frozen=True, eq=False)
class Membrane:
    """Cells and their coupling in one heart.

    Attributes:
        heart: its nodes and cells.
        sigma_i: [cell, 3, 3] intracellular conductivity, mS/mm.
        shares: [node, member] of `cells.plateaus.members_of`; None if all cells are the template.
        condition: rate and drug effect.
        ischaemia: share of ischaemic cells; None if there are none.
    """

    heart: Heart
    sigma_i: np.ndarray
    shares: np.ndarray | None = None
    condition: Condition = BASELINE
    ischaemia: Ischaemia | None = None

    @classmethod
    def of(
        cls, patient: Patient, leadfield: LeadFieldSettings, repolarisation: RepolarisationSettings
    ) -> Self:
        """Membrane of a patient with mesh, fibres and, for a field of durations, coordinates.

        A patient with a fitted beat has the durations, plateaus and conductivities of that.

        Raises:
            BadInput: stages that are missing or do not fit.
            NotConverged: the linear solver that smooths the durations failed.
        """
        if (fitted := patient.fitted) is not None:
            sigmas = fitted.sigma_il_s_per_m, fitted.sigma_it_s_per_m
            sigma_i = fitted.gain * transversely_isotropic(patient.fibers.f0, *sigmas)
            shares = shares_of(fitted.apd90, fitted.low_plateau)
            return cls(patient.heart, sigma_i, shares)
        sigma_i = intracellular(patient.fibers.f0, leadfield)
        durations, substrate = apd90_field(patient, repolarisation), patient.diseased
        if substrate is not None:
            durations = added_duration(substrate, durations)
            if (coupling := substrate.coupling) is not None:
                sigma_i = sigma_i * coupling[:, None, None]
        ischaemia = ischaemia_of(substrate)
        # the template alone needs no family
        alike = np.array_equal(durations, np.full_like(durations, template_apd90()))
        low = plateau_field(patient, repolarisation)
        if alike and low is None:
            return cls(patient.heart, sigma_i, ischaemia=ischaemia)
        return cls(patient.heart, sigma_i, shares_of(durations, low), ischaemia=ischaemia)

    def during(self, activation: Activation) -> Self:
        """The same cells at the rate and with the I_Kr of an activation's scenario.

        Raises:
            BadInput: as `condition_of`, or ischaemic cells at another condition.
        """
        condition = condition_of(activation)
        if self.ischaemia is not None and condition != BASELINE:
            raise BadInput(
                f"scenario {activation.scenario} ({condition}): there are ischaemic cells for "
                f"{BASELINE} only; take it out of ecg.scenarios, or set substrate.kind: scar"
            )
        return replace(self, condition=condition)

    @cached_property
    def template(self) -> tuple[np.ndarray, np.ndarray]:
        """Time [sample] ms and U [sample] mV."""
        return action_potential(self.condition, ECG_STEP_MS)

    @cached_property
    def mixture(self) -> PotentialMixture | None:
        """Contribution of cells with other durations and plateaus to V_m = U(t - tau), or None.

        Without it one sweep is sufficient, with bitwise the same result.
        """
        healthy = self._of_healthy_cells
        return healthy if self.ischaemia is None else self.ischaemia.added_to(healthy)

    @property
    def _of_healthy_cells(self) -> PotentialMixture | None:
        if self.shares is None:
            return None
        members = members_of(self.shares, self.condition)
        alike = members is family(self.condition)
        return members.mixture(self.shares, REPOLARISATION_STEP_MS if alike else NOTCH_STEP_MS)

    def last_repolarisation(self, tau: np.ndarray) -> float:
        """Time when all cells are 90 % repolarised, ms; tau [node] ms."""
        if self.shares is None:
            members = family(self.condition)
            return float(np.max(tau + members.apd90[members.template]))
        return float(np.max(tau + self.shares @ members_of(self.shares, self.condition).apd90))

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
        if self.mixture is not None:
            phi += mixture_potential(self.heart, self.sigma_i, tau, grad, time, self.mixture)
        return phi

    def resting_potential(self, grad: np.ndarray) -> np.ndarray:
        """Electrode potentials at rest [electrode] mV: - int G_i grad V_rest . grad Z dx.

        They are zero without ischaemia. An electrocardiograph does not see them: what it shows as
        the ST segment is the potential during the plateau minus this one (TQ depression), as in
        `potential`. grad [electrode, cell, 3] kOhm/mm.
        """
        if self.ischaemia is None:
            return np.zeros(len(grad))
        matrix = transfer_matrix(self.heart, self.sigma_i, grad)
        resting: np.ndarray = matrix @ self.ischaemia.rest
        return resting

    def energy(self, tau: np.ndarray) -> float:
        """C_Vm, the constant of the error bound of section 2.6; tau [node] ms.

        Returns:
            mS^2 mV^2 ms / mm.
        """
        if self.ischaemia is not None and self.mixture is not None:
            return mixture_energy(self.heart, self.sigma_i, tau, self.template, self.mixture)
        if self.shares is None:
            return source_energy(self.heart, self.sigma_i, tau, self.template)
        members = members_of(self.shares, self.condition)
        # low plateaus lack the peak of the upstroke, where the square of the rate is largest
        alike = members is family(self.condition)
        mixture = members.mixture(self.shares, REPOLARISATION_STEP_MS if alike else ECG_STEP_MS)
        return mixture_energy(self.heart, self.sigma_i, tau, self.template, mixture)
