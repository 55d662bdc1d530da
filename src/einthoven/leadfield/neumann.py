"""The pure Neumann problem of an insulated body, factorised once."""

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.fem.assembly import stiffness
from einthoven.fem.solvers import Factorisation, relative_residual
from einthoven.leadfield.skin import lumped_areas


class NeumannProblem:
    """Solve A u = b for loads without net current; u has zero mean on the skin (paper, eq. 2).

    A is singular (constants) and every admissible column of b sums to zero, so fixing u = 0 at
    one node is exact, not an approximation: the equation of that node follows from the others.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4].
        conductivity: [cell, 3, 3] mS/mm.
        skin: [face, 3] skin triangles.

    Raises:
        BadInput: see `fem.assembly.stiffness`; or the body is not some decimetres large.
        NotConverged: the mesh falls into unconnected parts.
    """

    def __init__(
        self, points: np.ndarray, cells: np.ndarray, conductivity: np.ndarray, skin: np.ndarray
    ):
        size = float(np.ptp(points, axis=0).max())
        check.between("size of the body in mm", size, 50, 5000, "are the points in m or cm?")
        self.matrix = stiffness(points, cells, conductivity)
        self.skin_areas = lumped_areas(points, skin)
        self._factorisation = Factorisation(self.matrix[1:, 1:])

    def solve(self, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for all columns.

        Args:
            rhs: [node, k] uA; every column sums to zero.

        Returns:
            u [node, k] mV per uA of load (kOhm for unit loads), and the relative residual
            |A u - b| / |b| of the whole singular system [k].

        Raises:
            BadInput: a column has a net current.
        """
        net, scale = np.abs(rhs.sum(axis=0)), np.abs(rhs).sum(axis=0)
        if np.any(net > 1e-9 * scale):
            raise BadInput("rhs: a column has a net current; an insulated body takes none")
        u = np.zeros(rhs.shape)
        u[1:] = self._factorisation.solve(rhs[1:])
        u -= self.skin_mean(u)
        return u, relative_residual(self.matrix, u, rhs)

    def skin_mean(self, u: np.ndarray) -> np.ndarray:
        """Area mean over the skin of nodal values [node, k]: [k]."""
        return self.skin_areas @ u / self.skin_areas.sum()
