"""Lead-field gradients outside of the ventricles, for the P waves of learned lead fields.

Networks learn gradients in the ventricles only. Elsewhere in the torso the incident field, of the
torso without heart and lungs, is close to the whole one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.numerics.bem.bem_body import BemBody, closed_surface
from einthoven.numerics.bem.incident import coarsened
from einthoven.numerics.bem.leadfield import BoundaryLeadFields, LeadFieldProblem

WITHIN_BOX = 1e-6
"""mm; remeshing a skin may cut off its outermost points, which are moved into its box."""


@dataclass(frozen=True, eq=False)
class TorsoWithoutHeart:
    """Lead fields of a patient's torso as if it had no organs, by boundary elements.

    Attributes:
        anatomy: its skin.
        electrode_points: [electrode, 3] mm on the skin.
        sigma_torso: mS/mm.
    """

    anatomy: Anatomy
    electrode_points: np.ndarray
    sigma_torso: float

    @cached_property
    def fields(self) -> BoundaryLeadFields:
        """Lead fields of the homogeneous torso of 1 mS/mm.

        Raises:
            BadInput: the skin is not closed, or an electrode is off it.
        """
        skin = coarsened(closed_surface("skin", self.anatomy.surfaces.closed("torso")))
        return LeadFieldProblem(BemBody(skin)).solve(np.asarray(self.electrode_points, float))

    def __call__(self, mesh: TetMesh, places: np.ndarray) -> np.ndarray:
        """The gradients as `data.patient.leadfields.TorsoGradients`; the mesh is not used."""
        return self.gradients(places)

    def gradients(self, places: np.ndarray) -> np.ndarray:
        """Gradients [electrode, place, 3] kOhm/mm at places [place, 3] mm."""
        box = self.fields.box + WITHIN_BOX * np.array([[1.0], [-1.0]])
        inside = np.clip(np.asarray(places, float), *box)
        return self.fields.gradient(inside) / self.sigma_torso
