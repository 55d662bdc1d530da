"""Lead fields of the nine electrodes by several forward models, for the same beats."""

from collections.abc import Callable, Sequence

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

SPHERE_MM = 100.0
"""Distance of Landajuela's electrodes from the centre of the heart's mesh."""


def lead_fields_of(
    patient: Patient, sigma: LeadFieldSettings, forward_models: Sequence[str]
) -> dict[str, np.ndarray]:
    """Gradients [9, heart cell, 3] kOhm/mm by forward model, as `core.names.STANDARD_ELECTRODES`.

    Args:
        patient: with anatomy and mesh; with lead fields for fem, with fibres for operator.
        sigma: the patient's conductivities, and the kind of gradient of nodal fields.
        forward_models: names in `FORWARD_MODELS`.

    Raises:
        BadInput: a stage or an electrode is missing.
    """
    return {name: FORWARD_MODELS[name](patient, sigma) for name in forward_models}


def fem(patient: Patient, sigma: LeadFieldSettings) -> np.ndarray:
    """Gradients of the stored finite-element lead fields."""
    nine = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    return nine.gradients(patient.heart, sigma.gradient).grad


def operator(patient: Patient, sigma: LeadFieldSettings) -> np.ndarray:
    """Gradients predicted by the shipped operator."""
    electrodes = patient.anatomy.twelve_lead_electrodes
    return Pretrained.load().predict(patient, electrodes, sigma).heart_grad


def pseudo(patient: Patient, sigma: LeadFieldSettings) -> np.ndarray:
    """Gradients in an infinite medium, for electrodes 100 mm from the centre of the heart."""
    heart = patient.heart
    centre = heart.points.mean(axis=0)
    offset = patient.anatomy.twelve_lead_electrodes.points - centre
    sphere = centre + SPHERE_MM * offset / np.linalg.norm(offset, axis=1, keepdims=True)
    return pseudo_lead_field_grad(heart.centroids, sphere, sigma.sigma_torso_s_per_m)


FORWARD_MODELS: dict[str, Callable[[Patient, LeadFieldSettings], np.ndarray]] = {
    "fem": fem,
    "operator": operator,
    "pseudo": pseudo,
}
"""Name in `config.imaging.ForwardName` -> its lead fields."""
