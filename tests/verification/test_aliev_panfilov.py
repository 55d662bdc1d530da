"""The Aliev-Panfilov model: cells against an adaptive solver, waves against the exact front."""

import numpy as np
import pytest
import pyvista as pv
import scipy.sparse as sp
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_operators import (
    cotangent_laplacian,
    lumped_areas,
    neighbour_laplacian,
)
from einthoven.base.metrics.activation_times import crossing_times
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov, Stimulus, simulate

PAPER = AlievPanfilov()
FRONT_ONLY = AlievPanfilov(e0=0.0, mu1=0.0)
"""v stays zero: the bistable equation, whose travelling wave is known."""


def sphere(radius=20.0, level=2):
    mesh = pv.Icosphere(radius=radius, nsub=level)
    return np.asarray(mesh.points, float), mesh.regular_faces


def strip(edge, length=100.0, n_across=3):
    """Equilateral triangles along x: points [node, 3] mm and faces."""
    n = int(round(length / edge)) + 1
    i, j = np.meshgrid(np.arange(n), np.arange(n_across), indexing="ij")
    points = np.stack([(i + 0.5 * (j % 2)) * edge, j * edge * np.sqrt(3) / 2, 0.0 * i], axis=-1)
    node = (i * n_across + j)[:-1, :-1].ravel()
    right, up, odd = node + n_across, node + 1, (j % 2)[:-1, :-1].ravel()[:, None]
    both = up + n_across
    even_faces = np.stack([node, right, up, right, both, up], axis=1)
    odd_faces = np.stack([node, both, up, node, right, both], axis=1)
    return points.reshape(-1, 3), np.where(odd == 0, even_faces, odd_faces).reshape(-1, 3)


def test_a_cell_by_itself_is_that_of_an_adaptive_solver():
    time = np.arange(0.0, 40.1, 0.5)

    def rate(_, state):
        u, v = state
        rate_v = (0.002 + 0.3 * v / (u + 0.3)) * (-v - 8 * u * (u - 1.1))
        return [8 * u * (u - 0.1) * (1 - u) - u * v, rate_v]

    exact = solve_ivp(rate, (0, 41), [1.0, 0.0], t_eval=time, rtol=1e-10, atol=1e-12).y
    found = simulate(sp.csr_array((1, 1)), [Stimulus(np.array([0]))], time)
    assert exact[0, -1] < 0.02 < 0.9 < exact[0, 20]
    np.testing.assert_allclose(np.vstack([found.u, found.v]), exact, atol=1e-5)


def test_order_four_in_time():
    laplacian = cotangent_laplacian(*sphere())
    time, stimuli = np.arange(0.0, 12.1, 2.0), [Stimulus(np.array([0]))]
    steps = np.array([0.1, 0.07, 0.05])
    exact = simulate(laplacian, stimuli, time, step=0.01).u
    errors = [
        np.abs(simulate(laplacian, stimuli, time, step=step).u - exact).max() for step in steps
    ]
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert 3.7 < order < 4.4, f"order {order:.2f}, errors {errors}"


def test_speed_of_a_plane_front_converges_to_the_exact_one():
    edges, speeds = np.array([3.0, 2.0, 1.4]), []
    time = np.arange(0.0, 16.0, 0.25)
    for edge in edges:
        points, faces = strip(edge)
        start = Stimulus(np.flatnonzero(points[:, 0] < 8.0))
        wave = simulate(cotangent_laplacian(points, faces), [start], time, FRONT_ONLY)
        mid = np.isclose(points[:, 1], edge * np.sqrt(3) / 2)
        x, arrival = points[mid, 0], crossing_times(wave.u[mid], time, 0.5)
        on_way = (x > 35) & (x < 70)
        speeds.append(np.polyfit(arrival[on_way], x[on_way], 1)[0])
    exact = FRONT_ONLY.front_speed
    assert exact == pytest.approx(np.sqrt(8 * 10 / 2) * 0.8)
    errors = np.abs(np.array(speeds) / exact - 1)
    order = np.polyfit(np.log(edges), np.log(errors), 1)[0]
    assert errors[-1] < 0.02 and 1.7 < order < 2.4, f"order {order:.2f}, speeds {speeds}"


def test_on_equilateral_triangles_both_laplacians_are_one():
    points, faces = strip(3.0, length=30.0, n_across=7)
    inner = np.flatnonzero(np.bincount(faces.ravel()) == 6)
    cotangent, neighbour = cotangent_laplacian(points, faces), neighbour_laplacian(points, faces)
    np.testing.assert_allclose(
        cotangent.toarray()[inner], neighbour.toarray()[inner], rtol=1e-12, atol=1e-14
    )


