"""Lead fields on nested meshes of one patient, and in the spaces between two of them."""

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree
from subdivision import Subdivision, subdivide

from einthoven.base.config import Config
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.gradient_recovery import apply_operator, recovery_operator
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.base.metrics import fields as metrics
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.leadfield.conductivity import bulk, intracellular
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces

NEAR_ELECTRODE_MM = 30.0
CELLS_AT_ONCE = 100_000


class Level:
    """A mesh with fibers computed on it, its stiffness matrix and lead fields.

    z: [node, electrode] kOhm, up to a constant.
    """

    def __init__(self, mesh: TetMesh, config: Config, electrodes: np.ndarray):
        self.mesh, bare = mesh, Patient.of(mesh)
        fibers = assign_fibers(bare, config.fibers)
        self.patient, self.heart, self.f0 = Patient.of(mesh, fibers), bare.heart, fibers.f0
        self.points, self.cells = self.heart.points, self.heart.cells
        self.sigma_i = intracellular(self.f0, config.leadfield)
        self.volumes = self.heart.volumes
        tensors = bulk(self.f0, mesh.cell_tags, config.leadfield)
        self.matrix = stiffness(mesh.points, mesh.cells, tensors)
        skin = skin_faces(mesh)
        sink = lumped_areas(mesh.points, skin)
        delta = electrode_weights(mesh.points, skin, electrodes).toarray()
        self.loads = delta.T - (sink / sink.sum())[:, None]
        self.z = solve(self.matrix, self.loads)

    def raw(self, z: np.ndarray) -> np.ndarray:
        """Element gradients of z [node, electrode] in the heart: [electrode, cell, 3]."""
        values = z[: len(self.points)].T
        return cell_gradient(p1_gradients(self.points, self.cells), self.cells, values)

    def recovered(self, z: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """Recovered gradients of z in all or some heart cells: [electrode, cell, 3]."""
        ids = np.arange(len(self.cells)) if chosen is None else chosen
        values = z[: len(self.points)].T
        blocks = [ids[k : k + CELLS_AT_ONCE] for k in range(0, len(ids), CELLS_AT_ONCE)]
        operators = (recovery_operator(self.points, self.cells, chosen=b) for b in blocks)
        return np.concatenate([apply_operator(op, values) for op in operators], axis=1)

    def recovered_at(self, z: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Recovered gradients at points [electrode, point, 3], and which lie in the heart."""
        import pyvista as pv

        grid = pv.UnstructuredGrid({pv.CellType.TETRA: self.cells}, self.points)
        cell = grid.find_containing_cell(queries)
        inside = cell >= 0
        corners = self.cells[cell[inside]]
        nodes, index = np.unique(corners, return_inverse=True)
        operator = recovery_operator(self.points, self.cells, "nodes", nodes)
        nodal = apply_operator(operator, z[: len(self.points)].T)
        hats = p1_gradients(self.points, corners)
        middle = self.points[corners].mean(axis=1)
        share = 0.25 + np.einsum("cvk,ck->cv", hats, queries[inside] - middle)
        gradient = np.einsum("ecvk,cv->eck", nodal[:, index.reshape(corners.shape)], share)
        return gradient, inside


class Nest:
    """A coarse mesh, its subdivisions, and everything solved on each."""

    def __init__(self, mesh: TetMesh, n_subdivisions: int, config: Config, electrodes: np.ndarray):
        self.electrodes = electrodes
        self.steps = [subdivide(mesh)]
        for _ in range(n_subdivisions - 1):
            self.steps.append(subdivide(self.steps[-1].mesh))
        meshes = (mesh, *(step.mesh for step in self.steps))
        self.levels = [Level(m, config, electrodes) for m in meshes]
        self.coarse, self.finest = self.levels[0], self.levels[-1]
        self.reference = self.at_centroids(self.finest.z, n_subdivisions)

    def at_centroids(self, z: np.ndarray, depth: int) -> np.ndarray:
        """Recovered gradient on a level at the coarse heart cells' centroids.

        It is the mean over the cells about a centroid, whose centroids have this one as mean.
        """
        ids = np.arange(len(self.coarse.cells))[:, None]
        for _ in range(depth):
            ids = (8 * ids[:, :, None] + np.arange(4, 8)).reshape(len(ids), -1)
        gradient = self.levels[depth].recovered(z, ids.ravel())
        return gradient.reshape(len(gradient), *ids.shape, 3).mean(axis=2)

    def solve_without(self, dropped: list[np.ndarray]) -> np.ndarray:
        """Finest solution [node, electrode] with the fibres of the finest mesh, in a subspace.

        Args:
            dropped: [edge] bool for each subdivision: midpoints that only have the mean value
                of their edge's ends.
        """
        basis = subspace(self.steps, dropped)
        matrix = sp.csr_array(basis.T @ self.finest.matrix @ basis)
        return basis @ solve(matrix, basis.T @ self.finest.loads)

    def on_coarse_nodes(self, z: np.ndarray) -> np.ndarray:
        """Values of a finest solution at the nodes of the coarse mesh."""
        for step in reversed(self.steps):
            old = np.ones(len(z), dtype=bool)
            old[step.midpoints] = False
            z = z[old]
        return z

    def prolonged(self, values: np.ndarray) -> np.ndarray:
        """Nodal values of the coarse heart [heart node] on the finest one, linear in between."""
        full = np.zeros(len(self.coarse.mesh.points))
        full[: len(values)] = values
        for step in self.steps:
            full = step.prolongation @ full
        return full[: len(self.finest.points)]

    def angles(self, gradient: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
        """Mean angle to the reference over the coarse heart's volume: [electrode] degrees."""
        reference = self.reference if reference is None else reference
        angles = metrics.angular_error_deg(gradient, reference)
        return metrics.weighted_mean(angles, self.coarse.volumes)


def solve(matrix: sp.csr_array, loads: np.ndarray) -> np.ndarray:
    """A singular system's solution [node, electrode]."""
    return make_solver("amg", matrix, loads.shape[1], singular=True).solve(loads).x


def subspace(steps: list[Subdivision], dropped: list[np.ndarray]) -> sp.csr_array:
    """Nodal values on the finest mesh of the functions that are left: [node, function]."""
    basis = sp.eye_array(steps[0].prolongation.shape[1], format="csr")
    for step, drop in zip(steps, dropped):
        kept = step.midpoints[~drop]
        n = step.prolongation.shape[0]
        inherited = np.ones(n)
        inherited[kept] = 0.0
        own = sp.csr_array((np.ones(len(kept)), (kept, np.arange(len(kept)))), (n, len(kept)))
        old = sp.diags_array(inherited) @ (step.prolongation @ basis)
        basis = sp.csr_array(sp.hstack([old, own]))
    return basis


def regions(nest: Nest) -> dict[str, list[np.ndarray]]:
    """Midpoints in the heart (surface included), near an electrode, and elsewhere, each step."""
    sites = cKDTree(nest.electrodes)
    parts: dict[str, list[np.ndarray]] = {"heart": [], "torso": [], "electrodes": []}
    for level, step in zip(nest.levels, nest.steps):
        inner = step.mesh.cells[step.mesh.cell_tags == Tissue.MYOCARDIUM]
        in_heart = np.isin(step.midpoints, inner)
        ends = level.mesh.points[step.edges].reshape(-1, 3)
        near = (sites.query(ends)[0] < NEAR_ELECTRODE_MM).reshape(-1, 2).any(axis=1)
        parts["heart"].append(in_heart)
        parts["torso"].append(~in_heart & ~near)
        parts["electrodes"].append(~in_heart & near)
    return parts
