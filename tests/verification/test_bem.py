"""Boundary elements against concentric spheres, finite elements' lead fields, and theorems."""

import numpy as np
import pytest
from helpers.fem import random_rotation
from helpers.mesh import icosphere

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.numerics.bem.bem_body import BemBody, Inclusion
from einthoven.numerics.bem.integrals import FAR, layers
from einthoven.numerics.bem.leadfield import LeadFieldProblem
from einthoven.numerics.bem.moved_heart import MovableHeart
from einthoven.numerics.bem.transfer import heart_to_torso

OUTER, INNER = 100.0, 40.0
HARMONICS = {1: lambda x, y, z: z, 2: lambda x, y, z: x * y, 3: lambda x, y, z: x * y * z}
"""A solid spherical harmonic of each degree."""


def harmonic(degree, points):
    """On the unit sphere, in the direction of the points: [point]."""
    return HARMONICS[degree](*(points / np.linalg.norm(points, axis=1, keepdims=True)).T)


def shell_factors(degree):
    """Harmonic on the inner sphere: potential outside, and normal derivative inside.

    phi = A r^n + B r^-(n+1) with phi = 1 at the inner sphere b and d phi / dr = 0 at the outer a.
    """
    n, ratio = degree, OUTER / INNER
    inner = n + 1 + n * ratio ** (2 * n + 1)
    outside = (2 * n + 1) * ratio**n / inner
    derivative = n * (n + 1) * (1 - ratio ** (2 * n + 1)) / inner / INNER
    return outside, derivative


def fitted_order(errors):
    """Each subdivision halves the edges: errors [size] -> order."""
    return -np.polyfit(np.arange(len(errors)), np.log2(errors), 1)[0]


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


CORNERS = np.array([[0, 0, 0], [3, 0, 0], [1, 2, 0.5]], float)


def layers_by_gauss(places, corners=CORNERS, n=200):
    """Layers of a triangle's three hats, by Gauss quadrature after Duffy's map."""
    node, weight = np.polynomial.legendre.leggauss(n)
    node, weight = (node + 1) / 2, weight / 2
    u, v = np.meshgrid(node, node, indexing="ij")
    hats = np.stack([1 - u, u * (1 - v), u * v], axis=-1)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    offset = hats @ corners - places[:, None, None]
    r = np.linalg.norm(offset, axis=-1)
    measure = np.outer(weight, weight) * u / (4 * np.pi)
    double = np.einsum("uv,puv,uvk->pk", measure, offset @ normal / r**3, hats)
    single = np.einsum("uv,puv,uvk->pk", measure, np.linalg.norm(normal) / r, hats)
    return double, single


def test_layers_of_a_near_triangle_are_those_of_quadrature():
    """Also at a corner and beside an edge in the plane."""
    places = np.random.default_rng(0).normal(size=(5, 3)) * 2
    places = np.vstack([places, CORNERS[0], 0.5 * (CORNERS[0] + CORNERS[1]) - [0, 0.5, 0]])
    double, single = layers_by_gauss(places)
    found = layers(places, CORNERS, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found.double, double, atol=1e-13)
    np.testing.assert_allclose(found.single, single, rtol=1e-12)


