from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import qmc

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.geometry.barycentric import attach, cast_ray
from einthoven.base.geometry.sampling import farthest_points
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.electrodes import (
    grid_electrodes,
    posterior_electrodes,
    standard_electrodes,
)
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.torso import torso_surface

BODIES = [np.zeros(10), *(2 * qmc.LatinHypercube(10, seed=4).random(10) - 1)]


@pytest.mark.parametrize("resolution", ["coarse", "fine"])
def test_electrodes_sit_where_a_nurse_puts_them(resolution):
    for coeffs in BODIES:
        body = torso_surface(coeffs, resolution)
        names, points, ground = standard_electrodes(body)
        assert names == list(STANDARD_ELECTRODES)
        at = dict(zip(names, points))
        mark = body.landmarks
        assert -40 < at["V1"][0] < -12 and 12 < at["V2"][0] < 40
        for name in ("V1", "V2"):
            assert abs(at[name][2] - mark["ICS4"][2]) < 8, name
        x, y, z = np.array([at[f"V{k}"] for k in range(1, 7)]).T
        assert np.all(np.diff(x) > 5), "V1 to V6 go to the left"
        assert np.all(np.diff(y[3:]) > 20), "V4 to V6 go to the back"
        assert z[1] > z[2] > z[3], "V3 between V2 and V4, below the fourth space"
        assert np.ptp(z[3:]) < 35, "V4 to V6 in one level"
        # V6 on the midaxillary line: half way between front and back at its height
        band = body.points[(np.abs(body.points[:, 2] - z[5]) < 15) & (body.points[:, 0] > -130)]
        assert abs(y[5] - band[:, 1].mean()) < 45
        assert x[5] > 0.85 * band[:, 0].max()
        for right, left in ((at["RA"], at["LA"]), (ground, at["LL"])):
            assert right[0] < -60 and left[0] > 60
            np.testing.assert_allclose(right * [-1, 1, 1], left, atol=6)
        assert mark["ICS4"][2] < at["LA"][2] < mark["CLAVICLE_L"][2]
        assert at["LA"][0] < mark["SHOULDER_L"][0] and at["LL"][2] < mark["NAVEL"][2]


@pytest.mark.parametrize("number", [0, 7, 30])
def test_v7_to_v9_go_round_the_back_in_the_plane_of_v6(number):
    config = Config()
    anatomy = build_anatomy(draw_patient(number, config.cohort), config.anatomy)
    names, points = posterior_electrodes(anatomy)
    assert names.tolist() == ["V7", "V8", "V9"]
    at = dict(zip(anatomy.site_names.tolist(), anatomy.site_points))
    np.testing.assert_allclose(anatomy.on_skin(points), points, atol=1e-4)
    np.testing.assert_allclose(points[:2, 2], at["V6"][2], atol=12.0)
    x, y = np.vstack([at["V6"], points])[:, :2].T
    assert np.all(np.diff(x) < -8), "V6 to V9 go to the spine"
    assert y[1] > y[0] + 20 and y[2] > y[1], "and to the back"
    assert x[-1] > 0.5 * (at["V1"][0] + at["V2"][0]) and points[1, 0] == at["V4"][0]


def test_v7_to_v9_need_the_electrodes_of_the_front():
    config = Config()
    anatomy = build_anatomy(draw_patient(0, config.cohort), config.anatomy)
    names = np.where(anatomy.site_names == "V4", "X4", anatomy.site_names)
    with pytest.raises(BadInput, match="no electrode V4; V7 to V9 are placed by them"):
        posterior_electrodes(replace(anatomy, site_names=names))


def test_no_points_are_tied_to_a_skin():
    tied = attach(np.eye(3), np.array([[0, 1, 2]]), np.empty((0, 3)))
    assert tied.vertices.shape == tied.weights.shape == tied.on(np.eye(3)).shape == (0, 3)


def test_all_electrodes_lie_on_real_skin():
    for resolution in ("coarse", "fine"):
        body = torso_surface(BODIES[1], resolution)
        _, points, ground = standard_electrodes(body)
        points = np.vstack([points, ground, grid_electrodes(body)[:200]])
        tied = attach(body.points, body.faces, points)
        np.testing.assert_allclose(tied.on(body.points), points, atol=1e-6)
        assert not body.cap[tied.vertices].all(axis=1).any(), "an electrode sits on a cut"


def test_resolutions_agree():
    for coeffs in BODIES:
        coarse, fine = torso_surface(coeffs, "coarse"), torso_surface(coeffs, "fine")
        moved = standard_electrodes(coarse)[1] - standard_electrodes(fine)[1]
        assert np.linalg.norm(moved, axis=1).max() < 4.0
        moved = (grid_electrodes(coarse) - grid_electrodes(fine))[:100]
        assert np.linalg.norm(moved, axis=1).max() < 5.0


def test_more_of_the_farthest_points_keep_the_earlier_ones():
    candidates = np.random.default_rng(0).random((300, 3))
    many = farthest_points(candidates, np.zeros(3), 150)
    for n in (1, 24, 100):
        np.testing.assert_array_equal(farthest_points(candidates, np.zeros(3), n), many[:n])


def test_grid_electrodes_are_uniform_and_in_front():
    body = torso_surface([], "fine")
    points = grid_electrodes(body)[:100]
    distances = cKDTree(points).query(points, k=2)[0][:, 1]
    assert distances.min() > 0.6 * distances.max()
    assert distances.min() > 25.0
    right, left = np.sum(points[:, 0] < 0), np.sum(points[:, 0] > 0)
    assert abs(int(right) - int(left)) < 20
    for x, y, z in points:  # seen from the front, nothing hides it
        seen = cast_ray(body.points, body.faces, [x, -1000.0, z], [0.0, 1.0, 0.0])
        assert seen[1] == pytest.approx(y, abs=1e-3)


def test_a_grid_around_the_body_covers_front_sides_and_back_evenly():
    body = torso_surface([], "fine")
    points = grid_electrodes(body, "around")[:120]
    distances = cKDTree(points).query(points, k=2)[0][:, 1]
    assert distances.min() > 0.6 * distances.max()
    middle = body.points.mean(axis=0)
    angle = np.degrees(np.arctan2(points[:, 0] - middle[0], middle[1] - points[:, 1]))
    sectors = np.histogram(angle, np.arange(-180, 181, 60))[0]
    assert sectors.min() > 0.5 * sectors.max()
    tied = attach(body.points, body.faces, points)
    assert not body.cap[tied.vertices].all(axis=1).any(), "an electrode sits on a cut"


def test_same_coefficients_same_electrodes():
    first = grid_electrodes(torso_surface(BODIES[4], "coarse"))
    from einthoven.body.anatomy import electrodes

    electrodes._grid_places.cache_clear()
    np.testing.assert_array_equal(grid_electrodes(torso_surface(BODIES[4], "coarse")), first)
