"""Stiffness matrices of linear elements, assembled by dolfinx from the weak form."""

import basix.ufl
import dolfinx.fem
import dolfinx.mesh
import numpy as np
import scipy.sparse as sp
import ufl
from mpi4py import MPI

from einthoven.core import check
from einthoven.core.errors import BadInput


def stiffness(points: np.ndarray, cells: np.ndarray, conductivity: np.ndarray) -> sp.csr_array:
    """Assemble the matrix of `int_Omega (G grad u) . grad v dx` for P1 u, v and DG0 tensor G.

    Args:
        points: [node, 3] mm; every node belongs to a cell.
        cells: [cell, 4] tetrahedra, any orientation.
        conductivity: [cell, 3, 3] mS/mm, symmetric positive definite.

    Returns:
        [node, node] mS (kOhm^-1), symmetric, rows sum to zero, in the numbering of `points`.

    Raises:
        BadInput: a shape, a NaN, an unused node, or a tensor that is not symmetric positive.
    """
    points, cells = _checked_mesh(points, cells)
    conductivity = _checked_tensor(conductivity, len(cells))
    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    mesh = dolfinx.mesh.create_mesh(MPI.COMM_SELF, cells, element, points)  # type: ignore[arg-type]

    tensors = dolfinx.fem.functionspace(mesh, ("DG", 0, (3, 3)))
    g = dolfinx.fem.Function(tensors)
    g.x.array[:] = conductivity[mesh.topology.original_cell_index].ravel()

    space = dolfinx.fem.functionspace(mesh, ("Lagrange", 1))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    weak_form = ufl.inner(ufl.dot(g, ufl.grad(u)), ufl.grad(v)) * ufl.dx
    matrix = dolfinx.fem.assemble_matrix(dolfinx.fem.form(weak_form)).to_scipy()

    dof = _dof_of_node(mesh, space, len(points))
    return sp.csr_array(matrix.tocsr()[dof][:, dof])


def _dof_of_node(mesh: dolfinx.mesh.Mesh, space: dolfinx.fem.FunctionSpace, n: int) -> np.ndarray:
    """The P1 degree of freedom that sits at each input node: [node]."""
    # dolfinx reorders geometry nodes and degrees of freedom independently of each other
    node = mesh.geometry.input_global_indices[mesh.geometry.dofmap]
    dof = np.empty(n, dtype=np.int64)
    dof[node.ravel()] = space.dofmap.list.ravel()
    return dof


def _checked_mesh(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = check.finite("points", check.shape("points", points, (None, 3)))
    cells = check.shape("cells", cells, (None, 4))
    if len(cells) == 0 or cells.min() < 0 or cells.max() >= len(points):
        raise BadInput(f"cells: empty, or a node id outside 0 to {len(points) - 1}")
    used = np.zeros(len(points), dtype=bool)
    used[cells] = True
    if not used.all():
        raise BadInput(
            f"points: {int((~used).sum())} nodes belong to no cell; drop them (are these the "
            "points of the whole mesh with the cells of the heart?)"
        )
    return points.astype(np.float64), cells.astype(np.int64)


def _checked_tensor(conductivity: np.ndarray, n_cells: int) -> np.ndarray:
    tensor = np.asarray(
        check.shape("conductivity", check.finite("conductivity", conductivity), (n_cells, 3, 3)),
        dtype=np.float64,
    )
    scale = np.abs(tensor).max()
    if np.abs(tensor - tensor.transpose(0, 2, 1)).max() > 1e-10 * scale:
        raise BadInput("conductivity: a tensor is not symmetric; was it rotated on one side only?")
    smallest = np.linalg.eigvalsh(tensor)[:, 0]
    if smallest.min() <= 0:
        raise BadInput(f"conductivity: {int((smallest <= 0).sum())} tensors are not positive")
    return tensor
