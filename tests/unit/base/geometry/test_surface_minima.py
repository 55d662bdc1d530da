"""Minima of arrival times on surfaces that are closed forms."""

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_minima import apart, surface_minima

N, STEP, SPEED = 41, 2.0, 0.5


def plate():
    """Points [node, 3] mm and triangles of a square grid."""
    axis = STEP * np.arange(N)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.zeros(N * N)], axis=1)
    corner = (np.arange(N - 1)[:, None] * N + np.arange(N - 1)).ravel()
    lower = np.stack([corner, corner + N, corner + 1], axis=1)
    upper = np.stack([corner + N, corner + N + 1, corner + 1], axis=1)
    return points, np.concatenate([lower, upper])


def arrivals(points, sources, starts):
    """First arrival from point sources in a plate."""
    distance = np.linalg.norm(points[:, None] - np.asarray(sources)[None], axis=2)
    return (np.asarray(starts) + distance / SPEED).min(axis=1)


def test_minima_are_the_sources_and_passes_lie_half_way():
    points, triangles = plate()
    sources = np.array([[10.0, 40, 0], [50, 40, 0], [50, 70, 0]])
    time = arrivals(points, sources, [5.0, 12.0, 20.0])
    found = surface_minima(triangles, time)
    np.testing.assert_array_equal(points[found.nodes], sources)
    np.testing.assert_allclose(found.values, [5, 12, 20])
    # waves from two sources meet at the mean of their starts plus half the way between them
    passes = [(5 + 12) / 2 + 40 / SPEED / 2, (12 + 20) / 2 + 30 / SPEED / 2]
    assert found.prominence[0] == np.inf
    np.testing.assert_allclose(found.prominence[1:] + found.values[1:], passes, atol=STEP / SPEED)


def test_minima_do_not_depend_on_order_and_turn_with_the_function():
    points, triangles = plate()
    rng = np.random.default_rng(3)
    values = rng.standard_normal(len(points))
    found = surface_minima(triangles, values)
    neighbours = [set(triangles[(triangles == node).any(axis=1)].ravel()) - {node}
                  for node in range(len(points))]  # fmt: skip
    lowest = [n for n in range(len(points)) if all(values[n] < values[m] for m in neighbours[n])]
    assert sorted(found.nodes) == lowest
    order = rng.permutation(len(points))
    place = np.argsort(order)
    again = surface_minima(rng.permutation(place[triangles]), values[order])
    np.testing.assert_array_equal(order[again.nodes], found.nodes)
    np.testing.assert_allclose(again.prominence, found.prominence)
    np.testing.assert_allclose(surface_minima(triangles, 3 * values + 1).prominence[1:],
                               3 * found.prominence[1:])  # fmt: skip


def test_equal_values_are_one_minimum_and_pieces_have_one_each():
    points, triangles = plate()
    assert len(surface_minima(triangles, np.zeros(len(points))).nodes) == 1
    two = np.concatenate([triangles, triangles + len(points)])
    found = surface_minima(two, np.zeros(2 * len(points)))
    assert len(found.nodes) == 2 and np.isinf(found.prominence).all()
    with pytest.raises(BadInput, match="values"):
        surface_minima(triangles, np.full(len(points), np.nan))


def test_near_ones_are_one():
    points, triangles = plate()
    time = arrivals(points, [[10.0, 40, 0], [22, 40, 0], [70, 40, 0]], [0.0, 1.0, 2.0])
    found = surface_minima(triangles, time)
    assert len(found.nodes) == 3
    kept = apart(found, points, 15.0)
    np.testing.assert_array_equal(points[kept.nodes][:, 0], [10, 70])
    assert len(apart(found, points, 12.0).nodes) == 3
    assert len(apart(found, points, 1000.0).nodes) == 1
