"""Factorisation and Laplace problems: exact where the theory says exact, loud where it fails."""

import numpy as np
import pytest
import scipy.sparse as sp
from helpers_fem import box_mesh

from einthoven.core.errors import BadInput, NotConverged
from einthoven.fem.assembly import stiffness
from einthoven.fem.laplace import solve_laplace, solve_laplace_problems
from einthoven.fem.solvers import Factorisation


def identity(cells):
    return np.broadcast_to(np.eye(3), (len(cells), 3, 3))


def test_factorisation_inverts_many_columns():
    generator = np.random.default_rng(0)
    random = sp.random_array((60, 60), density=0.1, rng=generator)
    matrix = sp.csr_array(random @ random.T + 2 * sp.eye_array(60))
    rhs = generator.normal(size=(60, 5))
    solver = Factorisation(matrix)
    np.testing.assert_allclose(
        solver.solve(rhs), np.linalg.solve(matrix.toarray(), rhs), atol=1e-12
    )
    np.testing.assert_allclose(solver.solve(rhs[:, 2]), solver.solve(rhs)[:, 2], atol=1e-13)


def test_singular_matrix_is_reported():
    points, cells = box_mesh(2)
    with pytest.raises(NotConverged, match="singular|factorise"):
        Factorisation(stiffness(points, cells, identity(cells))).solve(np.ones(len(points)))


@pytest.mark.parametrize("bad", ["nan", "length"])
def test_bad_right_hand_side(bad):
    solver = Factorisation(sp.csr_array(sp.eye_array(4)))
    rhs = np.ones((4, 2)) if bad == "nan" else np.ones((5, 2))
    if bad == "nan":
        rhs[1, 1] = np.nan
    with pytest.raises(BadInput, match="rhs"):
        solver.solve(rhs)


def test_linear_solution_comes_back_exactly_through_two_materials():
    """Plates in series: u is piecewise linear in z, so P1 must return it to round-off."""
    points, cells = box_mesh(4, size=8.0)
    upper = points[cells].mean(axis=1)[:, 2] > 4.0
    conductivity = np.where(upper[:, None, None], 3.0, 1.0) * np.eye(3)
    bottom, top = (np.flatnonzero(points[:, 2] == z) for z in (0.0, 8.0))
    u = solve_laplace(points, cells, [(bottom, 0.0), (top, 1.0)], conductivity)
    z = points[:, 2]
    expected = np.where(z <= 4.0, 0.75 * z / 4.0, 0.75 + 0.25 * (z - 4.0) / 4.0)
    np.testing.assert_allclose(u, expected, atol=1e-12)


def test_problems_share_and_agree_with_single_solves():
    points, cells = box_mesh(3)
    sides = [np.flatnonzero(points[:, k] == v) for k, v in ((0, 0.0), (0, 10.0), (1, 0.0))]
    left, right = sides[:2]
    front = np.setdiff1d(sides[2], np.concatenate(sides[:2]))
    problems = [
        [(left, 0.0), (right, 1.0), (front, 0.0)],
        [(left, 1.0), (right, 0.0), (front, 0.0)],
        [(left, 0.0), (right, 2.0)],
    ]
    together = solve_laplace_problems(points, cells, problems)
    alone = np.stack([solve_laplace(points, cells, problem) for problem in problems])
    np.testing.assert_allclose(together, alone, atol=1e-13)
    np.testing.assert_allclose(together[2], points[:, 0] / 5.0, atol=1e-12)
    assert together[0].min() >= 0 and together[0].max() <= 1  # maximum principle


def test_values_may_vary_over_a_set():
    points, cells = box_mesh(3)
    linear = points @ [1.0, -2.0, 0.5]
    outside = np.flatnonzero((points == 0).any(axis=1) | (points == 10).any(axis=1))
    u = solve_laplace(points, cells, [(outside, linear[outside])])
    np.testing.assert_allclose(u, linear, atol=1e-12)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([], "empty"),
        ([(np.array([], dtype=int), 1.0)], "empty"),
        ([(np.array([0, 1]), 0.0), (np.array([1, 2]), 1.0)], "two values"),
        ([(np.array([0, 10_000]), 0.0)], "node ids"),
        ([(np.array([0]), np.nan)], "NaN"),
    ],
)
def test_bad_dirichlet_sets(sets, message):
    points, cells = box_mesh(2)
    with pytest.raises(BadInput, match=message):
        solve_laplace(points, cells, sets)


def test_bad_meshes_and_tensors():
    points, cells = box_mesh(1)
    with pytest.raises(BadInput, match="belong to no cell"):
        stiffness(np.vstack([points, [[1.0, 2.0, 3.0]]]), cells, identity(cells))
    with pytest.raises(BadInput, match="not positive"):
        stiffness(points, cells, -identity(cells))
    skewed = identity(cells).copy()
    skewed[0, 0, 1] = 0.3
    with pytest.raises(BadInput, match="not symmetric"):
        stiffness(points, cells, skewed)
    with pytest.raises(BadInput, match="node id outside"):
        stiffness(points, cells + 1, identity(cells))
