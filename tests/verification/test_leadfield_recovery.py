"""Recovered lead-field gradients are of second order where those of linear elements are of first.

Sizes are cube roots of mean cell volumes, errors mean angles over cells weighted by volume.
"""

import numpy as np
import pytest
from helpers.closed_forms import (
    ball_lead_field_grad,
    nested_ball_lead_field,
    nested_ball_lead_field_grad,
)
from helpers.fem import (
    ball_in_ball,
    boundary_faces,
    electrodes_at,
    muscle_of,
    recovered_gradient,
    unit,
    with_fibers,
    without_heart,
)

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients, tet_volumes
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.numerics.fem.laplace import solve_laplace
from einthoven.physics.leadfield.solve import solve_lead_fields

RADIUS, CORE = 100.0, 40.0
ELECTRODES = RADIUS * unit(np.random.default_rng(5).normal(size=(6, 3)))
SIGMA = LeadFieldSettings()
ISOTROPIC = LeadFieldSettings(
    sigma_il_s_per_m=0.1, sigma_it_s_per_m=0.1, sigma_el_s_per_m=0.2, sigma_et_s_per_m=0.2
)
SERIES = ((CORE, RADIUS), (0.3, SIGMA.sigma_torso_s_per_m))


def potentials(mesh, f0, sigma=SIGMA):
    """[electrode, node] kOhm."""
    patient = with_fibers(mesh, f0)
    return solve_lead_fields(patient, electrodes_at(ELECTRODES), sigma).lead_field


