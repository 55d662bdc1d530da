from dataclasses import replace

import numpy as np
import pytest
from helpers.heart import heart_mesh, heart_patient
from scipy.spatial.transform import Rotation

from einthoven.base.config.models import FiberSettings
from einthoven.base.core.seeds import generator
from einthoven.body.fibers.ldrb import assign_fibers, axis, bislerp, orient
from einthoven.data.patient.patient import Patient


def random_frames(n, *keys):
    return Rotation.random(n, rng=generator(1, *keys)).as_matrix()


def test_axis_is_a_right_handed_frame_with_the_given_directions():
    rng = generator(1, "axis")
    psi, phi = rng.normal(size=(2, 50, 3))
    frame = axis(psi, phi)
    np.testing.assert_allclose(
        frame.transpose(0, 2, 1) @ frame, np.tile(np.eye(3), (50, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(frame), 1)
    np.testing.assert_allclose(frame[:, :, 1] * np.linalg.norm(psi, axis=1)[:, None], psi)
    assert np.all(np.einsum("pi,pi->p", frame[:, :, 2], phi) > 0)


@pytest.mark.parametrize("phi", [[0.0, 0, 0], [0, 0, 2.0]])
def test_axis_without_a_transmural_direction_is_still_a_frame(phi):
    frame = axis(np.array([[0.0, 0, 3]]), np.array([phi]))[0]
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)


def test_orient_turns_the_fibre_by_alpha_and_the_sheet_by_beta():
    alpha, beta = np.radians([40.0]), np.radians([-65.0])
    fiber, sheet, _ = orient(np.eye(3)[None], alpha, beta)[0].T
    np.testing.assert_allclose(fiber, [np.cos(alpha[0]), np.sin(alpha[0]), 0], atol=1e-14)
    assert np.isclose(sheet[2], -np.sin(beta[0]))


def test_bislerp_starts_and_ends_at_its_frames_up_to_the_sign_of_axes():
    a, b = random_frames(40, "a"), random_frames(40, "b")
    for t, frame in ((0.0, a), (1.0, b)):
        between = bislerp(a, b, np.full(40, t))
        np.testing.assert_allclose(np.abs(np.einsum("pij,pij->pj", between, frame)), 1, atol=1e-12)


def test_bislerp_turns_at_constant_rate_and_ignores_flipped_axes():
    end = Rotation.from_euler("z", 40, degrees=True).as_matrix()[None]
    flipped = end * np.array([-1.0, -1.0, 1.0])
    for b in (end, flipped):
        quarter = bislerp(np.eye(3)[None], b, np.array([0.25]))
        turned = np.degrees(np.arctan2(quarter[0, 1, 0], quarter[0, 0, 0])) % 180
        assert np.isclose(turned, 10, atol=1e-9)


def test_frames_of_a_heart_are_orthonormal_and_right_handed():
    fibers = assign_fibers(heart_patient(), FiberSettings())
    frames = np.stack([fibers.f0, fibers.s0, fibers.n0], axis=2).astype(float)
    gram = frames.transpose(0, 2, 1) @ frames
    assert np.abs(gram - np.eye(3)).max() < 1e-6
    assert np.linalg.det(frames).min() > 0.999999


def test_fibres_turn_with_the_heart():
    mesh = heart_mesh()
    turn = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
    turned = Patient.of(replace(mesh, points=mesh.points @ turn.T + [10.0, -20, 30]))
    plain, after = (assign_fibers(its, FiberSettings()) for its in (heart_patient(), turned))
    for axis_name in ("f0", "s0", "n0"):
        vector, expected = (getattr(its, axis_name) for its in (after, plain))
        along = np.abs(np.einsum("ci,ci->c", vector, expected @ turn.T))
        # Where two interpolations are equally near, round-off may choose either; that is rare.
        assert np.mean(along > 1 - 1e-4) > 0.995


def test_zero_angles_are_zero_and_not_a_default():
    patient = heart_patient(with_rv=False)
    fibers = assign_fibers(patient, FiberSettings(alpha_endo_deg=0, alpha_epi_deg=0))
    centre = patient.heart.centroids
    middle = (centre[:, 2] > -30) & (centre[:, 2] < 10)
    assert np.abs(fibers.f0[middle, 2]).mean() < 0.05


def test_apex_and_axis_of_an_ellipsoid():
    heart = heart_patient().heart
    np.testing.assert_allclose(heart.long_axis, [0, 0, 1], atol=0.05)
    np.testing.assert_allclose(heart.points[heart.apex], [0, 0, -72], atol=4)
    np.testing.assert_allclose(heart.lv_base_centre, [0, 0, 15], atol=0.5)
