"""Pure Neumann problem of an insulated body, and electrodes as barycentric deltas on its skin."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.simplex import sparse_rows, triangle_area_vectors
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.data.patient.mesh import TetMesh
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import Columns, Solution, make_solver

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is rejected as a mistake."""


def skin_faces(mesh: TetMesh) -> np.ndarray:
    """The skin triangles of a mesh: [face, 3].

    Raises:
        BadInput: there are none, or they are not closed.
    """
    faces = mesh.skin
    if not len(faces):
        raise BadInput("facets: none is tagged SKIN; was the mesh made without the torso?")
    vectors = triangle_area_vectors(mesh.points, faces)
    # the area vectors of a closed surface sum to zero (divergence theorem)
    if np.abs(vectors.sum(axis=0)).max() > 1e-6 * np.linalg.norm(vectors, axis=1).sum():
        raise BadInput("facets: the skin is not closed or not oriented; re-run the mesh rule")
    return faces


def electrode_weights(
    points: np.ndarray,
    faces: np.ndarray,
    electrode_points: np.ndarray,
    electrode_names: Sequence[str] | np.ndarray | None = None,
) -> sp.csr_array:
    """Barycentric weights [electrode, node] of each electrode on its closest skin triangle.

    Row e is the load vector of Dirac's delta at electrode e (Dokuchaev 2026, eq. 4) and, applied to
    nodal values, P1 interpolation at e. Using the same weights for both makes reciprocity exact.
    points [node, 3] mm, skin triangles [face, 3], electrodes [electrode, 3] mm within 5 mm of them.

    Raises:
        BadInput: duplicate names, or electrodes off the skin.
    """
    electrodes = check.shape("electrode_points", electrode_points, (None, 3))
    check.finite("electrode_points", electrodes)
    if electrode_names is None:
        electrode_names = [str(index) for index in range(len(electrodes))]
    names = check.unique("electrode_names", [str(name) for name in electrode_names])
    if len(names) != len(electrodes):
        raise BadInput(f"electrode_names: {len(names)} for {len(electrodes)} electrode_points")
    places = attach(points, faces, electrodes)
    distances = np.linalg.norm(places.on(points) - electrodes, axis=1)
    far = [f"{n} ({d:.1f} mm)" for n, d in zip(names, distances) if d > MAX_DISTANCE_MM]
    if far:
        raise BadInput(
            f"electrodes {', '.join(far[:5])}{' ...' if len(far) > 5 else ''} are more than "
            f"{MAX_DISTANCE_MM:g} mm off the skin; another frame, another body, or not in mm?"
        )
    return sparse_rows(places.vertices, places.weights, len(points))


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
