"""Electrodes on the skin, the pseudo lead field."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.fem import ball_in_ball, unit

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

MESH = ball_in_ball()
SKIN = skin_faces(MESH)
ELECTRODES = 100.0 * unit(np.random.default_rng(1).normal(size=(7, 3)))


def test_weights_reproduce_linear_functions_at_the_projection():
    weights = electrode_weights(MESH.points, SKIN, ELECTRODES)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    feet = weights @ MESH.points
    assert weights.data.min() >= 0
    assert np.linalg.norm(feet - ELECTRODES, axis=1).max() < 3.0  # sagitta of the triangles
    np.testing.assert_allclose(
        electrode_weights(MESH.points, SKIN, feet) @ MESH.points, feet, atol=1e-9
    )


def test_closest_point_is_closest_among_many():
    generator = np.random.default_rng(2)
    corners = generator.normal(size=(30, 3, 3))
    fine = generator.dirichlet([0.5, 0.5, 0.5], size=4000)
    faces = np.arange(90).reshape(30, 3)
    queries = 2 * generator.normal(size=(5, 3))
    places = attach(corners.reshape(-1, 3), faces, queries)
    feet = places.on(corners.reshape(-1, 3))
    for x, foot in zip(queries, feet):
        distance = np.linalg.norm(foot - x)
        others = np.linalg.norm(np.einsum("sv,fvi->sfi", fine, corners) - x, axis=2).min()
        assert distance - 1e-12 <= others < distance + 0.2
    for triangle in corners:  # each alone, so that corners and edges come up too
        feet = attach(triangle, faces[:1], queries).on(triangle)
        others = np.linalg.norm(fine @ triangle - queries[:, None], axis=2).min(axis=1)
        distance = np.linalg.norm(feet - queries, axis=1)
        assert (distance <= others + 1e-12).all() and (others - distance).max() < 0.2


def test_lumped_areas_sum_to_the_area_of_the_sphere():
    area = lumped_areas(MESH.points, SKIN).sum()
    assert 0.95 < area / (4 * np.pi * 100.0**2) < 1.0


@pytest.mark.parametrize(
    ("electrodes", "names", "message"),
    [
        (ELECTRODES * 1.1, None, "mm off the skin"),
        (ELECTRODES / 1000, None, "not in mm"),
        (ELECTRODES[:2], ["V1", "V1"], "V1 given more than once"),
        (ELECTRODES[:2], ["V1", "V2", "V3"], "3 for 2"),
        (ELECTRODES * np.nan, None, "NaN"),
        (ELECTRODES[:, :2], None, "shape"),
    ],
)
def test_bad_electrodes(electrodes, names, message):
    with pytest.raises(BadInput, match=message):
        electrode_weights(MESH.points, SKIN, electrodes, names)


def test_open_or_missing_skin():
    with pytest.raises(BadInput, match="not closed"):
        skin_faces(replace(MESH, facets=MESH.facets[4:], facet_tags=MESH.facet_tags[4:]))
    with pytest.raises(BadInput, match="none is tagged SKIN"):
        skin_faces(replace(MESH, facet_tags=MESH.facet_tags + 1))


def test_pseudo_lead_field_has_its_closed_value():
    """Eq. (11) of Dokuchaev 2026 with numbers put in."""
    electrode = np.array([[30.0, 0.0, 40.0]])  # 50 mm from the origin
    point = np.zeros((1, 3))
    grad = pseudo_lead_field_grad(point, electrode, 0.06)[0, 0]
    # Z* = 1 / (4 pi 0.06 mS/mm 50 mm) = 1 / 37.699 mS = 0.026525824 kOhm, and its slope
    # 0.026525824 kOhm / 50 mm along (3, 0, 4) / 5
    np.testing.assert_allclose(grad, 5.3051648e-4 * np.array([0.6, 0.0, 0.8]), rtol=1e-7)
    double = pseudo_lead_field_grad(point, electrode, 0.12)[0, 0]
    np.testing.assert_allclose(double, grad / 2, rtol=1e-12)


def test_pseudo_gradient_is_the_gradient_and_points_to_the_electrode():
    points = np.random.default_rng(3).uniform(-40, 40, size=(50, 3))
    grad = pseudo_lead_field_grad(points, ELECTRODES, 0.06)
    h = 1e-3

    def potential(x):
        """Z* of eq. (11): [electrode, point] kOhm."""
        return 1 / (4 * np.pi * 0.06 * np.linalg.norm(ELECTRODES[:, None] - x, axis=2))

    for axis in range(3):
        step = h * np.eye(3)[axis]
        plus, minus = potential(points + step), potential(points - step)
        np.testing.assert_allclose(grad[..., axis], (plus - minus) / (2 * h), rtol=1e-6, atol=1e-10)
    towards = ELECTRODES[:, None] - points
    assert (np.einsum("epd,epd->ep", grad, towards) > 0).all()
    with pytest.raises(BadInput, match="infinite"):
        pseudo_lead_field_grad(ELECTRODES, ELECTRODES, 0.06)
