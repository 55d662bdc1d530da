"""ECGs from predicted lead fields."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.data.patient.stages import Ecg as PatientEcg
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.torso_fields import TorsoWithoutHeart
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg


def ecg_sd_share(ecg: np.ndarray, ecg_sd: np.ndarray) -> float:
    """`predicted_error.ECG_SD` of ECGs [scenario, lead, time] mV and their SD."""
    length = np.maximum(np.linalg.norm(ecg, axis=-1), np.finfo(np.float32).tiny)
    return float((np.linalg.norm(ecg_sd, axis=-1) / length).mean())


class PredictedFields(NamedTuple):
    """Predicted lead fields in the heart, and in the torso around it where there are atria."""

    names: np.ndarray
    """[electrode]."""
    points: np.ndarray
    """[electrode, 3] mm."""
    torso: TorsoWithoutHeart | None
    """The networks know the ventricles; the atria lie in the torso, which is solved once."""

    @classmethod
    def of(cls, prediction: Prediction, patient: Patient, settings: SimulationSettings) -> Self:
        """Lead fields of a prediction."""
        names, points = (prediction.needed(f"electrode_{key}") for key in ("names", "points"))
        sigma = settings.leadfield.sigma_torso_s_per_m
        with_atria = settings.atria.enabled
        torso = TorsoWithoutHeart(patient.anatomy, points, sigma) if with_atria else None
        return cls(names, points, torso)

    @property
    def nine(self) -> list[int]:
        """Rows of `core.names.STANDARD_ELECTRODES`."""
        return [self.names.tolist().index(name) for name in STANDARD_ELECTRODES]

    def gradients(self, rows: list[int], grad: np.ndarray) -> LeadFieldGradients:
        """Lead fields of some electrodes with gradients [row, heart cell, 3] kOhm/mm."""
        torso = self.torso
        around = torso and (lambda _, places: torso.gradients(places)[rows])
        return LeadFieldGradients(self.names[rows], self.points[rows], grad, around)


def with_ecg(
    prediction: Prediction,
    patient: Patient,
    activations: Sequence[Activation],
    settings: SimulationSettings,
) -> Prediction:
    """The prediction with the ECGs from its gradients; arguments as for `simulate_ecg`.

    With the gradients of the members of an ensemble it also has the SD of the ECG: ECGs are linear
    in the gradients, so it is the SD of the members' ECGs; and the error to expect of the ECG, if
    the ensemble knows it. P waves are by the torso without heart.
    """
    fields = PredictedFields.of(prediction, patient, settings)

    def ecg_of(rows: list[int], grad: np.ndarray) -> PatientEcg:
        return simulate_ecg(patient, fields.gradients(rows, grad), activations, settings)

    ecg, ecg_sd = ecg_of(list(range(len(fields.names))), prediction.heart_grad), None
    if prediction.member_grad is not None:
        members = [ecg_of(fields.nine, each).ecg for each in prediction.member_grad]
        ecg_sd = np.std(members, axis=0, ddof=1)
    model = prediction.ecg_error
    stated = model and ecg_sd is not None and model.at(ecg_sd_share(ecg.ecg, ecg_sd))
    return replace(
        prediction,
        expected_ecg=stated._asdict() if stated else None,
        potential=ecg.electrode_potential,
        ecg=ecg.ecg,
        ecg_sd=ecg_sd,
        scenarios=ecg.scenario,
        time=ecg.time,
    )
