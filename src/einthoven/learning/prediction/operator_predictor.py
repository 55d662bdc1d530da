"""Lead fields of any patient by an operator: no code, no encoder, no finite elements.

Boundary elements solve for the incident field of the patient's torso without heart. The operator
adds the effect of the heart. Gradients are in the patient frame and in kOhm/mm.
"""

import time as clock
from dataclasses import dataclass, replace

import numpy as np
import torch

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.data.patient.anatomy import Anatomy, Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.torso_fields import TorsoWithoutHeart
from einthoven.learning.surrogate.operator.inputs import HeartPoints, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.task import torch_threads


@dataclass(frozen=True)
class OperatorPredictor:
    """A trained operator as a predictor of patients."""

    operator: OperatorEnsemble
    """One network, or an ensemble, which also gives its uncertainty."""

    def predict(
        self,
        patient: Patient,
        electrodes: Electrodes,
        sigma: LeadFieldSettings,
        machine: Machine = ONE_CORE,
        field: bool = False,
    ) -> Prediction:
        """Gradients in the heart for all electrodes, and at the field samples on request.

        `seconds_inputs` is the time of the incident field and of the geometry around each point,
        `seconds_network` that of the operator; `seconds_per_lead` divides both by the electrodes.

        Args:
            patient: with anatomy, mesh and fibres, and with field samples if `field`.
            electrodes: on the skin.
            sigma: the patient's conductivities.
            machine: its threads are also those of the timing.
            field: also predict at the field samples, for the same electrodes. Outside the
                myocardium, which the operator does not cover, the gradients are those of the torso
                without heart and lungs. Not timed.

        Raises:
            BadInput: shapes do not fit, values are not finite, electrodes off the skin, or field
                samples of other electrodes.
        """
        anatomy = patient.anatomy
        with torch_threads(machine.n_threads):
            start = clock.perf_counter()
            heart = HeartPoints.of_cells(patient)
            inputs = OperatorInputs.of(anatomy, heart, electrodes.points, sigma, machine.n_threads)
            begin = clock.perf_counter()
            grad, sd = self.operator.predict(inputs)
            end = clock.perf_counter()
            check = self.operator.check(inputs, None if sd is None else float(sd.mean()))
            wanted = patient.has("activations") and len(self.operator.networks) > 1
            members = self._members(inputs, electrodes.names.tolist()) if wanted else None
            field_grad = self._at_field_samples(patient, electrodes, sigma) if field else None
        return Prediction(
            heart_grad=_in_patient_frame(grad, anatomy, sigma),
            field_grad=field_grad,
            electrode_names=np.asarray(electrodes.names),
            electrode_points=electrodes.points,
            heart_sd_deg=sd,
            member_grad=None if members is None else _in_patient_frame(members, anatomy, sigma),
            seconds={
                "seconds_inputs": begin - start,
                "seconds_network": end - begin,
                "seconds_per_lead": (end - start) / len(grad),
            },
            n_members=len(self.operator.networks),
            out_of_distribution=check.to_json(),
            ecg_error=self.operator.ecg_error,
            about={"patient": patient.name, "model": "operator", "n_points": len(heart.points),
                   "threads": machine.n_threads},
        )  # fmt: skip

    def _members(self, inputs: OperatorInputs, names: list[str]) -> np.ndarray | None:
        """`Prediction.member_grad`, in the operator's frame and unit."""
        if not set(STANDARD_ELECTRODES) <= set(names):
            return None
        nine = torch.tensor([names.index(name) for name in STANDARD_ELECTRODES])
        seen = inputs._replace(incident=inputs.incident[nine])
        alone = (replace(self.operator, networks=(n,)) for n in self.operator.networks)
        grads = np.stack([member.predict(seen)[0] for member in alone])
        mean = grads.mean(axis=0)
        return mean + self.operator.ecg_factor * (grads - mean)

    def _at_field_samples(
        self, patient: Patient, electrodes: Electrodes, sigma: LeadFieldSettings
    ) -> np.ndarray:
        """Gradients [electrode, point, 3] kOhm/mm at the points of the field samples."""
        field, anatomy, heart = patient.field, patient.anatomy, HeartPoints.of_samples(patient)
        if not np.array_equal(field.electrode_names, electrodes.names):
            raise BadInput(f"{patient.name}: the field samples are of other electrodes")
        inside = field.field_tissue == Tissue.MYOCARDIUM
        inputs = OperatorInputs.of(anatomy, heart, electrodes.points, sigma)
        found = np.empty((*field.field_grad.shape[:2], 3), np.float32)
        found[:, inside] = _in_patient_frame(self.operator.predict(inputs)[0], anatomy, sigma)
        torso = TorsoWithoutHeart(anatomy, electrodes.points, sigma.sigma_torso_s_per_m)
        found[:, ~inside] = torso.gradients(field.field_points[~inside])
        return found


def _in_patient_frame(grad: np.ndarray, anatomy: Anatomy, sigma: LeadFieldSettings) -> np.ndarray:
    """Gradients [..., 3] kOhm/mm in the patient frame, from the heart frame and 1/mm^2."""
    turn = anatomy.heart_rotation.T / sigma.sigma_torso_s_per_m
    return (grad @ turn.astype(np.float32)).astype(np.float32, copy=False)
