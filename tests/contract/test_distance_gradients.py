"""Distances with gradients are the data set's distances, and the gradients are theirs."""

import numpy as np
import pytest
from helpers.mesh import cubes_body, spheres_body

from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.signed_distance import signed_distances, signed_distances_and_gradients
from einthoven.base.geometry.surfaces import Surfaces

BODIES = {"spheres": spheres_body(), "cubes": cubes_body()[:3]}
N_QUERIES = 500
STEP_MM = 1e-4
CLEAR_MM = 2.0
"""Farther than this from a surface, the curvature of its distance is below 0.5 per mm."""
KINK = 1e-4
"""Largest change of slope within a step where the distance is smooth (curvature times step)."""


@pytest.fixture(params=BODIES)
def body(request):
    return Surfaces(*BODIES[request.param])


def queries_about_all_surfaces(points, key):
    """Half all through the body's box, half about the heart, inside and outside of it."""
    rng = generator(3, "contract", key)
    low, high = points.min(axis=0) - 20.0, points.max(axis=0) + 20.0
    heart = rng.uniform(-60.0, 60.0, size=(N_QUERIES, 3))
    return np.concatenate([rng.uniform(low, high, size=(N_QUERIES, 3)), heart])


def test_both_give_the_same_distances(body):
    queries = queries_about_all_surfaces(body.points, "distance")
    wanted = signed_distances(body, queries)
    assert np.all((wanted < 0).any(axis=0) & (wanted > 0).any(axis=0))  # both sides of each
    with_gradients, _ = signed_distances_and_gradients(body, queries)
    assert np.allclose(with_gradients, wanted, rtol=0, atol=1e-9)


def test_gradients_are_the_other_ones_finite_differences(body):
    """Central differences, but where the closest point jumps from one face to another."""
    queries = queries_about_all_surfaces(body.points, "gradient")
    distance, gradient = signed_distances_and_gradients(body, queries)
    steps = STEP_MM * np.eye(3)
    ahead = np.stack([signed_distances(body, queries + step) for step in steps], axis=2)
    behind = np.stack([signed_distances(body, queries - step) for step in steps], axis=2)
    change_of_slope = np.abs(ahead + behind - 2 * distance[..., None]) / STEP_MM
    smooth = (change_of_slope < KINK).all(axis=2) & (np.abs(distance) > CLEAR_MM)
    error = np.abs((ahead - behind) / (2 * STEP_MM) - gradient).max(axis=2)
    for k, name in enumerate(SDF_SURFACES):
        clear = np.abs(distance[:, k]) > CLEAR_MM
        assert smooth[clear, k].mean() > 0.99, name
        assert np.any(smooth[:, k] & (distance[:, k] < 0)), name
        assert error[smooth[:, k], k].max() < KINK, name
