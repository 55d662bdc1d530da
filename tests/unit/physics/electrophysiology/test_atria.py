"""Atria above the ventricles: where they are, what their mesh is, and when they are active."""

import numpy as np
import pytest
from helpers.heart import heart_patient

from einthoven.base.config.atria import AtriaSettings
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.physics.electrophysiology.atria.conduction import (
    AV_NODE,
    BACHMANNS_BUNDLE,
    TERMINAL_CREST,
    AtrialActivation,
)
from einthoven.physics.electrophysiology.atria.shells import (
    ANNULUS,
    AtrialWall,
    thin_shell,
    unit_sphere,
)

ON = AtriaSettings(enabled=True)


@pytest.fixture(scope="module")
def wall():
    return AtrialWall.of(heart_patient().heart, ON.walls_mm)


def test_each_atrium_is_above_its_ventricle_and_apart_from_the_other(wall):
    """The idealised heart has x from LV to RV, z from apex to base, y to the head."""
    heart = heart_patient().heart
    left, right = wall.outer("left"), wall.outer("right")
    assert min(left[:, 2].min(), right[:, 2].min()) > heart.points[:, 2].max()
    assert left[:, 0].mean() < 0 < right[:, 0].mean()
    assert left[:, 1].mean() > right[:, 1].mean()  # the RA is on the lower part of the RV's base
    apart = np.linalg.norm(left[:, None] - right[None], axis=2).min()
    assert 0 < apart < 12
    top = right[np.argmax(right @ np.array([0.25, 0.5, 0.83]))]
    sinus = wall.muscle.points[wall.node(TERMINAL_CREST[0])]
    assert np.linalg.norm(sinus - top) < 12 and sinus[1] > right[:, 1].mean()
    assert wall.muscle.points[wall.node(AV_NODE)][0] < right[:, 0].mean()  # on the septum's side


def test_a_thicker_left_wall_is_thicker_inwards_and_leaves_the_right_atrium_alone(wall):
    thick = ON.model_copy(update={"left_wall": 2.0}).walls_mm
    assert thick == {"right": ON.wall_mm, "left": 2.0 * ON.wall_mm}
    other = AtrialWall.of(heart_patient().heart, thick)
    np.testing.assert_array_equal(other.outer("left"), wall.outer("left"))
    n = wall.first["left"]
    np.testing.assert_array_equal(other.muscle.points[:n], wall.muscle.points[:n])
    left = [np.flatnonzero((each.muscle.cells >= n).all(axis=1)) for each in (wall, other)]
    volume = [tet_volumes(each.muscle.points, each.muscle.cells)[cells].sum()
              for each, cells in zip((wall, other), left)]  # fmt: skip
    assert 1.3 < volume[1] / volume[0] < 2.0 / 1.3


def test_wall_is_a_conforming_layer_of_its_thickness():
    directions, faces = unit_sphere(2)
    assert enclosed_volume(directions, faces) > 3.9  # of 4.19, outward
    shell = thin_shell(directions, faces, np.array([20.0, 25.0, 22.0]), 2.0)
    assert len(shell.cells) == 3 * len(faces)
    sides = np.concatenate([np.delete(shell.cells, k, axis=1) for k in range(4)])
    _, count = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    # inner sides are of two cells; the surface is the two copies of the sphere
    assert sorted(np.unique(count)) == [1, 2] and (count == 1).sum() == 2 * len(faces)


def test_the_wall_ends_at_the_annuli(wall):
    for atrium, directions in wall.directions.items():
        assert ANNULUS - 0.1 < directions[:, 2].min() < ANNULUS + 0.05, atrium
    directions, faces = unit_sphere(3, ANNULUS)
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, count = np.unique(sides, axis=0, return_counts=True)
    assert 20 < (count == 1).sum() < 60  # one open rim


def test_the_right_atrium_is_active_first_and_bachmanns_bundle_leads(wall):
    activation = AtrialActivation.of(wall, ON)
    n = wall.first["left"]
    right, left = activation.time[:n], activation.time[n:]
    assert right.min() == 0.0 and 20 < left.min() < right.max() < left.max() < 130
    first = wall.node(BACHMANNS_BUNDLE[3])
    assert activation.time[first] == pytest.approx(left.min(), abs=2.0)
    assert 30 < activation.av_node_ms < 80
    slow = ON.model_copy(update={"bundle_speed_mm_per_ms": ON.speed_mm_per_ms})
    late = AtrialActivation.of(wall, slow).time
    assert late.max() > activation.time.max() and (late >= activation.time - 1e-9).all()
    lower = AtrialActivation.of(wall, ON.model_copy(update={"sinus_node": 0.9}))
    assert lower.av_node_ms < activation.av_node_ms
