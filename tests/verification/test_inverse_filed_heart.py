"""The matrix of a file for a heart in a pose near by, against boundary elements in the torso."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.inverse import sphere

from einthoven.base.core.errors import BadInput
from einthoven.inverse.methods.average import Average
from einthoven.inverse.methods.regularisation.l1 import TotalVariation
from einthoven.inverse.methods.waves.filed_heart import FiledHeart
from einthoven.inverse.methods.waves.pose import HeartPose
from einthoven.inverse.methods.waves.wave_method import Waves, movable_heart
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import less_area_mean, transfer_to_mean
from einthoven.numerics.bem.transfer import heart_to_torso

N_SMOOTH = 9
PLACE = np.array([15.0, 0.0, 0.0])
POSES = {
    "shifted": (5.0, -4.0, 3.0, 0, 0, 0, 0),
    "turned": (0, 0, 0, 8.0, -6.0, 5.0, 0),
    "larger": (0, 0, 0, 0, 0, 0, 0.08),
    "all": (4.0, 3.0, -3.0, 5.0, 4.0, -3.0, -0.06),
}


@pytest.fixture(scope="module")
def torso():
    return sphere(95.0, 2)


@pytest.fixture(scope="module")
def heart():
    ball = sphere(35.0, 2)
    return SourceSurface(ball.points * [1.0, 0.8, 1.2] + PLACE, ball.faces)


def solved(points, heart, torso):
    return heart_to_torso((points, heart.faces), (torso.points, torso.faces)).matrix


@pytest.fixture(scope="module")
def filed(heart, torso):
    return FiledHeart(
        heart, transfer_to_mean(solved(heart.points, heart, torso), heart.areas), True
    )


@pytest.mark.parametrize("values", POSES.values(), ids=POSES)
def test_most_of_what_a_pose_changes_is_found(filed, heart, torso, values):
    pose = HeartPose(tuple(map(float, values)))
    smooth = heart.modes(N_SMOOTH).functions[:, 1:]
    true = solved(filed.moved(pose), heart, torso) @ smooth
    true -= true.mean(axis=0)
    before = (filed.transfer - filed.transfer.mean(axis=0)) @ smooth
    found = filed.at(pose) - filed.at(pose).mean(axis=0)
    left = np.linalg.norm(found @ smooth - true) / np.linalg.norm(before - true)
    assert left < (0.4 if np.any(values[:3]) else 0.25)


def test_at_rest_it_is_the_filed_matrix_and_constants_stay(filed):
    np.testing.assert_array_equal(filed.at(HeartPose.at_rest()), filed.transfer)
    moved = filed.at(HeartPose(POSES["all"]))
    np.testing.assert_allclose(moved.sum(axis=1), filed.transfer.sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(moved.mean(axis=0), filed.transfer.mean(axis=0), atol=1e-12)


def test_there_and_back_is_the_filed_matrix(filed):
    """Moves along one direction commute: exp(D) exp(-D) = 1."""
    there = HeartPose((6.0, 0, 0, 0, 0, 0, 0))
    moved = replace(filed, transfer=filed.at(there))
    back = moved.at(HeartPose((-6.0, 0, 0, 0, 0, 0, 0)))
    np.testing.assert_allclose(back, filed.transfer, atol=1e-9)


SHIFT = np.array([-9.0, 7.0, 8.0])


@pytest.fixture(scope="module")
def misfiled(heart, torso):
    """A heart that lies 14 mm off the place of its file, and a wave over it."""
    time = np.arange(0.0, 120.0, 3.0)
    arrival = 0.8 * np.linalg.norm(heart.points - PLACE - [0.0, 20.0, -30.0], axis=1)
    potentials = 1 / (1 + np.exp(-(time - 20.0 - arrival[:, None]) / 4.0))
    body = solved(heart.points, heart, torso) @ potentials
    body += 1e-3 * body.std() * np.random.default_rng(0).standard_normal(body.shape)
    wrong = solved(heart.points + SHIFT, heart, torso)
    problem = InverseProblem(
        transfer_to_mean(wrong, heart.areas), body - body.mean(axis=0), heart, time, to_mean=True,
        pose_known=False,
    )  # fmt: skip
    return problem, less_area_mean(potentials, heart.areas)


def test_a_misfiled_heart_is_moved_without_its_torso(misfiled):
    problem, truth = misfiled
    found, told = Waves().fit(problem)
    still, _ = Waves().fit(replace(problem, pose_known=True))
    errors = [np.linalg.norm(one - truth) for one in (found, still)]
    assert errors[0] < 0.8 * errors[1]
    moved = np.array([told.numbers[f"shift_{axis}_mm"] for axis in "xyz"])
    assert np.linalg.norm(moved + SHIFT) < 0.6 * np.linalg.norm(SHIFT)
    assert told.transfer is not None and told.residual_rel < 0.05


def test_the_average_takes_other_methods_to_the_pose(misfiled):
    problem, truth = misfiled
    found, told = Average().fit(problem)
    still, _ = Average().fit(replace(problem, pose_known=True))
    assert np.linalg.norm(found - truth) < 0.8 * np.linalg.norm(still - truth)
    assert told.notes[0].startswith("average of waves 0.67, total-variation 0.17, tik")
    assert told.numbers["shift_mm"] > 3 and told.heart_points is not None
    there = replace(problem, transfer=told.transfer, pose_known=True)
    expected = TotalVariation.of(there).fit(there).potentials
    np.testing.assert_allclose(told.members[1], expected)


def test_action_potentials_have_no_gradient_outside(misfiled):
    problem, _ = misfiled
    with pytest.raises(BadInput, match="outside of cells only"):
        movable_heart(replace(problem, transmembrane=True))


def test_an_open_cage_is_moved_like_the_closed_one(filed, heart):
    """Without its top the field outside is that of the capped surface."""
    top = (heart.points - PLACE)[:, 2] > 33.0
    kept = np.flatnonzero(~top)
    number = np.full(len(top), -1)
    number[kept] = np.arange(len(kept))
    faces = number[heart.faces[~top[heart.faces].any(axis=1)]]
    cage = SourceSurface(heart.points[kept], faces)
    assert cage.can_be_closed and len(cage.closed[0]) > len(kept)
    transfer = transfer_to_mean(filed.transfer[:, kept], cage.areas)
    opened, pose = FiledHeart(cage, transfer, True), HeartPose(POSES["shifted"])
    smooth = heart.modes(5).functions[:, 1:]
    changes = [(one.at(pose) - one.transfer) @ values
               for one, values in ((filed, smooth), (opened, smooth[kept]))]  # fmt: skip
    assert np.linalg.norm(changes[1] - changes[0]) < 0.35 * np.linalg.norm(changes[0])
