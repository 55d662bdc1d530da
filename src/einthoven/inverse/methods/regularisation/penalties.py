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
    """L, and L^- with L L^- L = L; the null space of L is empty, or the constants."""

    free_constant = True
    """Whether L 1 = 0."""

    @property
    @abstractmethod
    def operator(self) -> sp.csr_array | np.ndarray:
        """Matrix of L: [row of L, node]."""

    @abstractmethod
    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Product [row, row of L] of a matrix [row, node] with L^-.

        The rows of the matrix sum to zero if L 1 = 0.
        """

    @abstractmethod
    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """Product L^- values, the minimum of |L u - values|: [node, column]; values [row, column].

        If L 1 = 0 its constant is arbitrary.
        """


@dataclass(frozen=True)
class AreaPenalty(Penalty):
    """int u^2: L = M^(1/2), M the lumped areas; lambda in mm^-1."""

    surface: SourceSurface
    free_constant = False

    @cached_property
    def _root(self) -> np.ndarray:
        return np.sqrt(self.surface.areas)

    @property
    def operator(self) -> sp.csr_array:
        """Operator M^(1/2), mm; see `Penalty.operator`."""
        return sp.csr_array(sp.diags_array(self._root))

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Whitened matrix, see `Penalty.whiten`."""
        return matrix / self._root

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """Unwhitened values, see `Penalty.unwhiten`."""
        return values / self._root[:, None]


def grounded_solver(matrix: sp.csr_array) -> "splu":
    """LU factors of a matrix [node, node] of rank n - 1 without its first row and column."""
    return splu(sp.csc_array(matrix[1:, 1:]))


def grounded(values: np.ndarray) -> np.ndarray:
    """Values [node, column] from those of all nodes but the first, which is zero."""
    return np.vstack([np.zeros((1, values.shape[1])), values])


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """int |grad u|^2 of P1 elements: L = diag(face area)^(1/2) G; dimensionless lambda."""

    surface: SourceSurface

    @cached_property
    def operator(self) -> sp.csr_array:
        """Operator with three rows per face, 1; see `Penalty.operator`."""
        points, faces = self.surface.points, self.surface.faces
        areas = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
        return sp.csr_array(
            sp.diags_array(np.repeat(np.sqrt(areas), 3)) @ surface_gradient(points, faces)
        )

    @cached_property
    def _solver(self) -> "splu":
        return grounded_solver(self.surface.stiffness)

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Whitened matrix, see `Penalty.whiten`."""
        solved = self._solver.solve(np.ascontiguousarray(matrix[:, 1:].T))
        return np.asarray((self.operator[:, 1:] @ solved).T)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """Unwhitened values, see `Penalty.unwhiten`."""
        return grounded(self._solver.solve(np.asarray((self.operator.T @ values)[1:])))


@dataclass(frozen=True)
class LaplacianPenalty(Penalty):
    """|L u|^2 of a square sparse L [node, node] of rank n - 1 with L 1 = 0."""

    matrix: sp.csr_array

    @property
    def operator(self) -> sp.csr_array:
        """Operator as stated, see `Penalty.operator`."""
        return self.matrix

    @cached_property
    def _solver(self) -> "splu":
        return grounded_solver(self.operator)

    @cached_property
    def _left_null(self) -> np.ndarray:
        """Unit p with p' L = 0: [node]; the range of L is its orthogonal complement."""
        border = np.asarray(self.operator[[0]].toarray())[0, 1:]
        p = np.concatenate([[1.0], -self._solver.solve(border, trans="T")])
        return p / np.linalg.norm(p)

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Whitened matrix, see `Penalty.whiten`."""
        solved = self._solver.solve(np.ascontiguousarray(matrix[:, 1:].T), trans="T").T
        rows = np.hstack([np.zeros((len(matrix), 1)), solved])
        return rows - np.outer(rows @ self._left_null, self._left_null)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """Unwhitened values, see `Penalty.unwhiten`."""
        inside = values - np.outer(self._left_null, self._left_null @ values)
        return grounded(self._solver.solve(inside[1:]))


@dataclass(frozen=True)
class DensePenalty(Penalty):
    """|L u|^2 of a full matrix [row, node] of rank n - 1 with L 1 = 0."""

    matrix: np.ndarray

    @property
    def operator(self) -> np.ndarray:
        """Operator as stated, see `Penalty.operator`."""
        return self.matrix

    @cached_property
    def _inverse(self) -> np.ndarray:
        """(L'L)^-1 L' without the first node: [node - 1, row]."""
        rest = self.operator[:, 1:]
        return np.asarray(scipy.linalg.solve(rest.T @ rest, rest.T, assume_a="pos"))

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Whitened matrix, see `Penalty.whiten`."""
        return np.asarray(matrix[:, 1:] @ self._inverse)

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        """Unwhitened values, see `Penalty.unwhiten`."""
        return grounded(self._inverse @ values)


def beltrami_penalty(surface: SourceSurface) -> LaplacianPenalty:
    """Penalty int (Laplace-Beltrami u)^2: L = M^(-1/2) K; lambda in mm."""
    root = sp.diags_array(1 / np.sqrt(surface.areas))
    return LaplacianPenalty(sp.csr_array(root @ surface.stiffness))