def test_layers_of_a_far_triangle_have_order_five():
    """Error of the far field, relative to the triangle's largest possible value there."""
    directions = np.random.default_rng(1).normal(size=(30, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    side = np.linalg.norm(CORNERS - np.roll(CORNERS, 1, axis=0), axis=1).max()
    area = 0.5 * np.linalg.norm(np.cross(CORNERS[1] - CORNERS[0], CORNERS[2] - CORNERS[0]))
    errors = []
    for distance in 1.01 * FAR * side * np.array([1, 2, 4]):
        places = CORNERS.mean(axis=0) + distance * directions
        found = layers(places, CORNERS, np.array([[0, 1, 2]]))
        double, single = layers_by_gauss(places, n=40)
        scale = area / (4 * np.pi * distance)
        of_double = np.abs(found.double - double).max() * distance / scale
        errors.append([of_double, np.abs(found.single - single).max() / scale])
    orders = -np.polyfit(np.arange(3), np.log2(errors), 1)[0]
    assert (orders > 4.7).all(), orders
    assert np.max(errors[0]) < 3e-6


def test_layers_do_not_depend_on_threads():
    surface, places = icosphere(1.0, 2), np.random.default_rng(2).normal(size=(300, 3))
    np.testing.assert_array_equal(layers(places, *surface), layers(places, *surface, threads=3))


def test_transfer_of_concentric_spheres_has_order_two():
    """A field of degrees 1 to 3: potential on the outer sphere, derivative on the inner one.

    The inscribed polyhedra are too small by a part of order h^2; that of the heart lowers the
    potential outside, that of the torso raises it, so that each degree's error alone may change
    its sign from one size to the next.
    """
    errors = []
    for n_split in (1, 2, 3):
        heart, torso = icosphere(INNER, n_split), icosphere(OUTER, n_split)
        transfer = heart_to_torso(heart, torso)
        given, body, slope = 0.0, 0.0, 0.0
        for degree in HARMONICS:
            outside, derivative = shell_factors(degree)
            given += harmonic(degree, heart[0])
            body += outside * harmonic(degree, torso[0])
            slope += derivative * harmonic(degree, heart[0])
        found = transfer.matrix @ given, transfer.normal_derivative @ given
        errors.append([relative(found[0], body), relative(found[1], slope)])
    potential, derivative = np.transpose(errors)
    assert fitted_order(potential) > 1.8, potential
    assert fitted_order(derivative) > 1.8, derivative
    assert potential[-1] < 0.002
    assert derivative[-1] < 0.03


def test_constants_are_exact():
    """Also with inclusions of other conductivity, and with an insulator."""
    heart, torso = icosphere(INNER, 1, (5, 0, 0)), icosphere(OUTER, 1)
    lung = Inclusion(*icosphere(15, 1, (0, 65, 0)), conductivity=0.3)
    stone = Inclusion(*icosphere(10, 1, (0, 0, -70)), conductivity=0.0)
    for inclusions in ((), (lung,), (lung, stone)):
        transfer = heart_to_torso(heart, torso, inclusions)
        np.testing.assert_allclose(transfer.matrix.sum(axis=1), 1.0, atol=1e-12)
        np.testing.assert_allclose(transfer.normal_derivative.sum(axis=1), 0.0, atol=1e-12)
        rows = BemBody(torso, 1.0, inclusions).double_layer_matrix.sum(axis=1)
        np.testing.assert_allclose(rows, 0.0, atol=1e-12)


def test_transfer_knows_no_frame_and_no_unit_of_conductivity():
    heart, torso = icosphere(INNER, 1, (5, 10, 0)), icosphere(OUTER, 1)
    lung = icosphere(15, 1, (0, 70, 0))
    first = heart_to_torso(heart, torso, [Inclusion(*lung, 0.1)], 0.2)
    turn, shift = random_rotation(np.random.default_rng(1)), np.array([30.0, -500.0, 7.0])
    moved = [(points @ turn.T + shift, faces) for points, faces in (heart, torso, lung)]
    second = heart_to_torso(*moved[:2], [Inclusion(*moved[2], 0.05)], 0.1)
    np.testing.assert_allclose(second.matrix, first.matrix, atol=1e-12)
    np.testing.assert_allclose(second.normal_derivative, first.normal_derivative, atol=1e-12)


def test_an_inclusion_of_the_torsos_conductivity_is_not_there():
    heart, torso = icosphere(INNER, 1, (5, 10, 0)), icosphere(OUTER, 1)
    same = Inclusion(*icosphere(15, 1, (0, 70, 0)), conductivity=1.0)
    plain, filled = heart_to_torso(heart, torso), heart_to_torso(heart, torso, [same])
    np.testing.assert_allclose(filled.matrix, plain.matrix, atol=1e-12)


def test_no_current_is_made():
    """Current that leaves the heart returns, int du/dn dS = 0, although it is not imposed."""
    points, faces = icosphere(INNER, 1)
    heart = points * [0.6, 1.0, 1.3] + [0, 20, 5], faces
    derivative = heart_to_torso(heart, icosphere(OUTER, 1)).normal_derivative
    current = lumped_areas(*heart)[:, None] * derivative
    assert np.linalg.norm(current.sum(axis=0)) < 1e-3 * np.linalg.norm(current)
    along = current @ points[:, 1]
    assert abs(along.sum()) < 1e-4 * np.abs(along).sum()


def test_a_dipoles_potential_on_the_heart_gives_that_on_the_skin():
    """Body without symmetry; reference: lead fields, which do not use the heart's surface."""
    errors = []
    for n_split in (1, 2, 3):
        skin, heart = icosphere(OUTER, n_split), icosphere(INNER, n_split)
        bend = np.outer(skin[0][:, 2] ** 2, [0.0, 0.002, 0.0])
        skin = skin[0] * [1.3, 0.9, 1.5] + bend, skin[1]
        heart = heart[0] * [0.8, 1.0, 1.2] + [20, -25, 10], heart[1]
        place, moment = np.array([[30.0, -35.0, 0.0]]), np.array([1.0, -2.0, 1.0])
        on_skin = LeadFieldProblem(BemBody(skin)).solve(skin[0]).gradient(place)[:, 0] @ moment
        offset = heart[0] - place
        unbounded = offset @ moment / (4 * np.pi * np.linalg.norm(offset, axis=1) ** 3)
        on_heart = unbounded + layers(heart[0], *skin).double @ on_skin
        found = heart_to_torso(heart, skin).matrix @ on_heart
        errors.append(relative(found, on_skin))
    assert fitted_order(errors) > 1.8, errors
    assert errors[-1] < 0.01


def test_a_moved_heart_has_the_transfer_matrix_of_its_place():
    (points, faces), torso = icosphere(35.0, 1), icosphere(90.0, 1)
    points = points * [1.0, 0.8, 1.3]
    body, rotation = MovableHeart((points, faces), torso), random_rotation(np.random.default_rng(1))
    moved = 1.1 * points @ rotation.T + [12.0, -8.0, 5.0]
    expected = heart_to_torso((moved, faces), torso).matrix
    np.testing.assert_allclose(body.matrix(moved, 1.1), expected, atol=1e-12)
    with pytest.raises(BadInput, match="leaves the skin"):
        body.matrix(points + [60.0, 0.0, 0.0], 1.0)
