from dataclasses import replace

import numpy as np
import pytest

from einthoven.base.config.models import AnatomySettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.files import write_json
from einthoven.base.core.tags import CLOSED_SURFACES, Surface
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.body.anatomy.body import build_anatomy, place_heart
from einthoven.body.anatomy.pose import POSE, PhysicalPose, rotation_about
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.data.patient.parameters import PatientParameters

LEFT, FRONT, UP = np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])


@pytest.fixture(scope="module")
def heart():
    return heart_surfaces(np.zeros(10), 4.0)


@pytest.fixture(scope="module")
def torso():
    return torso_surface(np.zeros(10), "coarse")


def parameters(**changes):
    zero = {"heart_coeffs": [0.0] * 10, "torso_coeffs": [0.0] * 10, "pose_coeffs": [0.0] * 6}
    return PatientParameters("p0000", **{"split": "train"} | zero | changes)


def test_rotations_are_right_handed_and_compose():
    rng = np.random.default_rng(0)
    for coeffs in rng.uniform(-2, 2, (20, 6)):
        rotation = PhysicalPose.from_coeffs(coeffs).rotation
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation_about(2, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_mean_pose_apex_left_front_down_and_rv_right_front():
    rotation = PhysicalPose.from_coeffs(np.zeros(6)).rotation
    to_apex, to_rv = -rotation[:, 2], rotation[:, 0]
    assert to_apex @ LEFT > 0.3 and to_apex @ FRONT > 0.3 and to_apex @ UP < -0.3
    assert to_rv @ LEFT < -0.3 and to_rv @ FRONT > 0.3


def test_each_angle_turns_about_its_axis_and_means_what_it_says():
    mean = PhysicalPose.from_coeffs(np.zeros(6)).rotation
    for k in range(3):
        turned = PhysicalPose.from_coeffs(np.eye(6)[k]).rotation
        np.testing.assert_allclose(turned[:, k], mean[:, k], atol=1e-12)
        angle = np.degrees(np.arccos((np.trace(mean.T @ turned) - 1) / 2))
        assert angle == pytest.approx(list(POSE.values())[k][1])
    apex_x = -PhysicalPose.from_coeffs([1, 0, 0, 0, 0, 0]).rotation[:, 2]
    assert apex_x @ UP > -mean[:, 2] @ UP  # alpha_x raises the apex
    apex_y = -PhysicalPose.from_coeffs([0, 1, 0, 0, 0, 0]).rotation[:, 2]
    assert apex_y @ LEFT > -mean[:, 2] @ LEFT  # alpha_y turns it to the left
    rv_z = PhysicalPose.from_coeffs([0, 0, 1, 0, 0, 0]).rotation[:, 0]
    assert rv_z @ UP > mean[:, 0] @ UP  # alpha_z turns the RV upwards


def test_the_long_axis_has_the_mean_and_spread_of_healthy_adults():
    """Engblom 2005: 38 +- 10 degrees in the frontal plane, 46 +- 7 in the transverse plane."""
    rng = np.random.default_rng(0)
    coeffs = rng.normal(size=(2000, 6)).clip(-4, 4)
    to_apex = -np.stack([PhysicalPose.from_coeffs(c, "engblom").rotation[:, 2] for c in coeffs])
    frontal = np.degrees(np.arctan2(-to_apex[:, 2], to_apex @ LEFT))
    transverse = np.degrees(np.arctan2(to_apex @ FRONT, to_apex @ LEFT))
    for found, mean, sd in ((frontal, 38, 10), (transverse, 46, 7)):
        assert found.mean() == pytest.approx(mean, abs=1.0)
        assert found.std() == pytest.approx(sd, rel=0.1)


def test_the_imaged_mean_is_that_of_five_hearts():
    pose = PhysicalPose.from_coeffs(np.zeros(6))
    to_apex = -pose.rotation[:, 2]
    hearts = 0.43 * LEFT + 0.68 * FRONT - 0.56 * UP
    assert to_apex @ hearts / np.linalg.norm(hearts) > np.cos(np.radians(2))
    assert pose.up_mm < PhysicalPose.from_coeffs(np.zeros(6), "engblom").up_mm


def test_the_pose_apex_has_the_apex_where_it_is_felt(heart, torso):
    """8 to 9 cm from the midline; its long axis is that of Engblom 2005 within its SD."""
    for mean, low, high in (("imaged", 45, 60), ("apex", 75, 88)):
        rotation, origin = place_heart(heart, torso, np.zeros(6), mean)
        placed = heart.epi_points @ rotation.T + origin
        assert low < placed[heart.epi_points[:, 2].argmin()] @ LEFT < high
    pose = PhysicalPose.from_coeffs(np.zeros(6), "apex")
    left, front, down = -pose.rotation[:, 2] @ np.c_[LEFT, FRONT, -UP]
    assert np.degrees(np.arctan2(down, left)) == pytest.approx(38, abs=10)
    assert np.degrees(np.arctan2(front, left)) == pytest.approx(46, abs=1)
    assert pose.shift_left == 35.0 and pose.clearance == POSE["clearance"][0]


def test_clearance_and_shifts_are_kept(heart, torso):
    coeffs = np.array([0.5, -0.5, 0.5, 1.0, -1.0, 0.5])
    rotation, origin = place_heart(heart, torso, coeffs)
    placed = heart.epi_points @ rotation.T + origin
    depth = -surface_distance(torso.points, torso.faces, placed)
    assert depth.min() == pytest.approx(30.5, abs=0.02)
    centre = rotation @ heart.centre + origin
    assert centre[0] == pytest.approx(26.0)
    assert centre[2] == pytest.approx(torso.landmarks["ICS4"][2] - 42.0)


def test_placement_moves_with_the_torso(heart, torso):
    shift = np.array([0.0, 40.0, -30.0])
    landmarks = {name: point + shift for name, point in torso.landmarks.items()}
    moved = replace(torso, points=torso.points + shift, landmarks=landmarks)
    rotation, origin = place_heart(heart, torso, np.zeros(6))
    rotation_moved, origin_moved = place_heart(heart, moved, np.zeros(6))
    np.testing.assert_array_equal(rotation, rotation_moved)
    np.testing.assert_allclose(origin_moved, origin + shift, atol=0.02)


def test_a_heart_that_does_not_fit_is_refused(heart, torso):
    landmarks = {name: point * 0.55 for name, point in torso.landmarks.items()}
    small = replace(torso, points=torso.points * 0.55, landmarks=landmarks)
    with pytest.raises(StepFailed, match="does not fit"):
        place_heart(heart, small, np.zeros(6))
    with pytest.raises(BadInput, match="degrees"):
        place_heart(heart, torso, [45.0, 0, 0, 0, 0, 0])
    with pytest.raises(BadInput, match="NaN"):
        place_heart(heart, torso, [np.nan] * 6)


def test_anatomy_follows_the_contract():
    scores = np.linspace(-0.4, 0.4, 26)  # all different
    changed = parameters(
        heart_coeffs=scores[:10].tolist(), torso_coeffs=scores[10:20].tolist(),
        pose_coeffs=scores[20:].tolist(), split="val",
    )  # fmt: skip
    anatomy = build_anatomy(changed, AnatomySettings())
    assert anatomy.split == "val" and set(anatomy.volumes_ml) == {"lv", "rv", "myocardium"}
    assert anatomy.faces.dtype == np.int32 and anatomy.face_tags.dtype == np.int8
    assert set(anatomy.face_tags) == set(Surface) - {Surface.LUNG_L, Surface.LUNG_R}
    np.testing.assert_allclose(anatomy.latent_pca, scores[:23])  # the pose's angles, no shifts
    assert list(anatomy.site_names[[0, 8, 9]]) == ["RA", "V6", "A000"]
    assert anatomy.site_points.shape == (1009, 3)
    skin = anatomy.faces[anatomy.face_tags == Surface.SKIN]
    sites = np.concatenate([anatomy.site_points, anatomy.ground_point[None]])
    assert np.abs(surface_distance(anatomy.points, skin, sites)).max() < 1e-3
    lv = anatomy.faces[np.isin(anatomy.face_tags, CLOSED_SURFACES["lv"])]
    landmarks = dict(zip(anatomy.landmark_names, anatomy.landmark_points))
    middle = 0.5 * (landmarks["LV_APEX"] + landmarks["LV_BASE"])
    assert surface_distance(anatomy.points, lv, middle[None])[0] < -10
    back = (anatomy.points - anatomy.heart_origin) @ anatomy.heart_rotation
    heart = heart_surfaces(changed.heart_coeffs, 4.0)
    np.testing.assert_allclose(back[: len(heart.points)], heart.points, atol=1e-9)


def test_missing_parameters_are_named(tmp_path):
    path = tmp_path / "p0000.json"
    parameters().save(path)
    assert PatientParameters.load(path) == parameters()
    incomplete = vars(parameters()) | {}
    del incomplete["pose_coeffs"]
    write_json(path, incomplete)
    with pytest.raises(BadInput, match="pose_coeffs"):
        PatientParameters.load(path)
