"""Forward operators of one patient, by name: lead fields in the heart of several origins.

All are gradients [electrode, heart cell, 3] on the patient's own heart, so that one method can
reconstruct the same unknown with each (`synthetic.transmembrane`). They come from finite elements,
boundary elements, a surrogate, a formula, or finite elements in a wrong torso.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.other_torsos import MovedSkin, with_skin
from einthoven.learning.prediction.prediction import Prediction
from einthoven.numerics.bem.bem_body import BemBody
from einthoven.numerics.bem.leadfield import LeadFieldProblem
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.physics.leadfield.solve import solve_lead_fields

HALF_SPACE = 2.0
"""A point electrode on a plane insulated skin has twice the field of one in infinite space."""


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Data from which operators are made."""

    patient: Patient
    """Patient with anatomy, mesh, fibres and lead fields."""
    config: LeadFieldSettings
    """Conductivities."""
    prediction: Prediction | None = None
    """Prediction of the surrogate; None: there is none."""
    other: Anatomy | None = None
    """The anatomy of another patient; None: there is none."""

    @property
    def lead_fields(self) -> LeadFields:
        """Lead fields by finite elements; their electrodes are those of all operators."""
        return self.patient.lead_fields

    def gradients(self, grad: np.ndarray) -> LeadFieldGradients:
        """Gradients [electrode, heart cell, 3] with the patient's electrodes."""
        return LeadFieldGradients(*self.lead_fields.electrodes, grad)


def finite_elements(inputs: TransferInputs) -> LeadFieldGradients:
    """Lead fields that the body potentials were simulated with."""
    return inputs.lead_fields.gradients(inputs.patient.heart, inputs.config.gradient)


def boundary_elements(inputs: TransferInputs) -> LeadFieldGradients:
    """Lead fields in a torso of one conductivity, without blood and without the muscle's fibres."""
    anatomy = inputs.patient.anatomy
    vertices, faces = np.unique(anatomy.skin, return_inverse=True)
    skin = anatomy.points[vertices], faces.reshape(-1, 3)
    problem = LeadFieldProblem(BemBody(skin, inputs.config.sigma_torso_s_per_m))
    fields = problem.solve(inputs.lead_fields.electrode_points)
    return inputs.gradients(fields.gradient(inputs.patient.heart.centroids))


def surrogate(inputs: TransferInputs) -> LeadFieldGradients:
    """The network's prediction of a patient that no training saw.

    Raises:
        BadInput: no prediction, or one of other electrodes.
    """
    name = inputs.patient.name
    if inputs.prediction is None:
        raise BadInput(f"{name}: no prediction of a surrogate; run `einthoven predict` first")
    names = inputs.prediction.needed("electrode_names")
    if not np.array_equal(names, inputs.lead_fields.electrode_names):
        raise BadInput(f"{name}: the prediction is of other electrodes; predict this patient again")
    return inputs.gradients(inputs.prediction.heart_grad)


def pseudo(inputs: TransferInputs) -> LeadFieldGradients:
    """Eq. (11) of Dokuchaev 2026, doubled for the insulated skin."""
    grad = pseudo_lead_field_grad(
        inputs.patient.heart.centroids,
        inputs.lead_fields.electrode_points,
        inputs.config.sigma_torso_s_per_m,
    )
    return inputs.gradients(HALF_SPACE * grad)


def in_torso(inputs: TransferInputs, skin: MovedSkin) -> LeadFieldGradients:
    """Finite elements with the same heart in another torso.

    Raises:
        BadInput: the skin cuts the heart.
        NotConverged: the linear solver stopped above its tolerance.
    """
    names, points = inputs.lead_fields.electrodes
    patient = with_skin(inputs.patient, skin)
    electrodes = type(inputs.lead_fields.electrodes)(names, skin.at(points))
    fields = solve_lead_fields(patient, electrodes, inputs.config)
    return inputs.gradients(fields.gradients(patient.heart, inputs.config.gradient).grad)


def scaled_torso(inputs: TransferInputs, factor: float) -> LeadFieldGradients:
    """Finite elements in a torso scaled about the heart."""
    return in_torso(inputs, MovedSkin.scaled(inputs.patient.anatomy, factor))


def other_torso(inputs: TransferInputs) -> LeadFieldGradients:
    """Finite elements in the torso of another patient, with the hearts at one place.

    Raises:
        BadInput: no other patient.
    """
    if inputs.other is None:
        raise BadInput(f"{inputs.patient.name}: no other patient whose torso could be taken; "
                       "give one as `other`")  # fmt: skip
    return in_torso(inputs, MovedSkin.of_other(inputs.patient.anatomy, inputs.other))


OPERATORS: dict[str, Callable[[TransferInputs], LeadFieldGradients]] = {
    "fem": finite_elements,
    "bem": boundary_elements,
    "surrogate": surrogate,
    "pseudo": pseudo,
    "torso-smaller": partial(scaled_torso, factor=0.9),
    "torso-larger": partial(scaled_torso, factor=1.1),
    "torso-other": other_torso,
}
"""Name -> operator."""
