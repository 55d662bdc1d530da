"""Lead fields by boundary elements against balls in closed form, and against dipoles."""

import numpy as np
import pytest
from helpers.closed_forms import (
    ball_lead_field,
    ball_lead_field_grad,
    nested_ball_lead_field,
    nested_ball_lead_field_grad,
)
from helpers.fem import random_rotation
from helpers.mesh import icosphere

from einthoven.base.core.errors import BadInput
from einthoven.numerics.bem.bem_body import BemBody, Inclusion
from einthoven.numerics.bem.integrals import layers
from einthoven.numerics.bem.leadfield import LeadFieldProblem

RADIUS, CORE = 100.0, 50.0
SIGMA, SIGMA_CORE = 0.2, 0.6
ELECTRODES = icosphere(RADIUS, 0)[0][:4]
POINTS = np.random.default_rng(3).uniform(-20.0, 20.0, size=(40, 3))
"""Inside the core, and two of the coarsest mesh's edges from the skin."""


def solved(n_split, core=None):
    inclusions = [] if core is None else [Inclusion(*icosphere(CORE, n_split), conductivity=core)]
    body = BemBody(icosphere(RADIUS, n_split), SIGMA, inclusions)
    return LeadFieldProblem(body).solve(ELECTRODES)


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def ball(points, electrode):
    given = (points, electrode, RADIUS, SIGMA)
    return ball_lead_field(*given), ball_lead_field_grad(*given)


def nested(points, electrode):
    given = (points, electrode, (CORE, RADIUS), (SIGMA_CORE, SIGMA))
    return nested_ball_lead_field(*given), nested_ball_lead_field_grad(*given)


@pytest.mark.parametrize("core, exact, bound", [(None, ball, 0.006), (SIGMA_CORE, nested, 0.012)])
def test_balls_have_order_two(core, exact, bound):
    """Also the constant: Z has zero mean on the skin. A core conducts three times better."""
    z, gradient = (np.stack(part) for part in zip(*(exact(POINTS, e) for e in ELECTRODES)))
    errors = []
    for n_split in (1, 2, 3):
        fields = solved(n_split, core)
        found = fields.potential(POINTS), fields.gradient(POINTS)
        errors.append([relative(found[0], z), relative(found[1], gradient)])
    orders = -np.polyfit(np.arange(3), np.log2(errors), 1)[0]
    assert orders.min() > 1.8, errors
    assert np.max(errors[-1]) < bound


def test_gradient_is_that_of_the_potential():
    fields, step = solved(1, SIGMA_CORE), 1e-3 * np.eye(3)
    numeric = [(fields.potential(POINTS + s) - fields.potential(POINTS - s)) / 2e-3 for s in step]
    np.testing.assert_allclose(np.stack(numeric, axis=2), fields.gradient(POINTS), atol=1e-9)


def test_reciprocity_with_dipoles():
    """p . grad Z is the potential of a dipole p, solved for on the skin, to round-off."""
    body = BemBody(icosphere(RADIUS, 1), SIGMA, [Inclusion(*icosphere(20, 1, (0, 0, 60)), 0.05)])
    moments = np.random.default_rng(4).normal(size=POINTS.shape)
    offset = body.nodes[:, None] - POINTS
    r = np.linalg.norm(offset, axis=2)
    unbounded = np.einsum("npd,pd->np", offset, moments) / (4 * np.pi * r**3)
    problem = LeadFieldProblem(body)
    mean = problem._skin_weights
    # a bordered system instead of the deflated one
    border = np.block([[body.double_layer_matrix, np.ones((len(mean), 1))], [mean, np.zeros(1)]])
    rhs = np.vstack([unbounded, np.zeros((1, len(POINTS)))])
    potential = np.linalg.solve(border, rhs)[:-1]
    skin = body.surfaces[0].points
    expected = np.einsum("epd,pd->ep", problem.solve(skin).gradient(POINTS), moments)
    np.testing.assert_allclose(
        potential[: len(skin)], expected, atol=1e-10 * np.abs(expected).max()
    )


def test_off_centre_dipole_in_a_ball():
    """Potential at all nodes of the skin of a dipole at 0.3 radii, relative to the closed form."""
    place, moment = np.array([[10.0, -20.0, 20.0]]), np.array([1.0, 2.0, -0.5])
    skin = icosphere(RADIUS, 3)
    some = skin[0][::16]
    found = LeadFieldProblem(BemBody(skin, SIGMA)).solve(some).gradient(place)[:, 0] @ moment
    exact = [ball_lead_field_grad(place, e, RADIUS, SIGMA)[0] @ moment for e in some]
    assert relative(found, np.array(exact)) < 0.006


def test_greens_formula_gives_the_same_lead_field():
    """Direct: Z on the skin for a current spread over a node's hat, then Z inside from it."""
    body = BemBody(icosphere(RADIUS, 2), SIGMA)
    problem, points = LeadFieldProblem(body), body.nodes
    places, weights = layers(POINTS, *body.surfaces[0]), problem._skin_weights
    areas = weights * problem._skin_areas.sum()
    density = np.eye(len(points))[:4] / areas[:4, None] - 1.0 / areas.sum()  # [electrode, node]
    system = body.double_layer_matrix + weights
    z = np.linalg.solve(system, body.layers[0].single @ density.T)
    z -= weights @ z
    inside = places.double @ z + places.single @ density.T / SIGMA
    expected = problem.solve(points[:4]).potential(POINTS)
    assert relative(inside.T, expected) < 0.03


def test_lead_fields_know_no_frame():
    turn, shift = random_rotation(np.random.default_rng(1)), np.array([30.0, -500.0, 7.0])
    points, faces = icosphere(RADIUS, 1)
    moved = LeadFieldProblem(BemBody((points @ turn.T + shift, faces), SIGMA))
    found = moved.solve(ELECTRODES @ turn.T + shift)
    here, there = solved(1), POINTS @ turn.T + shift
    np.testing.assert_allclose(found.potential(there), here.potential(POINTS), atol=1e-10)
    np.testing.assert_allclose(found.gradient(there), here.gradient(POINTS) @ turn.T, atol=1e-12)


def test_bad_places_are_refused():
    problem = LeadFieldProblem(BemBody(icosphere(RADIUS, 1), SIGMA))
    with pytest.raises(BadInput, match="electrode 1 is .* off the skin"):
        problem.solve(np.array([ELECTRODES[0], 1.1 * ELECTRODES[1]]))
    fields = problem.solve(ELECTRODES)
    with pytest.raises(BadInput, match="outside the body"):
        fields.potential(10 * POINTS)
    with pytest.raises(BadInput, match="on a node"):
        fields.gradient(ELECTRODES)
    with pytest.raises(BadInput, match="NaN"):
        fields.gradient(np.full((1, 3), np.nan))
