"""Chamfer distances of known pairs, and contours of known distances."""

import numpy as np
import pytest
from helpers.encoders import sphere

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.geometry.contouring import Grid
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import check_closed
from einthoven.base.metrics.surfaces import chamfer, surface_chamfer


def test_chamfer_of_two_points_and_of_a_cloud_with_itself() -> None:
    a, b = np.array([[0.0, 0, 0]]), np.array([[3.0, 4.0, 0], [3.0, 4.0, 12.0]])
    assert chamfer(a, b) == pytest.approx((5 + (5 + 13) / 2) / 2)
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    assert chamfer(cloud, cloud) == 0.0
    with pytest.raises(BadInput, match="no points"):
        chamfer(a, b[:0])


def test_surface_chamfer_of_concentric_spheres_is_the_gap() -> None:
    assert surface_chamfer(sphere(50), sphere(52)) == pytest.approx(2.0, rel=0.01)


def test_surface_chamfer_of_shifted_sphere_is_half_the_shift() -> None:
    """Mean of |d cos(angle)| over a sphere is d / 2, to first order."""
    assert surface_chamfer(sphere(50), sphere(50, (2, 0, 0))) == pytest.approx(1.0, rel=0.03)


def test_contour_of_exact_distance_lies_on_the_sphere() -> None:
    grid = Grid.around(sphere(40)[0], 40)
    points, faces = grid.contour(np.linalg.norm(grid.points(), axis=1) - 40)
    assert np.abs(np.linalg.norm(points, axis=1) - 40).max() < 0.1
    assert surface_chamfer((points, faces), sphere(40)) < 0.1
    with pytest.raises(StepFailed, match="no zero"):
        grid.contour(np.ones(40**3))


def test_what_leaves_the_box_is_closed_at_its_sides() -> None:
    """Half a ball: its volume, and the disc."""
    grid = Grid(np.array([-50.0, -50.0, 0.0]), np.array([2.5, 2.5, 1.25]), 41)
    distance = np.linalg.norm(grid.points(), axis=1) - 40
    with pytest.raises(BadInput, match="not closed"):
        check_closed("half", *grid.contour(distance))
    points, faces = grid.contour(grid.walled(distance))
    check_closed("half", points, faces[:, ::-1])
    assert enclosed_volume(points, faces[:, ::-1]) == pytest.approx(2 / 3 * np.pi * 40**3, rel=0.04)


def test_chamfer_of_grid_points_counts_only_the_shell() -> None:
    axis = np.arange(10.0)
    grid = np.stack([axis, 0 * axis, 0 * axis], 1)
    # points 0..4 against 0..5: one of six has its neighbour at 1 mm
    assert chamfer(grid[axis <= 4], grid[axis <= 5]) == pytest.approx(1 / 12)