def test_by_neighbours_the_laplacian_is_not_consistent_on_uneven_triangles():
    """Of the coordinates on a sphere, lap x = -2 x / R^2; by neighbours errors grow as 1 / h."""
    errors = {cotangent_laplacian: [], neighbour_laplacian: []}
    for level in (2, 3, 4):
        points, faces = sphere(radius=30.0, level=level)
        uneven = np.random.default_rng(4).standard_normal(points.shape)
        points = points + 0.12 * 30 / 2**level * uneven
        points *= 30.0 / np.linalg.norm(points, axis=1, keepdims=True)
        weights, exact = lumped_areas(points, faces)[:, None], -2 / 900 * points
        for laplacian, found in errors.items():
            wrong = laplacian(points, faces) @ points - exact
            found.append(np.sqrt((weights * wrong**2).sum() / (weights * exact**2).sum()))
    growth = [np.log2(found[-1] / found[0]) / 2 for found in errors.values()]
    assert growth[0] < 0.2 and max(errors[cotangent_laplacian]) < 0.3
    assert 0.7 < growth[1] < 1.3 and errors[neighbour_laplacian][-1] > 2


def test_no_flux_leaves_the_tissue():
    """Of diffusion alone on a strip with edges, the integral of u stays; not so by neighbours."""
    points, faces = strip(3.0, length=60.0, n_across=5)
    inert = AlievPanfilov(k=1e-9, e0=0.0, mu1=0.0)
    time, start = np.arange(0.0, 20.0), [Stimulus(np.arange(20))]
    total = lumped_areas(points, faces) @ (
        simulate(cotangent_laplacian(points, faces), start, time, inert, step=0.1).u
    )
    np.testing.assert_allclose(total, total[0], rtol=1e-6)
    by_neighbours = lumped_areas(points, faces) @ (
        simulate(neighbour_laplacian(points, faces), start, time, inert, step=0.1).u
    )
    assert np.ptp(by_neighbours) > 0.01 * total[0]


def test_neither_a_turn_nor_other_numbers_of_nodes_change_the_wave():
    points, faces = sphere()
    time, rng = np.arange(0.0, 20.0), np.random.default_rng(2)
    wave = simulate(cotangent_laplacian(points, faces), [Stimulus(np.array([3]))], time, step=0.1)
    turned = points @ Rotation.random(random_state=1).as_matrix().T + [5.0, -3, 8]
    order = rng.permutation(len(points))
    place = np.argsort(order)
    moved = cotangent_laplacian(turned[order], place[faces])
    again = simulate(moved, [Stimulus(place[[3]])], time, step=0.1)
    np.testing.assert_allclose(again.u[place], wave.u, atol=1e-9)


def test_a_second_stimulus_waits_and_refractory_tissue_does_not_answer():
    points, faces = sphere()
    time, laplacian = np.arange(0.0, 48.0, 0.5), cotangent_laplacian(points, faces)
    south, north = points[:, 2].argmin(), points[:, 2].argmax()
    one = [Stimulus(np.array([south]))]
    alone = simulate(laplacian, one, time, step=0.1).u
    both = simulate(laplacian, [*one, Stimulus(np.array([north]), time=4.2)], time, step=0.1).u
    np.testing.assert_array_equal(both[:, time < 4.5], alone[:, time < 4.5])
    assert both[north, time == 4.5] == 1
    arrival = crossing_times(both, time, 0.5)
    assert (arrival <= crossing_times(alone, time, 0.5) + 1e-9).all() and arrival[north] < 4.6
    late = simulate(laplacian, [*one, Stimulus(np.array([south]), time=31.0)], time, step=0.1).u
    beat_by = np.linalg.norm(points - points[south], axis=1) > 15
    assert np.abs(late - alone)[beat_by].max() < 0.05


def test_steps_that_are_not_stable_are_refused_and_would_blow_up():
    laplacian = cotangent_laplacian(*sphere(radius=2.0, level=2))
    limit = PAPER.max_step(laplacian)
    time = np.arange(0.0, 8.0)
    with pytest.raises(BadInput, match="stable up to"):
        simulate(laplacian, [Stimulus(np.array([0]))], time, step=1.01 * limit)
    u = simulate(laplacian, [Stimulus(np.array([0]))], time, step=limit).u
    assert np.abs(u).max() <= 1.001
    # the bound is not idle: the diffusion's own limit is less than twice as far
    largest = abs(sp.linalg.eigs(laplacian, k=1, return_eigenvectors=False)[0])
    assert 2.785 / (PAPER.diffusion * largest) < 2 * limit


@pytest.mark.parametrize(
    "stimuli, time, message",
    [
        ([], np.arange(3.0), "none"),
        ([Stimulus(np.array([9]))], np.arange(3.0), "nodes from 0"),
        ([Stimulus(np.array([0]), time=7.0)], np.arange(3.0), "outside"),
        ([Stimulus(np.array([0]))], np.array([0.0, 1, 3]), "equal steps"),
    ],
)
def test_bad_input_is_named(stimuli, time, message):
    with pytest.raises(BadInput, match=message):
        simulate(sp.csr_array((4, 4)), stimuli, time)


def test_parameters_without_a_wave_are_refused():
    with pytest.raises(BadInput, match="one half"):
        AlievPanfilov(a=0.6)
    with pytest.raises(BadInput, match="positive"):
        AlievPanfilov(k=0.0)
