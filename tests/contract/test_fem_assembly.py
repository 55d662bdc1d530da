"""The assembly by dolfinx agrees with one in plain NumPy, on a shuffled mesh."""

import numpy as np
import scipy.sparse as sp
from helpers_fem import ball_in_ball

from einthoven.core.simplex import p1_gradients, tet_volumes
from einthoven.fem.assembly import stiffness


def numpy_stiffness(points, cells, conductivity):
    gradients = p1_gradients(points, cells)
    volumes = np.abs(tet_volumes(points, cells))
    local = np.einsum("cai,cij,cbj,c->cab", gradients, conductivity, gradients, volumes)
    rows, columns = np.repeat(cells, 4, axis=1), np.tile(cells, (1, 4))
    shape = (len(points), len(points))
    return sp.coo_array((local.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()


def test_dolfinx_agrees_with_numpy():
    generator = np.random.default_rng(3)
    mesh = ball_in_ball()
    shuffle = generator.permutation(len(mesh["points"]))
    points = np.empty_like(mesh["points"])
    points[shuffle] = mesh["points"]
    cells = shuffle[mesh["cells"]]
    roots = generator.normal(size=(len(cells), 3, 3))
    conductivity = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    ours = stiffness(points, cells, conductivity)
    reference = numpy_stiffness(points, cells, conductivity)
    assert abs(ours - reference).max() < 1e-12 * abs(reference).max()
    assert abs(ours - ours.T).max() < 1e-12 * abs(reference).max()
    assert np.abs(ours.sum(axis=1)).max() < 1e-12 * abs(reference).max()
