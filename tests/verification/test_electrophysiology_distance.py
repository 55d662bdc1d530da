"""The eikonal solver against the exact metric distance |x|_M in a homogeneous ball.

A ball is convex, so that the fastest way is the straight one. Around a point source the P1 scheme
has an error of order h log(1/h) (the source is a kink); with exact times given inside a fixed
radius the order is one, which is what is fitted. A plane wave is linear: it must come back to
round-off.
"""

import numpy as np
import pytest
from helpers.eikonal import solve_eikonal
from helpers.heart import ball

ISOTROPIC = np.diag([0.36, 0.36, 0.36])
TILT = np.linalg.qr(np.array([[1.0, 2, 3], [2, -1, 1], [0, 1, -1]]))[0]
ANISOTROPIC = TILT @ np.diag([0.36, 0.09, 0.04]) @ TILT.T


def exact_time(points, origin, tensor):
    d = points - origin
    return np.sqrt(np.einsum("ni,ij,nj->n", d, np.linalg.inv(tensor), d))


def uniform(tensor, cells):
    return np.broadcast_to(tensor, (len(cells), 3, 3))


@pytest.mark.parametrize("tensor", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
def test_order_one_outside_a_ball_of_exact_times(tensor):
    edges, errors = [], []
    for size in (4.0, 2.6, 1.8):
        points, cells = ball(25.0, size)
        time = exact_time(points, np.zeros(3), tensor)
        given = np.flatnonzero(np.linalg.norm(points, axis=1) < 10)
        arrival = solve_eikonal(points, cells, uniform(tensor, cells), given, time[given])
        edges.append(np.linalg.norm(points[cells[:, 0]] - points[cells[:, 1]], axis=1).mean())
        errors.append(np.abs(arrival.activation_time - time).mean())
    order = np.polyfit(np.log(edges), np.log(errors), 1)[0]
    assert 0.75 < order < 1.5, (edges, errors)
    assert errors[-1] < 0.03 * time.mean()


@pytest.mark.parametrize("tensor", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
def test_point_source_converges_and_the_straight_line_start_halves_its_error(tensor):
    plain, near = [], []
    for size in (5.0, 2.8):
        points, cells = ball(25.0, size)
        source = np.array([np.linalg.norm(points, axis=1).argmin()])
        exact = exact_time(points, points[source], tensor)
        for rings, errors in ((0, plain), (2, near)):
            arrival = solve_eikonal(
                *(points, cells, uniform(tensor, cells), source, np.zeros(1)), near_rings=rings
            )
            late = arrival.activation_time - exact
            assert late.min() > -1e-9  # first arrivals along broken lines cannot be early
            errors.append(late.mean())
    assert plain[1] < 0.9 * plain[0]
    assert near[0] < 0.6 * plain[0] and near[1] < 0.7 * plain[1]


@pytest.mark.parametrize("tensor", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
def test_plane_wave_comes_back_to_round_off(tensor):
    points, cells = ball(25.0, 5.0)
    normal = np.array([0.48, -0.6, 0.64])
    time = points @ normal / np.sqrt(normal @ tensor @ normal)
    # Given upstream and on the sphere, so that no way leads through missing tetrahedra.
    sphere = np.linalg.norm(points, axis=1) > 25 - 1e-6
    given = np.flatnonzero((points @ normal < 0) | sphere)
    arrival = solve_eikonal(
        *(points, cells, uniform(tensor, cells), given, time[given]), near_rings=0
    )
    assert len(points) - len(given) > 50
    assert np.abs(arrival.activation_time - time).max() < 1e-9
