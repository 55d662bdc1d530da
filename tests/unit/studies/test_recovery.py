"""Recovered gradients: exact where they must be, blind to other materials, no silent fallback."""

import numpy as np
import pytest
from helpers.fem import ball_in_ball, box_mesh, random_rotation, recovered_gradient

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.gradient_recovery import (
    apply_operator,
    gradient_operator,
    recovery_operator,
)
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients


@pytest.fixture(scope="module")
def heart():
    """Points and cells of the inner ball, without its surroundings."""
    mesh = ball_in_ball()
    cells = mesh.cells[mesh.cell_tags == Tissue.MYOCARDIUM]
    return mesh.points[: cells.max() + 1], cells


def quadratics(points, n=3):
    """Random quadratic functions [n, node] and their gradients [n, node, 3]."""
    rng = np.random.default_rng(3)
    hessian = rng.normal(size=(n, 3, 3)) / 50
    hessian += hessian.transpose(0, 2, 1)
    slope = rng.normal(size=(n, 3))
    values = 0.5 * np.einsum("ni,eij,nj->en", points, hessian, points) + slope @ points.T + 7.0
    return values, np.einsum("eij,nj->eni", hessian, points) + slope[:, None]


@pytest.mark.parametrize("at", ["cells", "nodes"])
def test_quadratic_functions_are_recovered_exactly(heart, at):
    points, cells = heart
    values, exact = quadratics(points)
    if at == "cells":
        exact = exact[:, cells].mean(axis=2)
    found = recovered_gradient(points, cells, values, at)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 * np.abs(exact).max())


def test_a_kink_at_the_interface_is_not_smoothed(heart):
    """Values that are quadratic on each side of the interface, with another gradient outside."""
    mesh, (_, cells) = ball_in_ball(), heart
    points = mesh.points
    values, exact = quadratics(points, 1)
    beyond = np.maximum(np.linalg.norm(points, axis=1) - 40.0, 0.0)
    found = recovered_gradient(points, cells, values + beyond)
    exact = exact[:, cells].mean(axis=2)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 * np.abs(exact).max())


def test_the_operator_is_geometry_only_and_can_be_taken_in_parts(heart):
    points, cells = heart
    values = np.random.default_rng(4).normal(size=(5, len(points)))
    whole = recovery_operator(points, cells)
    assert whole.shape == (3 * len(cells), len(points))
    together = apply_operator(whole, values)
    alone = np.concatenate([apply_operator(whole, row[None]) for row in values])
    np.testing.assert_array_equal(together, alone)
    chosen = np.array([17, 3, 40])
    part = apply_operator(recovery_operator(points, cells, chosen=chosen), values)
    np.testing.assert_allclose(part, together[:, chosen], rtol=1e-9, atol=1e-12)


def test_the_config_chooses_the_kind(heart):
    points, cells = heart
    values = np.random.default_rng(6).normal(size=(2, len(points)))
    chosen = np.array([17, 3, 40])
    raw = apply_operator(gradient_operator("raw", points, cells, chosen), values)
    own = cell_gradient(p1_gradients(points, cells), cells, values)[:, chosen]
    np.testing.assert_allclose(raw, own, rtol=1e-12, atol=1e-12)
    smooth = apply_operator(gradient_operator("recovered", points, cells), values)
    np.testing.assert_array_equal(smooth, recovered_gradient(points, cells, values))
    with pytest.raises(BadInput, match=r"leadfield\.gradient: 'Raw' is neither"):
        gradient_operator("Raw", points, cells)


def test_a_turned_patient_has_turned_gradients(heart):
    points, cells = heart
    values = np.sin(points @ [0.02, 0.03, -0.01])[None]
    rotation = random_rotation(np.random.default_rng(8))
    turned = recovered_gradient(points @ rotation.T + 100.0, cells, values)
    expected = recovered_gradient(points, cells, values) @ rotation.T
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_patches_grow_at_corners_and_in_thin_walls():
    """A plate of two layers of cells still has quadratic fits, at its corners too."""
    points, cells = box_mesh(8)
    plate = cells[points[cells][:, :, 2].max(axis=1) < 2.6]
    values, exact = quadratics(points, 1)
    found = recovered_gradient(points, plate, values)
    exact = exact[:, plate].mean(axis=2)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 * np.abs(exact).max())


def test_what_cannot_be_fitted_is_an_error():
    points, cells = box_mesh(8)
    sheet = cells[points[cells][:, :, 2].max(axis=1) < 1.3]  # two sheets of nodes: no curvature
    with pytest.raises(BadInput, match="single sheet"):
        recovery_operator(points, sheet)
    with pytest.raises(BadInput, match="single sheet"):
        recovery_operator(points, cells[:1])
    with pytest.raises(BadInput, match="neither 'cells' nor 'nodes'"):
        recovery_operator(points, cells, "centroids")
    with pytest.raises(BadInput, match="outside 0 to"):
        recovery_operator(points[:5], cells)
    with pytest.raises(BadInput, match="NaN"):
        recovered_gradient(points, cells, np.full((1, len(points)), np.nan))
