"""Triangles between loops that no plane shows without crossings: area, boundary, topology."""

import numpy as np
import pytest

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.boundary_loops import boundary_loops, fill_loops
from einthoven.base.geometry.loop_filling import fill_in_space
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import triangle_quality, unique_edges

EDGE_MM = 2.5


def ring(n, radius=20.0, centre=(0.0, 0.0, 0.0), tilt_deg=0.0, hole=False):
    """A circle about the z axis, tilted about y; as a hole it runs the other way round."""
    angle, tilt = 2 * np.pi * np.arange(n) / n, np.radians(tilt_deg)
    flat = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    turn = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    points = flat @ turn.T + centre
    return points[::-1] if hole else points


def area_of(points, faces):
    return np.linalg.norm(triangle_area_vectors(points, faces), axis=1).sum()


def is_filled(loops, points, faces):
    """The loops and nothing else bound it, in their direction; their points come first."""
    corners = np.concatenate(loops)
    np.testing.assert_allclose(points[: len(corners)], corners, atol=1e-9)
    found = boundary_loops(faces)
    assert sorted(map(len, found)) == sorted(map(len, loops))
    sides = {(a, b) for loop in found for a, b in zip(loop, np.roll(loop, -1))}
    starts = np.cumsum([0, *map(len, loops)])
    for start, loop in zip(starts, loops):
        ids = start + np.arange(len(loop))
        assert set(zip(ids, np.roll(ids, -1))) <= sides
    n_edges = len(unique_edges(faces)[0])
    assert len(points) - n_edges + len(faces) == 2 - len(loops)


@pytest.mark.parametrize("height", [6.0, 14.0])
def test_between_two_rings_it_is_a_catenoid(height):
    """The catenoid r = c cosh(z / c) has least area; in a plane one ring hides the other."""
    n = round(2 * np.pi * 20 / EDGE_MM)
    loops = [ring(n), ring(n, centre=(0, 0, height), hole=True)]
    points, faces = fill_in_space(loops, EDGE_MM)
    is_filled(loops, points, faces)
    c = 20.0
    for _ in range(50):
        c = 20.0 / np.cosh(height / 2 / c)
    wanted = c * np.cosh((points[:, 2] - height / 2) / c)
    assert np.abs(np.linalg.norm(points[:, :2], axis=1) - wanted).max() < 0.3
    exact = np.pi * c * (height + c * np.sinh(height / c))
    assert area_of(points, faces) == pytest.approx(exact, rel=0.01)
    assert triangle_quality(points, faces).min() > 0.4


def test_a_surface_to_follow_is_followed():
    n = round(2 * np.pi * 20 / EDGE_MM)
    ids = np.arange(300)
    ahead = (ids + 1) % 300
    tube = np.vstack([ring(300), ring(300, centre=(0, 0, 14.0))])
    sides = np.vstack([np.stack([ids, ahead, ids + 300], 1),
                       np.stack([ahead, ahead + 300, ids + 300], 1)])  # fmt: skip
    loops = [ring(n), ring(n, centre=(0, 0, 14.0), hole=True)]
    points, faces = fill_in_space(loops, EDGE_MM, (tube, sides))
    np.testing.assert_allclose(np.linalg.norm(points[:, :2], axis=1), 20.0, atol=0.01)
    assert area_of(points, faces) == pytest.approx(2 * np.pi * 20 * 14, rel=0.01)


def test_four_annuli_tilted_as_valves_are():
    outer = ring(120, 50.0)
    outer[:, 2] = 8 * np.cos(2 * np.arctan2(outer[:, 1], outer[:, 0]))
    loops = [outer, ring(55, 22.0, (-22, 0, 2), hole=True), ring(30, 12.0, (20, 16, 5), 30, True),
             ring(30, 12.0, (26, -20, 10), 70, True)]  # fmt: skip
    points, faces = fill_loops(loops, EDGE_MM)  # sees that the last one is seen from the side
    is_filled(loops, points, faces)
    assert triangle_quality(points, faces).min() > 0.3


def test_loops_that_cross_are_refused():
    with pytest.raises(StepFailed, match="cross|manifold"):
        fill_in_space([ring(40), ring(40, 15.0, (10, 0, 0), hole=True)], 4.0)
