"""The same heart in another torso, for the cost of a wrong body.

The mesh keeps its cells. Nodes of the heart stay, those of the skin go to the other torso, and
between them the displacement solves Laplace's equation.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.laplace import DirichletSets, solve_laplace


@dataclass(frozen=True, eq=False)
class MovedSkin:
    """The skin of an anatomy in other places."""

    anatomy: Anatomy
    points: np.ndarray
    """[vertex, 3] mm, all vertices of the anatomy, of which those of the skin are used."""

    @classmethod
    def scaled(cls, anatomy: Anatomy, factor: float) -> Self:
        """A torso scaled about the heart's origin."""
        centre = anatomy.heart_origin
        return cls(anatomy, centre + factor * (anatomy.points - centre))

    @classmethod
    def of_other(cls, anatomy: Anatomy, other: Anatomy) -> Self:
        """The torso of another patient, with the hearts' origins at one place.

        Raises:
            BadInput: their skins have other triangles, of other atlases or resolutions.
        """
        if not np.array_equal(anatomy.skin, other.skin):
            raise BadInput(
                f"{other.patient}: another triangulation of the skin than {anatomy.patient} has; "
                "take a patient of the same atlas and resolution"
            )
        points = anatomy.points.copy()
        skin = np.unique(anatomy.skin)
        points[skin] = other.points[skin] - other.heart_origin + anatomy.heart_origin
        return cls(anatomy, points)

    def at(self, places: np.ndarray) -> np.ndarray:
        """Places [place, 3] mm on the first skin, moved with it: [place, 3] mm."""
        return attach(self.anatomy.points, self.anatomy.skin, places).on(self.points)


def with_skin(patient: Patient, moved: MovedSkin) -> Patient:
    """Patient with the same heart and fibres, in another torso with electrodes on it.

    Raises:
        BadInput: the other skin is so near to the heart that tetrahedra are inverted.
    """
    mesh, anatomy = patient.mesh, patient.anatomy
    skin = np.unique(mesh.facets[mesh.facet_tags == Surface.SKIN])
    shift = moved.at(mesh.points[skin]) - mesh.points[skin]
    points = mesh.points + _spread(mesh, skin, shift)
    if n := int((tet_volumes(points, mesh.cells) <= 0).sum()):
        raise BadInput(
            f"{patient.name}: {n} tetrahedra are inverted in the other torso; take a larger one"
        )
    sites = moved.at(anatomy.site_points)
    return patient.with_stages(
        replace(mesh, points=points),
        replace(anatomy, points=moved.points, site_points=sites),
    )


def _spread(mesh: TetMesh, skin: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Displacements [node, 3] mm of those [skin node, 3] on the skin, none in the heart."""
    in_heart = np.isin(mesh.cell_tags, (Tissue.MYOCARDIUM, Tissue.LV_BLOOD, Tissue.RV_BLOOD))
    heart = np.unique(mesh.cells[in_heart])
    problems: list[DirichletSets] = [[(heart, 0.0), (skin, along)] for along in shift.T]
    return solve_laplace(mesh.points, mesh.cells, problems).T
