"""The transfer matrix by finite elements, from a patient's tetrahedra.

The heart is cut out of the body; on its surface the potential is prescribed, the skin is
insulated, and lungs and blood outside the surface keep their conductivities. What lies inside the
surface, anisotropic muscle and all sources, plays no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import BOUNDARY, CLOSED_SURFACES, Surface, Tissue
from einthoven.base.geometry.simplex import unique_sides
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.mesh import TetMesh
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces

BLOOD = (Tissue.LV_BLOOD, Tissue.RV_BLOOD)


@dataclass(frozen=True)
class PotentialSurface:
    """Tagged surfaces that hold the potential, and the tissues inside them."""

    sides: Mapping[Surface, int]
    """1 where the tagged triangles point out of the heart, -1 where into it."""
    inside: tuple[Tissue, ...]

    def faces(self, mesh: TetMesh) -> np.ndarray:
        """Triangles that point out of the heart: [face, 3]."""
        parts = [mesh.surfaces.tagged(tag)[:, ::side] for tag, side in self.sides.items()]
        return np.concatenate(parts)


HEART_SURFACES = {
    "epicardium": PotentialSurface(
        dict.fromkeys(CLOSED_SURFACES["epi"], 1), (Tissue.MYOCARDIUM, *BLOOD)
    ),
    "myocardium": PotentialSurface(BOUNDARY[Tissue.MYOCARDIUM], (Tissue.MYOCARDIUM,)),
}
"""epicardium: one shell of epicardium, base and the caps that close the valves. myocardium: epi-
and endocardium with the base between them; the blood is part of the conductor outside."""


@dataclass(frozen=True)
class FemTransfer:
    """A transfer matrix and the surface that its columns belong to."""

    matrix: np.ndarray
    """[electrode, node] 1; rows sum to one."""
    surface: SourceSurface
    """A surface of the mesh, outward."""


def fem_transfer(
    mesh: TetMesh,
    electrode_points: np.ndarray,
    config: LeadFieldSettings,
    heart: str = "epicardium",
) -> FemTransfer:
    """Potentials at skin electrodes from those on the heart's surface, P1 elements.

    One solve per electrode: with A the stiffness of all that is outside the heart, f its free and
    h its prescribed nodes, and w an electrode's weights, a row is - w' A_ff^-1 A_fh.

    Args:
        mesh: of a patient.
        electrode_points: [electrode, 3] mm, on the skin.
        config: conductivities of torso, lungs and blood, and the solver.
        heart: the surface that holds the potential: one of `HEART_SURFACES`.

    Returns:
        The matrix and its surface.

    Raises:
        BadInput: an unknown surface; a mesh whose torso does not end at the skin and that
            surface; electrodes off the skin.
        NotConverged: the linear solve failed.
    """
    if heart not in HEART_SURFACES:
        raise BadInput(f"heart: {heart!r} is none of {', '.join(HEART_SURFACES)}")
    faces = HEART_SURFACES[heart].faces(mesh)
    outside = ~np.isin(mesh.cell_tags, HEART_SURFACES[heart].inside)
    _check_boundary(mesh, mesh.cells[outside], faces, heart)
    used, cells = np.unique(mesh.cells[outside], return_inverse=True)
    tensors = _conductivity(mesh.cell_tags[outside], config)
    matrix = stiffness(mesh.points[used], cells.reshape(-1, 4), tensors)
    weights = electrode_weights(mesh.points, skin_faces(mesh), electrode_points)[:, used]
    held = np.isin(used, faces)
    rows = matrix[~held]
    solver = make_solver(config.solver, rows[:, ~held], weights.shape[0], config.solver_tolerance)
    found = solver.solve(sp.csc_array(weights[:, ~held].T)).x
    surface = SourceSurface(*compact(mesh.points, faces))  # nodes in the order of `used`
    return FemTransfer(-(rows[:, held].T @ found).T, surface)


def _conductivity(tags: np.ndarray, config: LeadFieldSettings) -> np.ndarray:
    """[cell, 3, 3] mS/mm of tissues without muscle."""
    sigma = {
        Tissue.TORSO: config.sigma_torso_s_per_m,
        Tissue.LUNG: config.sigma_lung_s_per_m,
        **dict.fromkeys(BLOOD, config.sigma_blood_s_per_m),
    }
    if unknown := set(np.unique(tags).tolist()) - set(sigma):
        raise BadInput(f"cell_tags: unknown tags {sorted(unknown)}; see core.tags.Tissue")
    return np.array([sigma[Tissue(tag)] for tag in tags])[:, None, None] * np.eye(3)


def _check_boundary(mesh: TetMesh, cells: np.ndarray, faces: np.ndarray, heart: str) -> None:
    """The region outside the heart ends only at the skin and at the heart's surface."""
    skin = skin_faces(mesh)
    if not len(faces) or np.isin(skin, faces).any():
        raise BadInput(f"facets: none is tagged as {heart}, or it touches the skin")
    sides, count = unique_sides(
        cells[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]].reshape(-1, 3)
    )
    ends, _ = unique_sides(np.concatenate([skin, faces]))
    if not np.array_equal(sides[count == 1], ends):
        raise BadInput(
            f"facets: skin and {heart} are not the whole boundary of the cells outside the heart; "
            "are tags of cells or facets missing?"
        )
