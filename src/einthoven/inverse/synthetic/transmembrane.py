"""Transmembrane potentials on a closed surface as the unknown, for lead fields of any origin.

A lead field knows the inside of the heart, so that with it the unknown is V_m itself. Where
intra- and extracellular conductivity have the same anisotropy, div G_i grad Z = 0 in the heart and
only V_m on its whole surface, endo- and epicardium, makes a potential (the equivalent double layer:
Geselowitz 1989, doi:10.1109/5.29327). Elsewhere that is nearly so, and V_m is continued inside
without sources of its own.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.base.core.tags import BOUNDARY, Tissue
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.ecg.forward import transfer_matrix


@dataclass(frozen=True, eq=False)
class SurfaceSource:
    """V_m on the closed surface of the muscle, on other triangles than the heart's mesh has.

    Attributes:
        heart: its nodes and cells.
        sigma_i: [cell, 3, 3] intracellular conductivity, mS/mm.
        surface: endo-, epicardium and base, outward from the muscle.
    """

    heart: Heart
    sigma_i: np.ndarray
    surface: SourceSurface

    @classmethod
    def of(cls, heart: Heart, sigma_i: np.ndarray, edge_mm: float) -> Self:
        """A surface of triangles of a given size.

        Raises:
            StepFailed: the remeshing fails.
        """
        nodes, faces = closed_surface(heart)
        return cls(
            heart, sigma_i, SourceSurface(*remesh_closed(heart.points[nodes], faces, edge_mm))
        )

    @cached_property
    def boundary(self) -> np.ndarray:
        """[boundary node] ids of the heart's nodes on its surface."""
        return closed_surface(self.heart)[0]

    @cached_property
    def interpolation(self) -> sp.csr_array:
        """V_m at the boundary nodes of V_m on the surface: [boundary node, surface node], 1."""
        return interpolation(self.surface, self.heart.points[self.boundary])

    @cached_property
    def nearest(self) -> np.ndarray:
        """[surface node] ids of the heart's nearest boundary nodes, by which it is judged."""
        tree = cKDTree(self.heart.points[self.boundary])
        return self.boundary[tree.query(self.surface.points)[1]]

    def transfer(self, lead_fields: LeadFieldGradients) -> np.ndarray:
        """Potentials at the electrodes of V_m on the surface.

        Inside, V_m solves div G_i grad V_m = 0. That is done from the other side: one solution an
        electrode, not one a node of the surface.

        Returns:
            [electrode, surface node], 1. Rows sum to zero, as a constant V_m has no potential, and
            columns too: relative to the mean of the electrodes, as lead fields have references of
            their own that no recording knows.

        Raises:
            BadInput: lead fields of another mesh.
            NotConverged: of the linear solver.
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
    turned = np.isin(heart.facet_tags, inward)
    faces = np.where(turned[:, None], heart.facets[:, ::-1], heart.facets)
    nodes, inverse = np.unique(faces, return_inverse=True)
    return nodes, inverse.reshape(-1, 3)


def interpolation(surface: SourceSurface, points: np.ndarray) -> sp.csr_array:
    """Weights [point, surface node] of linear functions at the closest places of a surface."""
    found = TriangleTree(surface.points, surface.faces).closest(points)
    corners = surface.faces[found.faces]
    a, b, c = (surface.points[corners[:, k]] for k in range(3))
    basis = np.stack([a - c, b - c], axis=2)  # [point, 3, 2]
    two = (np.linalg.pinv(basis) @ (found.points - c)[:, :, None])[:, :, 0]
    weights = np.clip(np.c_[two, 1.0 - two.sum(axis=1)], 0.0, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), 3)
    entries = (weights.ravel(), (rows, corners.ravel()))
    return sp.csr_array(sp.coo_array(entries, shape=(len(points), len(surface.points))))
