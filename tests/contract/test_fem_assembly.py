"""The assembly agrees with DOLFINx's from the weak form, on a shuffled mesh."""

import einthoven.numerics.fem.petsc  # noqa: F401, I001  # must come before dolfinx
import basix.ufl
import dolfinx.fem
import dolfinx.mesh
import numpy as np
import scipy.sparse as sp
import ufl
from helpers.fem import ball_in_ball
from mpi4py import MPI

from einthoven.numerics.fem.assembly import stiffness


def dolfinx_stiffness(points, cells, conductivity):
    """`int_Omega (G grad u) . grad v dx` in the numbering of `points`."""
    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    mesh = dolfinx.mesh.create_mesh(MPI.COMM_SELF, cells.astype(np.int64), element, points)
    g = dolfinx.fem.Function(dolfinx.fem.functionspace(mesh, ("DG", 0, (3, 3))))
    g.x.array[:] = conductivity[mesh.topology.original_cell_index].ravel()
    space = dolfinx.fem.functionspace(mesh, ("Lagrange", 1))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    weak_form = ufl.inner(ufl.dot(g, ufl.grad(u)), ufl.grad(v)) * ufl.dx
    matrix = dolfinx.fem.assemble_matrix(dolfinx.fem.form(weak_form)).to_scipy().tocsr()
    # dolfinx reorders geometry nodes and degrees of freedom independently of each other
    node = mesh.geometry.input_global_indices[mesh.geometry.dofmap]
    dof = np.empty(len(points), dtype=np.int64)
    dof[node.ravel()] = space.dofmap.list.ravel()
    return sp.csr_array(matrix[dof][:, dof])


def test_agrees_with_dolfinx():
    generator = np.random.default_rng(3)
    mesh = ball_in_ball()
    shuffle = generator.permutation(len(mesh.points))
    points = np.empty_like(mesh.points)
    points[shuffle] = mesh.points
    cells = shuffle[mesh.cells]
    roots = generator.normal(size=(len(cells), 3, 3))
    conductivity = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    ours = stiffness(points, cells, conductivity)
    reference = dolfinx_stiffness(points, cells, conductivity)
    assert abs(ours - reference).max() < 1e-12 * abs(reference).max()
    assert abs(ours - ours.T).max() == 0.0
    assert np.abs(ours.sum(axis=1)).max() < 1e-12 * abs(reference).max()
    inside_out = cells[:, [1, 0, 2, 3]]
    assert abs(stiffness(points, inside_out, conductivity) - ours).max() < 1e-12 * abs(ours).max()
