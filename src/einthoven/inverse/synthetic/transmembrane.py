"""Transmembrane potentials on a closed surface as the unknown, for lead fields of any origin.

A lead field extends into the heart, so that with it the unknown is V_m itself. Where intra- and
extracellular conductivity have the same anisotropy, div G_i grad Z = 0 in the heart and only V_m on
its whole surface, endo- and epicardium, makes a potential: the equivalent double layer. Elsewhere
that holds approximately, and V_m is continued inside without sources of its own.

References:
    Geselowitz, Proc IEEE 77:857 (1989), doi:10.1109/5.29327.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.base.core.tags import BOUNDARY, Tissue
from einthoven.base.geometry.barycentric import tie
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.base.geometry.simplex import sparse_rows
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.ecg.forward import transfer_matrix


@dataclass(frozen=True, eq=False)
class SurfaceSource:
    """V_m on the closed surface of the muscle, on other triangles than those of its mesh."""

    heart: Heart
    """Nodes and cells."""
    sigma_i: np.ndarray
    """[cell, 3, 3] intracellular conductivity, mS/mm."""
    surface: SourceSurface
    """Endo-, epicardium and base, outward from the muscle."""

    @classmethod
    def of(cls, heart: Heart, sigma_i: np.ndarray, edge_mm: float) -> Self:
        """Source on triangles of an edge length, mm.

        Raises:
            StepFailed: the remeshing fails.
        """
        nodes, faces = closed_surface(heart)
        surface = SourceSurface(*remesh_closed(heart.points[nodes], faces, edge_mm))
        return cls(heart, sigma_i, surface)

    @cached_property
    def boundary(self) -> np.ndarray:
        """Ids of the heart's nodes on its surface: [boundary node]."""
        return closed_surface(self.heart)[0]

    @cached_property
    def interpolation(self) -> sp.csr_array:
        """Interpolation from the surface to boundary nodes: [boundary node, surface node], 1."""
        surface = self.surface
        places = TriangleTree(surface.points, surface.faces).closest(
            self.heart.points[self.boundary]
        )
        weights = tie(surface.points, surface.faces[places.faces], places.points)
        return sparse_rows(weights.vertices, weights.weights, len(surface.points))

    @cached_property
    def nearest(self) -> np.ndarray:
        """Ids of the heart's nearest boundary nodes, with the true V_m: [surface node]."""
        tree = cKDTree(self.heart.points[self.boundary])
        return self.boundary[tree.query(self.surface.points)[1]]

    def transfer(self, lead_fields: LeadFieldGradients) -> np.ndarray:
        """Potentials at the electrodes per V_m on the surface.

        Inside, V_m solves div G_i grad V_m = 0. The adjoint equation is solved: one solution per
        electrode instead of one per node of the surface.

        Returns:
            [electrode, surface node], 1. Rows sum to zero, as a constant V_m has no potential.
            Columns sum to zero, as the reference is the mean of the electrodes: lead fields have
            other references than recordings.

        Raises:
            BadInput: lead fields of another mesh.
            NotConverged: the linear solver stopped above its tolerance.
        """
        whole = transfer_matrix(self.heart, self.sigma_i, lead_fields.grad)  # [electrode, node]
        inside = np.setdiff1d(np.arange(len(self.heart.points)), self.boundary)
        matrix = whole[:, self.boundary]
        if len(inside):
            rows = stiffness(self.heart.points, self.heart.cells, self.sigma_i)[inside]
            solver = make_solver("auto", rows[:, inside], len(whole))
            matrix = matrix - (rows[:, self.boundary].T @ solver.solve(whole[:, inside].T).x).T
        return referenced(matrix @ self.interpolation)


def referenced(potentials: np.ndarray) -> np.ndarray:
    """Potentials [electrode, ...] relative to the mean of all electrodes."""
    return potentials - potentials.mean(axis=0)


def closed_surface(heart: Heart) -> tuple[np.ndarray, np.ndarray]:
    """Node ids [boundary node] of the heart, and triangles [face, 3] of them, out of the muscle."""
    inward = [tag for tag, sign in BOUNDARY[Tissue.MYOCARDIUM].items() if sign < 0]
    flipped = np.isin(heart.facet_tags, inward)
    faces = np.where(flipped[:, None], heart.facets[:, ::-1], heart.facets)
    nodes, inverse = np.unique(faces, return_inverse=True)
    return nodes, inverse.reshape(-1, 3)
