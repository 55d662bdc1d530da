"""Fields of action-potential duration: means, differences, smoothing, range."""

import numpy as np
import pytest
from helpers.fem import bare_heart, box_mesh
from helpers.heart import HOMOGENEOUS, activated_patient, durations

from einthoven.base.core.tags import Surface
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.repolarisation import apd90_field, node_volumes, smooth

GRADIENTS = ("apex_to_base_ms", "anterior_to_posterior_ms", "rv_to_lv_ms", "endo_to_epi_ms")


def field(**settings):
    return apd90_field(activated_patient(), durations(**settings))


def test_homogeneous_is_the_templates_duration():
    members = family()
    flat = apd90_field(activated_patient(), HOMOGENEOUS)
    assert (flat == members.apd90[members.template]).all()


def test_without_gradients_the_mean_is_everywhere():
    assert (field(mean_ms=280.0) == 280.0).all()


@pytest.mark.parametrize("name", GRADIENTS)
def test_each_gradient_keeps_the_mean_and_turns_with_its_sign(name):
    volumes = node_volumes(activated_patient().heart)
    up, down = field(mean_ms=290.0, **{name: 40.0}), field(mean_ms=290.0, **{name: -40.0})
    assert np.average(up, weights=volumes) == pytest.approx(290.0, abs=1e-6)
    np.testing.assert_allclose(up - 290.0, 290.0 - down, atol=1e-6)
    assert 20 < np.ptp(up) <= 41


def test_gradients_point_from_the_first_to_the_second_end():
    patient = activated_patient()
    heart, uvc = patient.heart, patient.coordinates
    rough = {"smoothing_mm": 0.0}
    base = field(apex_to_base_ms=40.0, **rough)
    assert base[heart.surface_nodes(Surface.BASE)].mean() > base[heart.apex] + 35
    lv = field(rv_to_lv_ms=30.0, **rough)
    assert lv[uvc.uvc_nu < 0].min() == pytest.approx(lv[uvc.uvc_nu > 0].max() + 30)
    epi = field(endo_to_epi_ms=20.0, **rough)
    outside, inside = heart.surface_nodes(Surface.EPI), heart.surface_nodes(Surface.LV_ENDO)
    assert epi[outside].min() == pytest.approx(epi[inside].max() + 20)
    assert np.ptp(epi[heart.surface_nodes(Surface.RV_ENDO)]) < 1e-6
    # the RV lies at +x and the base at +z: y = z cross x is the anterior wall
    posterior = field(anterior_to_posterior_ms=40.0, **rough)
    wall = np.abs(heart.points[:, 2]) < 10
    slope = np.polyfit(heart.points[wall, 1], posterior[wall], 1)[0]
    assert slope < -0.4


def test_gradients_add_up_until_they_leave_the_family():
    some = {"apex_to_base_ms": 20.0, "endo_to_epi_ms": -15.0, "rv_to_lv_ms": 10.0}
    parts = sum(field(**{name: value}) - 300.0 for name, value in some.items())
    np.testing.assert_allclose(field(**some), 300.0 + parts, atol=1e-6)
    wild = field(apex_to_base_ms=150.0, endo_to_epi_ms=150.0, mean_ms=390.0)
    members = family()
    assert wild.min() >= members.apd90[0] and wild.max() <= members.apd90[-1]
    members.weights(wild)


def test_smoothing_a_step_gives_its_length():
    """In one dimension u - L^2 u'' = sign(x) has u = sign(x) (1 - exp(-|x| / L))."""
    points, cells = box_mesh(30, size=30.0)
    points = points * [1.0, 0.1, 0.1]
    heart = bare_heart(points, cells)
    x = points[:, 0] - 15.5
    u = smooth(heart, np.sign(x), 3.0)
    exact = np.sign(x) * (1 - np.exp(-np.abs(x) / 3.0))
    inner = np.abs(x) < 8
    assert np.abs(u - exact)[inner].max() < 0.04
    volumes = node_volumes(heart)
    assert volumes @ u == pytest.approx(volumes @ np.sign(x), abs=1e-6 * volumes.sum())
    assert volumes.sum() == pytest.approx(heart.volumes.sum())
