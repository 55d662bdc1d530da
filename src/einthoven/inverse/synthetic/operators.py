"""Forward operators of one patient, by name: lead fields in the heart of several origins.

All are [electrode, heart cell, 3] gradients on the patient's own heart, so that one method can
reconstruct the same unknown with each (`synthetic.transmembrane`). What differs is who made them:
finite elements, boundary elements, a surrogate, a formula, or finite elements in a wrong torso.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

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
class Known:
    """What operators are made of.

    Attributes:
        patient: with anatomy, mesh, fibres and lead fields.
        config: conductivities.
        prediction: of the surrogate; None: there is none.
        other: the anatomy of another patient; None: there is none.
    """

    patient: Patient
    config: LeadFieldSettings
    prediction: Prediction | None = None
    other: Anatomy | None = None

    @property
    def lead_fields(self) -> LeadFields:
        """By finite elements; their electrodes are those of all operators."""
        return self.patient.lead_fields

    def gradients(self, grad: np.ndarray) -> LeadFieldGradients:
        """Of the patient's electrodes."""
        names, points = self.lead_fields.electrodes
        return LeadFieldGradients(names, points, grad)


class LeadFieldSource(ABC):
    """Gives lead fields; the subclasses have no settings but those in `Known`."""

    name: ClassVar[str]

    @abstractmethod
    def gradients(self, known: Known) -> LeadFieldGradients:
        """In the patient's heart.

        Raises:
            BadInput: what the operator is made of is missing or does not fit.
            NotConverged: of a linear solver.
        """


class FiniteElements(LeadFieldSource):
    """Those that the body potentials were simulated with."""

    name = "fem"

    def gradients(self, known: Known) -> LeadFieldGradients:
        """See `LeadFieldSource`."""
        return known.lead_fields.gradients(known.patient.heart, known.config.gradient)


class BoundaryElements(LeadFieldSource):
    """A torso of one conductivity, without blood and without the muscle's fibres."""

    name = "bem"

    def gradients(self, known: Known) -> LeadFieldGradients:
        """See `LeadFieldSource`."""
        anatomy, patient = known.patient.anatomy, known.patient
        vertices, faces = np.unique(anatomy.skin, return_inverse=True)
        skin = anatomy.points[vertices], faces.reshape(-1, 3)
        problem = LeadFieldProblem(BemBody(skin, known.config.sigma_torso_s_per_m))
        fields = problem.solve(known.lead_fields.electrode_points)
        return known.gradients(fields.gradient(patient.heart.centroids))


class SurrogateLeadFields(LeadFieldSource):
    """The network's prediction of a patient that no training saw."""

    name = "surrogate"

    def gradients(self, known: Known) -> LeadFieldGradients:
        """See `LeadFieldSource`."""
        if known.prediction is None:
            raise BadInput(f"{known.patient.name}: no prediction of a surrogate")
        names = known.prediction.needed("electrode_names")
        if not np.array_equal(names, known.lead_fields.electrode_names):
            raise BadInput(f"{known.patient.name}: the prediction is of other electrodes")
        return known.gradients(known.prediction.heart_grad)


class Pseudo(LeadFieldSource):
    """Eq. (11) of Dokuchaev 2026, doubled for the insulated skin."""

    name = "pseudo"

    def gradients(self, known: Known) -> LeadFieldGradients:
        """See `LeadFieldSource`."""
        centroids, points = known.patient.heart.centroids, known.lead_fields.electrode_points
        grad = pseudo_lead_field_grad(centroids, points, known.config.sigma_torso_s_per_m)
        return known.gradients(HALF_SPACE * grad)


class WrongTorso(LeadFieldSource):
    """Finite elements, the heart and its place as they are, in another torso."""

    @abstractmethod
    def skin(self, known: Known) -> MovedSkin:
        """The wrong one."""

    def gradients(self, known: Known) -> LeadFieldGradients:
        """See `LeadFieldSource`."""
        moved = self.skin(known)
        names, points = known.lead_fields.electrodes
        patient = with_skin(known.patient, moved)
        electrodes = type(known.lead_fields.electrodes)(names, moved.at(points))
        fields = solve_lead_fields(patient, electrodes, known.config)
        return known.gradients(fields.gradients(patient.heart, known.config.gradient).grad)


class SmallerTorso(WrongTorso):
    """A tenth smaller about the heart."""

    name = "torso-smaller"

    def skin(self, known: Known) -> MovedSkin:
        """See `WrongTorso`."""
        return MovedSkin.scaled(known.patient.anatomy, 0.9)


class LargerTorso(WrongTorso):
    """A tenth larger about the heart."""

    name = "torso-larger"

    def skin(self, known: Known) -> MovedSkin:
        """See `WrongTorso`."""
        return MovedSkin.scaled(known.patient.anatomy, 1.1)


class OtherTorso(WrongTorso):
    """That of another patient, the hearts at one place."""

    name = "torso-other"

    def skin(self, known: Known) -> MovedSkin:
        """See `WrongTorso`."""
        if known.other is None:
            raise BadInput(f"{known.patient.name}: no other patient whose torso could be taken")
        return MovedSkin.of_other(known.patient.anatomy, known.other)


OPERATORS: dict[str, LeadFieldSource] = {
    operator.name: operator
    for operator in (
        FiniteElements(),
        BoundaryElements(),
        SurrogateLeadFields(),
        Pseudo(),
        SmallerTorso(),
        LargerTorso(),
        OtherTorso(),
    )
}
"""Name -> operator."""
