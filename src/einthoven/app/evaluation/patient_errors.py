"""One patient: reference fields and ECGs, and the errors of a prediction against them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.names import PRECORDIAL_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.base.metrics import fields as metrics
from einthoven.base.metrics import reliability
from einthoven.base.metrics.bounds import Bound, activation_bound
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples
from einthoven.data.patient.stages import Ecg
from einthoven.learning.prediction.prediction import Prediction
from einthoven.physics.ecg.intervals import qrs_amplitude, qrs_duration

HEART_MARGIN_MM = 10.0
ANGLE_LEVELS = np.linspace(0.0, 60.0, 601)
"""Angles in degrees at which distributions of angular errors are tabulated."""
MAGNITUDE_LEVELS = np.linspace(0.0, 1.5, 601)
"""Relative errors at which distributions of magnitude errors are tabulated."""


@dataclass(frozen=True)
class ReferenceFields:
    """Finite-element results of a patient."""

    heart: Heart
    field: FieldSamples
    ecg: Ecg
    heart_grad: np.ndarray
    """[electrode, heart cell, 3] kOhm/mm."""

    @classmethod
    def of(cls, patient: Patient, gradient: str) -> Self:
        """References of a patient with mesh, lead fields, ECG and field samples.

        Args:
            gradient: recovered or raw, as those of the field samples and of the ECG.

        Raises:
            BadInput: a stage is missing, or stages disagree about the electrodes.
        """
        field, heart, lead_fields = patient.field, patient.heart, patient.lead_fields
        if field.electrode_names.tolist() != lead_fields.electrode_names.tolist():
            raise BadInput(f"{patient.where}: lead field and field name other electrodes")
        return cls(heart, field, patient.ecg, lead_fields.gradients(heart, gradient).grad)

    @property
    def name(self) -> str:
        """Name of the patient."""
        return self.field.patient

    @property
    def electrode_names(self) -> list[str]:
        """Names [electrode]."""
        return [str(name) for name in self.field.electrode_names]

    @property
    def scenarios(self) -> list[str]:
        """Names [scenario]."""
        return [str(name) for name in self.ecg.scenario]

    @property
    def near_heart(self) -> np.ndarray:
        """Points [point] in the myocardium or within 10 mm of a heart surface."""
        surface_mm = np.abs(self.field.field_sdf[:, 1:]).min(axis=1)
        inside = self.field.field_tissue == Tissue.MYOCARDIUM
        return inside | (surface_mm <= HEART_MARGIN_MM)


def load_prediction(path: str | Path, reference: ReferenceFields) -> Prediction:
    """A prediction of the same electrodes and scenarios as the reference.

    Raises:
        BadInput: missing, broken, or with other electrodes or scenarios.
    """
    found = Prediction.load(path)
    for key, want in (("electrode_names", reference.electrode_names),
                      ("scenarios", reference.scenarios)):  # fmt: skip
        if [str(value) for value in found.needed(key)] != want:
            raise BadInput(f"{path}: other {key} than the reference; predict again")
    return found


@dataclass(frozen=True)
class PatientErrors:
    """Errors of one prediction for one patient."""

    values: dict[str, float]
    """Mean errors; the unit is in the key."""
    electrode_deg: np.ndarray
    """[electrode] mean angular error in the heart."""
    distributions: dict[str, np.ndarray]
    """[level] shares of points, over `ANGLE_LEVELS` (_deg) or `MAGNITUDE_LEVELS` (_rel)."""
    reliability: np.ndarray | None = None
    """[2, group] predicted and measured median error, for an ensemble."""


def patient_errors(reference: ReferenceFields, predicted: Prediction) -> PatientErrors:
    """All errors of section 2.6: plain means over points and electrodes (leads, scenarios).

    Angular errors without a region are those at all cell centroids of the myocardium.

    Raises:
        BadInput: shapes differ or a value is not finite.
    """
    field_grad = predicted.needed("field_grad")
    heart = metrics.angular_error_deg(predicted.heart_grad, reference.heart_grad)
    body = metrics.angular_error_deg(field_grad, reference.field.field_grad)
    size = metrics.magnitude_error(predicted.heart_grad, reference.heart_grad)
    size_rel = metrics.magnitude_error_rel(predicted.heart_grad, reference.heart_grad)
    body_rel = metrics.magnitude_error_rel(field_grad, reference.field.field_grad)
    near = reference.near_heart
    chest = [i for i, n in enumerate(reference.electrode_names) if n in PRECORDIAL_ELECTRODES]
    weighted = metrics.weighted_mean(heart, reference.heart.volumes)
    values = {
        "angular_error_deg": heart.mean(),
        "angular_error_volume_weighted_deg": weighted.mean(),
        "angular_error_heart10_deg": body[:, near].mean(),
        "angular_error_torso_deg": body.mean(),
        "magnitude_error_kohm_per_mm": size.mean(),
        "magnitude_error_rel": size_rel.mean(),
        **_ecg_errors(predicted.needed("ecg"), reference),
        "bound_sharpness_max": _bound(reference, predicted).sharpness.max(),
        **predicted.seconds,
    }
    if chest:
        values["angular_error_precordial_deg"] = heart[chest].mean()
    distributions = {
        "heart_deg": metrics.cdf(heart, ANGLE_LEVELS),
        "heart10_deg": metrics.cdf(body[:, near], ANGLE_LEVELS),
        "torso_deg": metrics.cdf(body, ANGLE_LEVELS),
        "heart10_rel": metrics.cdf(body_rel[:, near], MAGNITUDE_LEVELS),
        "torso_rel": metrics.cdf(body_rel, MAGNITUDE_LEVELS),
    }
    curve = None
    if (sd := predicted.heart_sd_deg) is not None:
        values |= reliability.calibration_metrics(heart, sd, predicted.n_members)
        curve = reliability.reliability(heart, sd, predicted.n_members)
    plain = {key: float(value) for key, value in values.items()}
    return PatientErrors(plain, heart.mean(axis=1), distributions, curve)


def _bound(reference: ReferenceFields, predicted: Prediction) -> Bound:
    """The Cauchy-Schwarz bound of section 2.6 for every scenario and electrode.

    Raises:
        StepFailed: it is violated, so ECG and gradients are inconsistent.
    """
    ecg = reference.ecg
    bound = activation_bound(
        ecg.needed("source_energy"),
        reference.heart.volumes,
        predicted.heart_grad - reference.heart_grad,
        predicted.needed("potential") - ecg.electrode_potential,
        float(ecg.time[1] - ecg.time[0]),
    )
    if not bound.holds.all():
        raise StepFailed(
            f"{reference.name}: the ECG error exceeds its bound by the gradient error "
            f"{bound.sharpness.max():.3g} times; ECG and gradients are from different models"
        )
    return bound


def _ecg_errors(ecg: np.ndarray, reference: ReferenceFields) -> dict[str, float]:
    """Waveform errors per lead, then the mean over leads and scenarios; QRS likewise."""
    true, time = reference.ecg.ecg, reference.ecg.time
    relative = metrics.rel_l2(ecg, true)  # [scenario, lead]
    values: dict[str, float] = {
        "ecg_rel_l2": relative.mean(),
        "ecg_rel_mse": (relative**2).mean(),
    }
    for scenario, row in zip(reference.scenarios, relative):
        values[f"ecg_rel_l2_{scenario}"] = row.mean()
    amplitude = [qrs_amplitude(a, time) - qrs_amplitude(b, time) for a, b in zip(ecg, true)]
    duration = [qrs_duration(a, time) - qrs_duration(b, time) for a, b in zip(ecg, true)]
    values["qrs_amplitude_error_mv"] = np.abs(amplitude).mean()
    values["qrs_duration_error_ms"] = np.abs(duration).mean()
    return values
