"""The pure Neumann problem of an insulated body, prepared once for many loads."""

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.data.patient.mesh import TetMesh
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import Columns, Solution, make_solver
from einthoven.physics.leadfield.skin import skin_faces


class NeumannProblem:
    """Solve A u = b for loads without net current; u has zero mean on the skin (Dokuchaev, eq. 2).

    Args:
        mesh: mesh of the body.
        conductivity: [cell, 3, 3] mS/mm.
        n_loads: expected number of right-hand sides, for the choice of the solver.
        config: its `solver` and `solver_tolerance` are used.

    Raises:
        BadInput: see `fem.assembly.stiffness`; or the body is not some decimetres large.
        NotConverged: the mesh is not connected.
    """

    def __init__(
        self, mesh: TetMesh, conductivity: np.ndarray, n_loads: int, config: LeadFieldSettings
    ):
        size = float(np.ptp(mesh.points, axis=0).max())
        check.between("size of the body in mm", size, 50, 5000, "are the points in m or cm?")
        self.matrix = stiffness(mesh.points, mesh.cells, conductivity)
        self.skin_areas = lumped_areas(mesh.points, skin_faces(mesh))
        self._solver = make_solver(
            config.solver, self.matrix, n_loads, config.solver_tolerance, singular=True
        )

    def solve(self, rhs: Columns, shared: np.ndarray | None = None) -> Solution:
        """Solve for all columns.

        Args:
            rhs: [node, k] uA, dense or sparse.
            shared: [node] uA, added to every column, which then sums to zero.

        Returns:
            u [node, k] mV per uA of load (kOhm for unit loads), and the relative residual
            |A u - b| / |b| of the whole singular system [k].

        Raises:
            BadInput: a column has a net current.
            NotConverged: a residual is above the tolerance.
        """
        shared = np.zeros(len(self.skin_areas)) if shared is None else shared
        net = rhs.sum(axis=0) + shared.sum()
        scale = np.abs(rhs).sum(axis=0) + np.abs(shared).sum()
        if np.any(np.abs(net) > 1e-9 * scale):
            raise BadInput("rhs: a column has a net current; an insulated body does not allow one")
        u, residual = self._solver.solve(rhs, shared)
        u -= self.skin_areas @ u / self.skin_areas.sum()
        return Solution(u, residual)
