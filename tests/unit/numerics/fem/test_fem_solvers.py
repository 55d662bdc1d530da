"""Solvers and Laplace problems: exact where the theory says exact, loud where it fails."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from helpers.fem import box_mesh

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.laplace import solve_laplace
from einthoven.numerics.fem.solvers import choose, make_solver


def identity(cells):
    return np.broadcast_to(np.eye(3), (len(cells), 3, 3))


def spd(n=60, seed=0):
    generator = np.random.default_rng(seed)
    random = sp.random_array((n, n), density=0.1, rng=generator)
    return sp.csr_array(random @ random.T + 2 * sp.eye_array(n)), generator


@pytest.mark.parametrize("name", ["mumps", "amg", "cg"])
def test_many_columns_dense_and_sparse(name):
    matrix, generator = spd()
    rhs, shared = generator.normal(size=(60, 5)), generator.normal(size=60)
    solver = make_solver(name, matrix, 5, tolerance=1e-12)
    expected = np.linalg.solve(matrix.toarray(), rhs)
    np.testing.assert_allclose(solver.solve(rhs).x, expected, atol=1e-11)
    np.testing.assert_allclose(solver.solve(rhs[:, 2:3]).x, expected[:, 2:3], atol=1e-11)
    rhs[np.abs(rhs) < 1.5] = 0.0
    rhs[:, 3] = 0.0
    for columns in (rhs, sp.csc_array(rhs)):
        expected = np.linalg.solve(matrix.toarray(), rhs)
        np.testing.assert_allclose(solver.solve(columns).x, expected, atol=1e-11)
        expected = np.linalg.solve(matrix.toarray(), rhs + shared[:, None])
        np.testing.assert_allclose(solver.solve(columns, shared).x, expected, atol=1e-11)
    assert solver.solve(np.zeros((60, 0))).x.shape == (60, 0)


@pytest.mark.parametrize("name", ["mumps", "amg", "cg"])
def test_residual_is_that_of_the_matrix_and_must_be_met(name, monkeypatch):
    matrix, generator = spd()
    rhs = generator.normal(size=(60, 3))
    solver = make_solver(name, matrix, 3, tolerance=1e-6)
    x, residual = solver.solve(rhs)
    norms = np.linalg.norm(rhs, axis=0)
    expected = np.linalg.norm(matrix @ x - rhs, axis=0) / norms
    np.testing.assert_allclose(residual, expected, rtol=1e-6, atol=1e-15)
    assert 0 < residual.max() <= 1e-6
    exact = solver._solve
    monkeypatch.setattr(solver, "_solve", lambda *b: 1.001 * exact(*b))
    with pytest.raises(NotConverged, match=r"relative residual 1.0e-03 above 1.0e-06"):
        solver.solve(rhs)


def test_conjugate_gradients_that_do_not_end(monkeypatch):
    monkeypatch.setattr("einthoven.numerics.fem.multigrid.Amg.max_iterations", 1)
    points, cells = box_mesh(6)
    solver = make_solver("amg", stiffness(points, cells, identity(cells)), 1, singular=True)
    with pytest.raises(NotConverged, match="1 iterations leave .* times the residual allowed"):
        solver.solve(points[:, :1] - points[:, 0].mean())


@pytest.mark.parametrize("name", ["mumps", "amg", "cg"])
def test_singular_neumann_problem(name):
    """Known up to a constant; no node is special; a net current cannot be solved for."""
    points, cells = box_mesh(4)
    matrix = stiffness(points, cells, identity(cells))
    expected = points @ [1.0, 2.0, -1.0]
    solver = make_solver(name, matrix, 1, singular=True)
    x = solver.solve((matrix @ expected)[:, None]).x[:, 0]
    np.testing.assert_allclose(x - x.mean(), expected - expected.mean(), atol=1e-8)
    with pytest.raises(NotConverged):
        solver.solve(np.ones((len(points), 1)))


@pytest.mark.parametrize("name", ["mumps", "amg", "cg"])
def test_singular_matrix_is_reported(name):
    points, cells = box_mesh(2)
    matrix = stiffness(points, cells, identity(cells))
    with pytest.raises(NotConverged, match="singular|factorise"):
        make_solver(name, matrix, 1).solve(np.ones((len(points), 1)))


def test_multigrid_needs_few_iterations_whatever_the_mesh(monkeypatch):
    """Halving h must not double the iterations, which it does for CG with Jacobi's method."""
    monkeypatch.setattr("einthoven.numerics.fem.multigrid.Amg.max_iterations", 18)
    for n in (6, 12, 24):
        points, cells = box_mesh(n)
        layers = np.where(points[cells].mean(axis=1)[:, 2] > 5.0, 10.0, 1.0)
        conductivity = layers[:, None, None] * np.diag([1.0, 1.0, 0.3])
        matrix = stiffness(points, cells, conductivity)
        load = np.zeros((len(points), 2))
        load[[0, -1], 0] = load[[5, -5], 1] = 1.0, -1.0
        found = make_solver("amg", matrix, 2, 1e-8, singular=True).solve(load)
        assert found.residual.max() <= 1e-8


