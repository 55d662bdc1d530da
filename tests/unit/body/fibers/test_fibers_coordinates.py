import numpy as np
import pytest
from helpers.heart import BASE_Z, RV_CENTRE, heart_patient

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.body.fibers.coordinates import ventricular_coordinates


@pytest.fixture(scope="module")
def heart():
    return heart_patient().heart


@pytest.fixture(scope="module")
def coordinates():
    return ventricular_coordinates(heart_patient())


def test_rho_is_zero_inside_and_one_outside(heart, coordinates):
    rho = coordinates.uvc_rho
    assert np.all(rho[heart.surface_nodes(Surface.LV_ENDO)] == 0)
    np.testing.assert_allclose(rho[heart.surface_nodes(Surface.EPI)], 1, atol=1e-6)
    assert rho.min() >= 0 and rho.max() <= 1


def test_rv_endocardium_is_zero_on_the_free_wall_and_one_on_the_septum(heart, coordinates):
    nodes = heart.surface_nodes(Surface.RV_ENDO)
    far_right = nodes[heart.points[nodes, 0] > RV_CENTRE + 25]
    septum = nodes[(heart.points[nodes, 0] < 33) & (np.abs(heart.points[nodes, 1]) < 15)]
    septum = septum[heart.points[septum, 2] > -30]
    assert len(far_right) > 20 and len(septum) > 20
    np.testing.assert_allclose(coordinates.uvc_rho[far_right], 0, atol=1e-6)
    np.testing.assert_allclose(coordinates.uvc_rho[septum], 1, atol=1e-6)
    assert np.all(coordinates.uvc_nu[far_right] == 1)
    assert np.all(coordinates.uvc_nu[septum] == -1)


def test_z_rises_evenly_from_apex_to_base(heart, coordinates):
    z = coordinates.uvc_z
    assert z[heart.apex] == 0
    np.testing.assert_allclose(z[heart.surface_nodes(Surface.BASE)], 1)
    height = (heart.points[:, 2] + 72) / (BASE_Z + 72)
    assert np.corrcoef(z, height)[0, 1] > 0.97
    assert np.abs(z - height).mean() < 0.06


def test_phi_is_the_angle_from_the_septum_about_the_long_axis(heart, coordinates):
    x, y, z = heart.points.T
    away = np.hypot(x, y) > 15
    error = np.angle(np.exp(1j * (coordinates.uvc_phi - np.arctan2(y, x))))
    assert np.degrees(np.abs(error[away])).max() < 5


def test_a_left_ventricle_alone_has_no_coordinates():
    with pytest.raises(BadInput, match="RV_ENDO"):
        ventricular_coordinates(heart_patient(with_rv=False))
