"""The endocardium as a thin fast layer: ways on a flat sheet, and bounds on any heart."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.eikonal import solve
from helpers.heart import activated_patient
from scipy.spatial import Delaunay

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.physics.electrophysiology.capture import WaveSources
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import with_endocardium
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network
from einthoven.physics.electrophysiology.scenarios import activate

SPEED = 1.6
LAYERS = ActivationSettings(cv_lv_endocardium_mm_per_ms=SPEED, cv_rv_endocardium_mm_per_ms=0.0)


def plate(n):
    """A patient whose left endocardium is a flat square of n random points, 100 mm wide."""
    points = generator(3, "plate").uniform(0, 100, (n, 2))
    faces = Delaunay(points).simplices
    heart = SimpleNamespace(
        points=np.column_stack([points, np.zeros(n)]),
        surface=lambda tag: faces,
        surface_nodes=lambda tag: np.arange(n),
    )
    return SimpleNamespace(heart=heart, coordinates=SimpleNamespace(uvc_z=points[:, 1] / 100))


def test_ways_on_a_flat_sheet_are_a_few_per_cent_longer_than_straight():
    patient = plate(1500)
    network = with_endocardium(Network.without_trees(), patient, LAYERS)
    start = np.full(1500, np.inf)
    start[0] = 0.0
    time = network.exits(network.arrival(np.inf, start))
    straight = np.linalg.norm(patient.heart.points - patient.heart.points[0], axis=1) / SPEED
    far = straight > 20 / SPEED
    assert np.all(time >= straight - 1e-9)
    assert time[far].sum() < 1.03 * straight[far].sum()
    assert np.max(time[far] / straight[far]) < 1.08


def test_no_layer_above_its_top_and_none_without_speed():
    top = LAYERS.model_copy(update={"endocardium_top_z": 0.4})
    patient = plate(300)
    network = with_endocardium(Network.without_trees(), patient, top)
    np.testing.assert_array_equal(
        network.links.heart, np.flatnonzero(patient.coordinates.uvc_z <= 0.4)
    )
    none = LAYERS.model_copy(update={"cv_lv_endocardium_mm_per_ms": 0.0})
    assert with_endocardium(Network.without_trees(), patient, none).n_nodes == 1


@cache
def paced(**section):
    config = ActivationSettings(capture=False).model_copy(update=section)
    return activate(activated_patient(), "rv-pacing", config).activation_time


def test_a_faster_layer_is_nowhere_later_and_at_the_wall_s_speed_does_nothing():
    speeds = ("cv_lv_endocardium_mm_per_ms", "cv_rv_endocardium_mm_per_ms")
    none, slow, fast = (paced(**dict.fromkeys(speeds, v)) for v in (0.0, 0.05, 2.0))
    np.testing.assert_allclose(slow, none, atol=1e-4)
    # Where the wave meets itself the straight-line start near a source costs a fraction of an ms.
    assert np.all(fast <= none + 0.5) and fast.max() < none.max() - 20


def test_still_muscle_takes_the_layer_s_times_and_the_free_wall_its_thickness():
    """Every node of the layer is at its shortest way along the layer; nothing else is soon."""
    patient = activated_patient()
    heart, left = patient.heart, patient.heart.surface_nodes(Surface.LV_ENDO)
    still = Eikonal.of(heart.points, heart.cells, speed_tensor_sq(patient.fibers.f0, 0.05, 0.05))
    layer = with_endocardium(Network.without_trees(), patient, LAYERS)
    first = WaveSources(left[:1], np.zeros(1))
    found = solve(still, layer, first)
    start = np.full(len(heart.points), np.inf)
    start[left[0]] = 0.0
    alone = layer.exits(layer.arrival(np.inf, start))
    np.testing.assert_allclose(found.activation_time[left], alone, atol=1e-6)
    others = np.setdiff1d(np.arange(len(heart.points)), left)
    away = np.linalg.norm(heart.points[others][:, None] - heart.points[left], axis=2).min(axis=1)
    # The wall waits at least for the layer next to it: 0.05 mm/ms times the way is a lower bound.
    assert np.all(found.activation_time[others] >= 0.8 * away / 0.05)
    assert found.sources.nodes.tolist() == [left[0]]


@pytest.mark.parametrize("name", ["cv_lv_endocardium_mm_per_ms", "cv_rv_endocardium_mm_per_ms"])
def test_an_absurd_speed_is_refused(name):
    with pytest.raises(ValueError, match=name):
        ActivationSettings.model_validate({name: 60.0})