def test_choice_depends_on_size_and_number_only():
    assert choose("auto", 20_000, 1) == "mumps"
    assert choose("auto", 117_000, 1) == choose("auto", 117_000, 9) == "amg"
    assert choose("auto", 117_000, 109) == choose("auto", 300_000, 200) == "mumps"
    assert choose("auto", 2_000_000, 1000) == "amg"
    assert choose("pardiso", 2_000_000, 1000) == "pardiso"
    with pytest.raises(BadInput, match="'lapack' is none of auto, mumps"):
        choose("lapack", 1, 1)


@pytest.mark.parametrize(("name", "module"), [("pardiso", "pypardiso"), ("cholmod", "sksparse")])
def test_backend_that_is_not_installed(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadInput, match=f"solver {name}: .*pip install"):
        make_solver(name, sp.csr_array(sp.eye_array(4)), 1)


@pytest.mark.parametrize("bad", ["nan", "length", "row", "sparse length", "matrix"])
def test_bad_systems(bad):
    solver = make_solver("mumps", sp.csr_array(sp.eye_array(4)), 1)
    rhs = {"length": np.ones((5, 2)), "row": np.ones(4), "sparse length": sp.csc_array((5, 2))}
    with pytest.raises(BadInput, match="matrix" if bad == "matrix" else "rhs"):
        if bad == "matrix":
            make_solver("mumps", sp.csr_array(np.ones((2, 3))), 1)
        solver.solve(rhs.get(bad, np.full((4, 2), np.nan)))


def test_linear_solution_comes_back_exactly_through_two_materials():
    """Plates in series: u is piecewise linear in z, so P1 must return it to round-off."""
    points, cells = box_mesh(4, size=8.0)
    upper = points[cells].mean(axis=1)[:, 2] > 4.0
    conductivity = np.where(upper[:, None, None], 3.0, 1.0) * np.eye(3)
    bottom, top = (np.flatnonzero(points[:, 2] == z) for z in (0.0, 8.0))
    (u,) = solve_laplace(points, cells, [[(bottom, 0.0), (top, 1.0)]], conductivity)
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
    together = solve_laplace(points, cells, problems)
    alone = np.concatenate([solve_laplace(points, cells, [problem]) for problem in problems])
    np.testing.assert_allclose(together, alone, atol=1e-13)
    np.testing.assert_allclose(together[2], points[:, 0] / 5.0, atol=1e-12)
    assert together[0].min() >= 0 and together[0].max() <= 1  # maximum principle


def test_values_may_vary_over_a_set():
    points, cells = box_mesh(3)
    linear = points @ [1.0, -2.0, 0.5]
    outside = np.flatnonzero((points == 0).any(axis=1) | (points == 10).any(axis=1))
    (u,) = solve_laplace(points, cells, [[(outside, linear[outside])]])
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
        solve_laplace(points, cells, [sets])


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
