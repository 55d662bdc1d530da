import numpy as np
import pytest
from helpers.eikonal import solve_eikonal
from helpers.heart import ball

from einthoven.base.core.errors import BadInput, NotConverged, StepFailed
from einthoven.base.core.seeds import generator
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.hopf_lax import local_update


def random_problem(seed=1):
    """Fibres that turn from cell to cell, five sources at different times."""
    points, cells = ball(25.0, 5.0)
    rng = generator(seed, "eikonal")
    f0 = rng.normal(size=(len(cells), 3)) * [1, 0.3, 0.3] + [1, 0, 0]
    f0 /= np.linalg.norm(f0, axis=1, keepdims=True)
    speeds = speed_tensor_sq(f0, 0.6, 0.2)
    return points, cells, speeds, rng.choice(len(points), 5, replace=False), rng.uniform(0, 10, 5)


def test_speed_tensor_has_the_speeds_squared():
    tensor = speed_tensor_sq(np.array([[0.0, 1, 0]]), 0.6, 0.3)[0]
    np.testing.assert_allclose(tensor, np.diag([0.09, 0.36, 0.09]), atol=1e-15)


def test_doubling_speeds_halves_times():
    points, cells, speeds, nodes, _ = random_problem()
    slow = solve_eikonal(points, cells, speeds, nodes, np.zeros(5)).activation_time
    fast = solve_eikonal(points, cells, 4 * speeds, nodes, np.zeros(5)).activation_time
    np.testing.assert_allclose(2 * fast, slow, atol=1e-8)


def test_later_sources_shift_the_map():
    points, cells, speeds, nodes, times = random_problem()
    early = solve_eikonal(points, cells, speeds, nodes, times).activation_time
    late = solve_eikonal(points, cells, speeds, nodes, times + 30).activation_time
    np.testing.assert_allclose(late, early + 30, atol=1e-8)


def test_numbering_of_nodes_and_cells_does_not_matter():
    points, cells, speeds, nodes, times = random_problem()
    rng = generator(1, "permutation")
    node_order, cell_order = rng.permutation(len(points)), rng.permutation(len(cells))
    new = np.argsort(node_order)
    plain = solve_eikonal(points, cells, speeds, nodes, times).activation_time
    mixed = solve_eikonal(
        points[node_order], new[cells][cell_order], speeds[cell_order], new[nodes], times
    ).activation_time
    np.testing.assert_allclose(mixed, plain[node_order], atol=1e-7)


def test_first_arrival_of_all_sources_is_no_later_than_of_each():
    points, cells, speeds, nodes, times = random_problem()
    together = solve_eikonal(points, cells, speeds, nodes, times).activation_time
    for node, time in zip(nodes, times):
        alone = solve_eikonal(points, cells, speeds, np.array([node]), np.array([time]))
        assert np.all(together <= alone.activation_time + 1e-8)


def test_no_node_but_a_source_comes_first_and_late_sources_are_silent():
    points, cells, speeds, nodes, _ = random_problem()
    times = np.array([0.0, 1e4, 1e4, 1e4, 1e4])
    both = solve_eikonal(points, cells, speeds, nodes, times).activation_time
    alone = solve_eikonal(points, cells, speeds, nodes[:1], times[:1]).activation_time
    assert both.argmin() == nodes[0] and np.sum(both <= 0) == 1
    np.testing.assert_allclose(both, alone, atol=1e-8)


def test_residual_reports_a_map_that_is_not_a_fixed_point():
    points, cells, speeds, nodes, times = random_problem()
    found = solve_eikonal(points, cells, speeds, nodes, times, near_rings=0)
    assert found.residual_ms < 1e-8
    wrong = found.activation_time.copy()
    wrong[wrong.argmax()] += 3
    with pytest.raises(NotConverged, match="missed the fixed point by 3 ms"):
        Eikonal.of(points, cells, speeds).residual_ms(wrong, found.start)


def test_a_part_that_no_source_reaches_is_a_failure():
    points, cells, speeds, nodes, times = random_problem()
    twice = np.concatenate([points, points + 100])
    both = np.concatenate([cells, cells + len(points)])
    with pytest.raises(StepFailed, match=f"{len(points)} nodes are not reached"):
        solve_eikonal(twice, both, np.concatenate([speeds, speeds]), nodes, times)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_nodes": np.array([10**6] * 5)}, "source_nodes"),
        ({"source_times": np.full(5, np.nan)}, "source_times"),
        ({"source_times": np.zeros(3)}, "one time each"),
        ({"backend": "magic"}, "backend"),
        ({"points": np.full((7, 3), np.inf)}, "points"),
    ],
)
def test_bad_input_is_named(change, message):
    names = ("points", "cells", "speed_tensor_sq", "source_nodes", "source_times")
    with pytest.raises(BadInput, match=message):
        solve_eikonal(**{**dict(zip(names, random_problem())), **change})


def test_tensor_must_be_positive_definite():
    points, cells, speeds, nodes, times = random_problem()
    with pytest.raises(BadInput, match="positive definite"):
        solve_eikonal(points, cells, -speeds, nodes, times)
    with pytest.raises(BadInput, match="cm/s"):
        speed_tensor_sq(np.array([[1.0, 0, 0]]), 60.0, 30.0)


def test_other_speeds_on_the_same_mesh_are_those_of_a_new_equation():
    points, cells, speeds, _, _ = random_problem()
    anew = Eikonal.of(points, cells, 4 * speeds).travel
    for one, other in zip(Eikonal.of(points, cells, speeds).with_speeds(4 * speeds).travel, anew):
        np.testing.assert_array_equal(one, other)


def test_local_update_is_the_least_over_the_face():
    """Against a fine grid on the face, for tetrahedra of any shape and any admissible times."""
    rng, shares = generator(2, "local update"), np.linspace(0, 1, 201)
    l1, l2 = (grid[np.add.outer(shares, shares) <= 1] for grid in np.meshgrid(shares, shares))
    for _ in range(50):
        corners = rng.normal(size=(4, 3))
        face, node = corners[:3], corners[3]
        u = face @ rng.normal(size=3) * 0.5

        def squared(i, j, corners=corners):
            return float(((corners[i] - corners[j]) ** 2).sum())

        found = min(
            local_update(
                tuple(u[list(turn)]),
                (squared(turn[0], turn[1]), squared(turn[0], turn[2]), squared(turn[1], turn[2])),
                tuple(squared(i, 3) for i in turn),
                np.inf,
            )[0]
            for turn in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        )
        on_face = np.stack([1 - l1 - l2, l1, l2], axis=1)
        grid = (on_face @ u + np.linalg.norm(node - on_face @ face, axis=1)).min()
        assert grid - 0.02 < found <= grid + 1e-12