def order(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


def mean_angles(points, cells, values, exact_grad, where=None):
    """Volume-weighted mean angle of raw and of recovered gradients, and the mean size."""
    middle = points[cells].mean(axis=1)
    some = np.ones(len(cells), dtype=bool) if where is None else where(middle)
    volumes = tet_volumes(points, cells)[some]
    exact = exact_grad(middle[some])
    raw = cell_gradient(p1_gradients(points, cells), cells, values)
    found = (raw, recovered_gradient(points, cells, values))
    angles = [angular_error_deg(grad[:, some], exact).mean(axis=0) for grad in found]
    return [np.average(angle, weights=volumes) for angle in angles], volumes.mean() ** (1 / 3)


def fitted(cases):
    """Orders of raw and recovered gradients, and the errors [size, 2]."""
    errors, sizes = zip(*cases)
    errors = np.array(errors)
    return order(sizes, errors[:, 0]), order(sizes, errors[:, 1]), errors


def ball_case(h):
    mesh = without_heart(ball_in_ball(h_outer=h, h_inner=h, inner=50.0))
    z = potentials(mesh, np.zeros((0, 3)))

    def exact(x):
        return np.stack([ball_lead_field_grad(x, e, RADIUS, 0.06) for e in ELECTRODES])

    return mean_angles(
        mesh.points, mesh.cells, z, exact, lambda x: np.linalg.norm(x, axis=1) < RADIUS / 2
    )


def core_case(h, rim_only=False):
    """The core of two concentric balls, as if it were the heart: nothing beyond it is seen."""
    mesh = ball_in_ball(inner=CORE, h_outer=2 * h, h_inner=h)
    cells, nodes = mesh.cells[: mesh.n_heart_cells], mesh.n_heart_nodes
    z = potentials(mesh, np.tile([1.0, 0.0, 0.0], (len(cells), 1)), ISOTROPIC)

    def exact(x):
        return np.stack([nested_ball_lead_field_grad(x, e, *SERIES) for e in ELECTRODES])

    on_rim = np.isclose(np.linalg.norm(mesh.points, axis=1), CORE)[cells].any(axis=1)
    where = (lambda x: on_rim) if rim_only else None
    return mean_angles(mesh.points[:nodes], cells, z[:, :nodes], exact, where)


def anisotropic_case(h, inside=50.0):
    """u = f(G^-1/2 x) with f harmonic (a point source outside) solves div(G grad u) = 0."""
    g = np.array([[0.5, 0.1, 0.0], [0.1, 0.3, -0.05], [0.0, -0.05, 0.2]])
    values, vectors = np.linalg.eigh(g)
    root = vectors / np.sqrt(values) @ vectors.T  # G^-1/2
    source = 130.0 * unit(np.array([[1.0, 2.0, -0.5]])) / np.sqrt(values.min())
    mesh = ball_in_ball(h_outer=h, h_inner=h)
    points, cells = mesh.points, mesh.cells
    border = np.unique(boundary_faces(cells))
    u = 1.0 / np.linalg.norm(points @ root - source, axis=1)
    tensor = np.broadcast_to(g, (len(cells), 3, 3))
    solved = solve_laplace(points, cells, [[(border, u[border])]], tensor)

    def exact(x):
        offset = x @ root - source
        return (-offset / np.linalg.norm(offset, axis=1, keepdims=True) ** 3 @ root)[None]

    return mean_angles(points, cells, solved, exact, lambda x: np.linalg.norm(x, axis=1) < inside)


def test_series_of_the_nested_ball():
    """Gradient = finite differences; and what the core does to it in three limits."""
    x = np.random.default_rng(6).uniform(-20, 20, size=(40, 3))
    electrode, radii = ELECTRODES[0], (CORE, RADIUS)

    def potential(at):
        return nested_ball_lead_field(at, electrode, *SERIES)

    steps = 1e-2 * np.eye(3)
    numeric = np.stack([(potential(x + s) - potential(x - s)) / 2e-2 for s in steps], axis=1)
    exact = nested_ball_lead_field_grad(x, electrode, *SERIES)
    np.testing.assert_allclose(numeric, exact, rtol=0, atol=1e-7 * np.abs(exact).max())
    # no core at all
    same = nested_ball_lead_field_grad(x, electrode, radii, (0.06, 0.06))
    np.testing.assert_allclose(same, ball_lead_field_grad(x, electrode, RADIUS, 0.06), rtol=1e-9)
    # a perfect conductor takes a current that no longer depends on its conductivity
    good, better = (
        nested_ball_lead_field_grad(x, electrode, radii, (sigma, 0.06)) for sigma in (1e4, 1e6)
    )
    np.testing.assert_allclose(1e4 * good, 1e6 * better, rtol=1e-3)
    # a small core in a nearly uniform field: 3 shell / (core + 2 shell) of it, along it
    small = nested_ball_lead_field_grad(1e-3 * x, electrode, (1.0, RADIUS), (0.3, 0.06))
    alone = ball_lead_field_grad(1e-3 * x, electrode, RADIUS, 0.06)
    np.testing.assert_allclose(small, alone * 3 * 0.06 / (0.3 + 2 * 0.06), rtol=1e-3, atol=1e-8)


def test_ball():
    raw, recovered, errors = fitted([ball_case(h) for h in (24.0, 17.0, 12.0)])
    assert 0.8 < raw < 1.3, errors
    assert recovered > 1.8, errors
    assert errors[-1, 1] < 0.25 * errors[-1, 0], errors


def test_constant_anisotropic_conductivity():
    raw, recovered, errors = fitted([anisotropic_case(h) for h in (21.0, 15.0, 10.5)])
    assert 0.8 < raw < 1.4, errors
    assert recovered > 1.8, errors


def test_core_of_another_conductivity():
    """Order of both in the core, and in those of its cells that touch the interface."""
    sizes = (14.0, 10.0, 7.0)
    raw, recovered, errors = fitted([core_case(h) for h in sizes])
    assert 0.8 < raw < 1.4, errors
    assert recovered > 1.7, errors
    assert errors[-1, 1] < 0.3 * errors[-1, 0], errors
    raw, recovered, errors = fitted([core_case(h, rim_only=True) for h in sizes])
    assert 0.8 < raw < 1.4, errors
    assert recovered > 1.35, errors


def test_storing_in_single_precision_costs_a_millionth():
    """The workflow stores potentials in float32; gradients are small differences of them."""
    mesh = ball_in_ball()
    heart = muscle_of(mesh).cells
    z = potentials(mesh, unit(np.random.default_rng(9).normal(size=(len(heart), 3))))
    exact, stored = (recovered_gradient(mesh.points, heart, v) for v in (z, np.float32(z)))
    size = np.linalg.norm(exact, axis=2)
    loss = np.linalg.norm(stored - exact, axis=2) / size
    assert 0 < loss.mean() < 1e-5


@pytest.mark.slow
def test_fine_balls():
    """One size finer: the orders hold on."""
    _, recovered, errors = fitted([ball_case(h) for h in (17.0, 12.0, 8.5, 6.0)])
    assert recovered > 1.8, errors
    _, recovered, errors = fitted([core_case(h) for h in (10.0, 7.0, 5.0, 3.5)])
    assert recovered > 1.8, errors
    _, recovered, errors = fitted([anisotropic_case(h) for h in (21.0, 15.0, 10.5, 7.5)])
    assert recovered > 1.8, errors
