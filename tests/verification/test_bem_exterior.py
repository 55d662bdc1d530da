"""Fields outside of a surface from their values on it: spheres, dipoles, theorems."""

import numpy as np
import pytest
from helpers.fem import random_rotation
from helpers.mesh import icosphere

from einthoven.numerics.bem.exterior import gradient_outside, normal_derivative_outside

RADIUS = 40.0
CENTRE, PLACE, MOMENT = np.array([5.0, -3.0, 8.0]), np.array([9.0, 4.0, 2.0]), [0.3, 1.0, -0.5]


def heart(level):
    points, faces = icosphere(1.0, level)
    return RADIUS * points * [1.0, 0.8, 1.2] + CENTRE, faces


def dipole(points):
    """Potential [point] and gradient [point, 3] of a dipole inside, in an unbounded medium."""
    away = points - PLACE
    r = np.linalg.norm(away, axis=1)[:, None]
    along = (away @ MOMENT)[:, None]
    return (along / r**3)[:, 0], MOMENT / r**3 - 3 * away * along / r**5


def fitted_order(errors):
    return -np.polyfit(np.arange(len(errors)), np.log2(errors), 1)[0]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_harmonics_of_a_sphere_fall_off_by_their_degree(degree):
    shape = {1: lambda x, y, z: z, 2: lambda x, y, z: x * y, 3: lambda x, y, z: x * y * z}
    errors = []
    for level in (1, 2, 3):
        points, faces = icosphere(1.0, level)
        phi = shape[degree](*points.T)
        found = normal_derivative_outside(RADIUS * points, faces) @ phi
        errors.append(np.linalg.norm(found + (degree + 1) / RADIUS * phi) * RADIUS)
        errors[-1] /= (degree + 1) * np.linalg.norm(phi)
    assert errors[-1] < 0.03 and fitted_order(errors) > 1.5


def test_the_gradient_of_a_dipole_is_found_from_its_values():
    errors = []
    for level in (1, 2, 3):
        points, faces = heart(level)
        phi, gradient = dipole(points)
        found = gradient_outside(points, faces, phi[:, None])[:, :, 0]
        errors.append(np.linalg.norm(found - gradient) / np.linalg.norm(gradient))
    assert errors[-1] < 0.04 and fitted_order(errors) > 1.2


def test_a_turned_surface_has_turned_gradients():
    points, faces = heart(2)
    phi, turn = dipole(points)[0], random_rotation(np.random.default_rng(3))
    here, there = (
        gradient_outside(p, faces, phi[:, None])[:, :, 0] for p in (points, points @ turn.T)
    )
    np.testing.assert_allclose(there, here @ turn.T, atol=1e-9 * np.abs(here).max())


def test_sizes_scale_the_derivative():
    points, faces = heart(1)
    here, twice = (normal_derivative_outside(f * points, faces) for f in (1.0, 2.0))
    np.testing.assert_allclose(2 * twice, here, rtol=1e-9, atol=1e-12)
