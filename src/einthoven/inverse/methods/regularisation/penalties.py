"""Quadratic penalties |L u|^2 of potentials on a closed surface, and the inverse of L."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surface_operators import surface_gradient
from einthoven.inverse.problem.inverse_problem import SourceSurface


class Penalty(ABC):
    """L, and L^- with L L^- L = L; where L has a null space, that is the constants."""

    free_constant: bool
    """Whether L 1 = 0."""

    @property
    @abstractmethod
    def operator(self) -> sp.csr_array | np.ndarray:
        """L: [row, node]."""

    @abstractmethod
    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Matrix L^- of a matrix [row, node] with rows that sum to zero if L 1 = 0."""

    @abstractmethod
    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """L^- values for values [row, column] in the range of L: [node, column]."""

    def least_squares(self, values: np.ndarray) -> np.ndarray:
        """Minimum of |L u - values|: [node, column]; any constant if L 1 = 0."""
        return self.unwhiten(values)


@dataclass(frozen=True)
class AreaPenalty(Penalty):
    """int u^2: L = M^(1/2), M the lumped areas; lambda in mm^-1."""

    surface: SourceSurface
    free_constant = False

    @property
    def operator(self) -> sp.csr_array:
        """[node, node], mm."""
        return sp.csr_array(sp.diags_array(np.sqrt(self.surface.areas)))

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """[row, node]."""
        return matrix / np.sqrt(self.surface.areas)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """[node, column]."""
        return values / np.sqrt(self.surface.areas)[:, None]


def grounded_solver(matrix: sp.csr_array) -> "splu":
    """LU factors of a matrix [node, node] of rank n - 1 without its first row and column."""
    return splu(sp.csc_array(matrix[1:, 1:]))


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """int |grad u|^2 of P1 elements: L = diag(face area)^(1/2) G; lambda in 1."""

    surface: SourceSurface
    free_constant = True

    @cached_property
    def operator(self) -> sp.csr_array:
        """[3 face, node], 1."""
        points, faces = self.surface.points, self.surface.faces
        areas = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
        return sp.csr_array(
            sp.diags_array(np.repeat(np.sqrt(areas), 3)) @ surface_gradient(points, faces)
        )

    @cached_property
    def _solver(self) -> "splu":
        return grounded_solver(self.surface.stiffness)

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """[row, 3 face]."""
        grounded = self._solver.solve(np.ascontiguousarray(matrix[:, 1:].T))
        return np.asarray((self.operator[:, 1:] @ grounded).T)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """[node, column]."""
        grounded = self._solver.solve(np.asarray((self.operator.T @ values)[1:]))
        return np.vstack([np.zeros((1, values.shape[1])), grounded])


@dataclass(frozen=True)
class LaplacianPenalty(Penalty):
    """|L u|^2 of a square L of rank n - 1 with L 1 = 0."""

    laplacian: sp.csr_array
    """[node, node]."""
    free_constant = True

    @property
    def operator(self) -> sp.csr_array:
        """[node, node]."""
        return self.laplacian

    @cached_property
    def _solver(self) -> "splu":
        return grounded_solver(self.laplacian)

    @cached_property
    def _left_null(self) -> np.ndarray:
        """Unit p with p' L = 0: [node]; the range of L is what is orthogonal to it."""
        border = np.asarray(self.laplacian[[0]].toarray())[0, 1:]
        p = np.concatenate([[1.0], -self._solver.solve(border, trans="T")])
        return p / np.linalg.norm(p)

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """[row, node]."""
        solved = self._solver.solve(np.ascontiguousarray(matrix[:, 1:].T), trans="T").T
        rows = np.hstack([np.zeros((len(matrix), 1)), solved])
        return rows - np.outer(rows @ self._left_null, self._left_null)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """[node, column]."""
        inside = values - np.outer(self._left_null, self._left_null @ values)
        return np.vstack([np.zeros((1, values.shape[1])), self._solver.solve(inside[1:])])


@dataclass(frozen=True)
class DensePenalty(Penalty):
    """|L u|^2 of a full matrix [row, node] of rank n - 1 with L 1 = 0."""

    matrix: np.ndarray
    """[row, node]."""
    free_constant = True

    @property
    def operator(self) -> np.ndarray:
        """[row, node]."""
        return self.matrix

    @cached_property
    def _inverse(self) -> np.ndarray:
        """(L'L)^-1 L' without the first node: [node - 1, row]."""
        rest = self.matrix[:, 1:]
        return np.asarray(scipy.linalg.solve(rest.T @ rest, rest.T, assume_a="pos"))

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """[row, row of L]."""
        return np.asarray(matrix[:, 1:] @ self._inverse)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """[node, column]."""
        return np.vstack([np.zeros((1, values.shape[1])), self._inverse @ values])


def beltrami_penalty(surface: SourceSurface) -> LaplacianPenalty:
    """Int (Laplace-Beltrami u)^2: L = M^(-1/2) K; lambda in mm."""
    root = sp.diags_array(1 / np.sqrt(surface.areas))
    return LaplacianPenalty(sp.csr_array(root @ surface.stiffness))


def neighbour_penalty(surface: SourceSurface) -> LaplacianPenalty:
    """|L u|^2 with L of Zhu 2025, eq. (15), nodes weighted alike; lambda in mm^2."""
    return LaplacianPenalty(surface.neighbour_laplacian)
