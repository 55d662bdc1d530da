"""The P wave by theorems: closed forms of a thin sphere, invariances, and a lead field by FEM."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.fem import ball_in_ball, muscle_of, random_rotation
from helpers.heart import activated_patient, heart_mesh

from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.models import ActivationSettings, EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.p_wave import (
    AMPLITUDE_MV,
    REST_MV,
    AtrialWave,
    atrial_action_potential,
    time_axis,
)
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.atria.conduction import AtrialActivation
from einthoven.physics.electrophysiology.atria.shells import AtrialWall, thin_shell, unit_sphere
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival, graph_of
from einthoven.physics.electrophysiology.eikonal import Eikonal
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network
from einthoven.physics.electrophysiology.scenarios.activation import activate
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

ON, SPEEDS = AtriaSettings(enabled=True), ActivationSettings()
SIGMA, RADIUS, WALL, SPEED = 0.06, 25.0, 1.0, 0.8
PLACES = 110.0 * np.array(
    [[0.8, 0.3, 0.6], [-0.8, 0.3, 0.6], [-0.3, 0.2, -1.0], [0.9, 0.5, 0.1], [0.6, 0.8, 0.0],
     [0.3, 1.0, -0.1], [0.0, 1.0, -0.2], [-0.5, 0.9, -0.2], [-0.9, 0.5, -0.2]]
)  # fmt: skip
"""RA, LA, LL and V1 to V6 in the frame of the idealised heart, mm."""
STEP = np.array([-0.2, -0.1, 0.0, 0.1]), np.array([0.0, 0.0, 100.0, 100.0])
"""A cell that never repolarises."""


def sphere(n_subdivisions):
    """A closed thin sphere as tetrahedra, and the time of a wave that starts at its upper pole."""
    directions, faces = unit_sphere(n_subdivisions)
    shell = thin_shell(directions, faces, np.full(3, RADIUS), WALL)
    muscle = Heart(shell.points, shell.cells, np.empty((0, 3), int), np.empty(0, int))
    angle = np.arccos(np.clip(directions[:, 2], -1, 1))
    return muscle, np.tile(angle * RADIUS / SPEED, 2)


def potential(muscle, tau, grad, time):
    sigma_i = np.broadcast_to(SIGMA * np.eye(3), (len(muscle.cells), 3, 3))
    return forward_potential(muscle, sigma_i, tau, grad, time, STEP)


def test_front_on_a_thin_sphere_is_a_dipole_of_the_closed_form():
    """p = sigma_i wall 100 mV 2 pi R sin^2(v t / R), and phi = p . grad Z where Z is linear."""
    time = np.arange(0.0, 98.0, 0.5)
    middle = RADIUS - WALL / 2
    closed = SIGMA * WALL * 100.0 * 2 * np.pi * middle * np.sin(SPEED * time / RADIUS) ** 2
    errors = []
    for n in (2, 3, 4):
        muscle, tau = sphere(n)
        axes = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # the wave runs downwards
        grad = 1e-3 * np.repeat(axes[:, None], len(muscle.cells), axis=1)
        found = potential(muscle, tau, grad, time)
        assert np.abs(found[1]).max() < 1e-3 * found[0].max()
        errors.append(np.linalg.norm(1e3 * found[0] - closed) / np.linalg.norm(closed))
    order = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 0.02 and (order > 1.0).all(), (errors, order)


def test_closed_depolarised_shell_has_no_potential_in_any_field():
    muscle, tau = sphere(3)
    electrodes = np.array([[60.0, 10.0, 5.0], [-40.0, 50.0, 80.0]])
    grad = pseudo_lead_field_grad(muscle.centroids, electrodes, 0.2)
    found = potential(muscle, tau, grad, np.arange(-5.0, tau.max() + 20))
    during = np.abs(found).max()
    ended = np.arange(-5.0, tau.max() + 20) > tau.max() + 1
    assert during > 0.01
    assert np.abs(found[:, ended]).max() < 1e-9 * during


def test_wave_of_the_atria_on_a_sphere_is_a_great_circle_away():
    directions, faces = unit_sphere(3)
    shell = thin_shell(directions, faces, np.full(3, RADIUS), WALL)
    tensors = np.broadcast_to(SPEED**2 * np.eye(3), (len(shell.cells), 3, 3))
    start = int(np.argmax(directions[:, 2]))
    graph = graph_of(Network.without_trees(), len(shell.points))
    eikonal = Eikonal.of(shell.points, shell.cells, tensors)
    given = WaveSources(np.array([start]), np.zeros(1))
    wave = first_arrival(eikonal, graph, given).activation_time[: len(directions)]
    angle = np.arccos(np.clip(directions @ directions[start], -1, 1))
    exact = angle * (RADIUS - WALL / 2) / SPEED
    assert np.abs(wave - exact).max() < 0.06 * exact.max()


def test_potential_does_not_depend_on_the_mesh_of_the_wall():
    heart = activated_patient().heart
    waves = []
    for n in (3, 4):
        wall = AtrialWall.of(heart, ON.walls_mm, 1.0, n)
        wave = AtrialWave(wall, AtrialActivation.of(wall, ON), ON)
        grad = pseudo_lead_field_grad(wave.places, PLACES, 0.2)
        waves.append(wave.potential(grad, np.arange(-20.0, 200.0) - wave.pr_ms))
    assert np.linalg.norm(waves[0] - waves[1]) < 0.1 * np.linalg.norm(waves[1])


def test_atria_turn_with_the_heart():
    mesh, turn = heart_mesh(), random_rotation(np.random.default_rng(5))
    shift = np.array([30.0, -20.0, 110.0])
    moved = replace(mesh, points=mesh.points @ turn.T + shift)
    here, there = (AtrialWave.of(Patient.of(each).heart, ON) for each in (mesh, moved))
    np.testing.assert_allclose(here.places @ turn.T + shift, there.places, atol=1e-9)
    np.testing.assert_allclose(here.activation.time, there.activation.time, atol=1e-6)
    time = np.arange(-260.0, 100.0)
    one = here.potential(pseudo_lead_field_grad(here.places, PLACES, 0.2), time)
    electrodes = PLACES @ turn.T + shift
    two = there.potential(pseudo_lead_field_grad(there.places, electrodes, 0.2), time)
    np.testing.assert_allclose(one, two, atol=1e-8)


def test_atria_grow_with_the_ventricles_and_the_size():
    """Lengths and delays in the walls scale with the heart; potentials in a uniform field too."""
    mesh = heart_mesh()
    larger = Patient.of(replace(mesh, points=1.2 * mesh.points)).heart
    thick = ON.model_copy(update={"wall_mm": 1.2 * ON.wall_mm})
    one, two = AtrialWave.of(Patient.of(mesh).heart, ON), AtrialWave.of(larger, thick)
    np.testing.assert_allclose(1.2 * one.places, two.places, atol=1e-9)
    np.testing.assert_allclose(1.2 * one.activation.time, two.activation.time, atol=1e-6)
    bigger = AtrialWave.of(Patient.of(mesh).heart, ON.model_copy(update={"size": 1.2}))
    assert bigger.activation.time.max() > 1.1 * one.activation.time.max()


def linear_fields(mesh):
    """Lead fields that are quadratic in space, and their exact gradients at places."""
    x = mesh.points / 50
    values = np.stack([k * x[:, 0] * x[:, 1] + x[:, 2] ** 2 for k in range(3)])
    fields = LeadFields(
        patient="ball", lead_field=values, electrode_names=np.array(["a", "b", "c"]),
        electrode_points=np.eye(3), residual=np.zeros(3),
    )  # fmt: skip

    def exact(places):
        y = places / 50
        return np.stack([np.stack([k * y[:, 1], k * y[:, 0], 2 * y[:, 2]], axis=1) / 50
                         for k in range(3)])  # fmt: skip

    return fields, exact


def test_gradients_in_the_torso_are_exact_for_quadratic_fields():
    mesh = ball_in_ball()
    fields, exact = linear_fields(mesh)
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = directions * rng.uniform(55.0, 80.0, (200, 1))
    found = fields.gradients(muscle_of(mesh)).in_torso(mesh, places)
    np.testing.assert_allclose(found, exact(places), atol=1e-9)
    with pytest.raises(BadInput, match="away from the torso"):
        fields.gradients_in_torso(mesh, np.array([[200.0, 0.0, 0.0]]))


def fields_of(patient, with_torso=True):
    def torso(mesh, places):
        return pseudo_lead_field_grad(places, PLACES, 0.2)

    names = np.array(STANDARD_ELECTRODES)
    grad = torso(None, patient.heart.centroids)
    return LeadFieldGradients(names, PLACES, grad, torso if with_torso else None)


def settings(atria):
    return SimulationSettings(EcgSettings(duration_ms=500.0), LeadFieldSettings(), atria=atria)


def test_the_ecg_gains_a_p_wave_and_keeps_the_rest():
    patient = activated_patient()
    beats = [activate(patient, name, SPEEDS) for name in ("sinus", "rv-pacing")]
    without = simulate_ecg(patient, fields_of(patient), beats, settings(AtriaSettings()))
    whole = simulate_ecg(patient, fields_of(patient), beats, settings(ON))
    n = len(whole.time) - len(without.time)
    assert whole.time[0] == -260.0 and n == 240
    np.testing.assert_array_equal(whole.time[n:], without.time)
    # paced beats have none; the sinus beat differs by the P and Ta wave, of the atria alone
    np.testing.assert_allclose(whole.ecg[1, :, n:], without.ecg[1], atol=1e-6)
    assert np.abs(whole.ecg[1, :, :n]).max() < 1e-6
    wave = AtrialWave.of(patient.heart, ON)
    phi = wave.potential(fields_of(patient).in_torso(None, wave.places), whole.time)
    p = twelve_lead(STANDARD_ELECTRODES, phi)
    np.testing.assert_allclose(whole.ecg[0, :, n:], without.ecg[0] + p[:, n:], atol=1e-6)
    np.testing.assert_allclose(whole.ecg[0, :, :n], p[:, :n], atol=1e-6)
    onset = whole.time[np.abs(p).max(axis=0) > 1e-4][0]
    assert onset == pytest.approx(-wave.pr_ms, abs=3.0)
    assert 120 < wave.pr_ms < 200 and without.atria is None
    assert AtriaSettings.model_validate(whole.atria) == ON


def test_atria_off_leave_the_bytes_of_an_ecg(tmp_path):
    patient = activated_patient()
    beat = activate(patient, "sinus", SPEEDS)
    odd = AtriaSettings(size=1.3, av_delay_ms=150.0)
    ecgs = [simulate_ecg(patient, fields_of(patient, False), beat, settings(atria))
            for atria in (AtriaSettings(), odd)]  # fmt: skip
    plain = SimulationSettings(EcgSettings(duration_ms=500.0), LeadFieldSettings())
    ecgs.append(simulate_ecg(patient, fields_of(patient, False), beat, plain))
    for k, ecg in enumerate(ecgs):
        ecg.save(tmp_path / f"{k}.npz")
    assert len({(tmp_path / f"{k}.npz").read_bytes() for k in range(3)}) == 1
    assert b"atria" not in (tmp_path / "0.npz").read_bytes()


def test_what_a_p_wave_lacks_is_said():
    patient = activated_patient()
    beat = activate(patient, "sinus", SPEEDS)
    with pytest.raises(BadInput, match="in the ventricles only.*atria.enabled: false"):
        simulate_ecg(patient, fields_of(patient, False), beat, settings(ON))
    short = ON.model_copy(update={"lead_in_ms": 100.0})
    with pytest.raises(BadInput, match="set atria.lead_in_ms to (180|200)"):
        simulate_ecg(patient, fields_of(patient), beat, settings(short))
    with pytest.raises(BadInput, match="no right ventricle"):
        AtrialWave.of(Patient.of(heart_mesh(with_rv=False)).heart, ON)
    with pytest.raises(BadInput, match="wall_mm"):
        AtrialWave.of(Patient.of(replace(heart_mesh(), points=heart_mesh().points / 10)).heart, ON)


def test_action_potential_rises_fast_and_has_its_duration():
    time, v_m = atrial_action_potential(230.0)
    assert v_m[0] == REST_MV and v_m.max() == REST_MV + AMPLITUDE_MV
    assert np.interp(230.0, time, v_m) == pytest.approx(REST_MV + 0.1 * AMPLITUDE_MV, abs=0.05)
    assert v_m[-1] == pytest.approx(REST_MV, abs=1e-3)
    assert np.diff(v_m).max() / 0.1 == pytest.approx(200.0)


def test_time_axis_starts_earlier_by_whole_steps():
    ecg = EcgSettings(start_ms=-20.0, duration_ms=100.0, dt_ms=1.5)
    before, after = time_axis(ecg), time_axis(ecg, ON)
    np.testing.assert_array_equal(after[-len(before) :], before)
    assert after[0] <= -260.0 < after[1] and np.ptp(np.diff(after)) < 1e-9


def test_atria_turn_about_their_middle_along_the_ventricles_axes():
    heart = activated_patient().heart
    wall = AtrialWall.of(heart, ON.walls_mm)
    assert wall.turned(heart, (0.0, 0.0, 0.0)) is wall
    middle, z = wall.muscle.points.mean(axis=0), heart.long_axis
    turned = wall.turned(heart, (0.0, 0.0, 90.0)).muscle.points
    np.testing.assert_allclose(turned.mean(axis=0), middle, atol=1e-9)
    before, after = wall.muscle.points - middle, turned - middle
    np.testing.assert_allclose(after @ z, before @ z, atol=1e-9)
    across = [points - np.outer(points @ z, z) for points in (before, after)]
    # a quarter turn, counterclockwise about z
    np.testing.assert_allclose(np.cross(z, across[0]), across[1], atol=1e-9)
    back = wall.turned(heart, (0.0, 0.0, 90.0)).turned(heart, (0.0, 0.0, -90.0))
    np.testing.assert_allclose(back.muscle.points, wall.muscle.points, atol=1e-9)


def test_turned_atria_have_the_potentials_of_electrodes_turned_the_other_way():
    heart, time = activated_patient().heart, np.arange(-260.0, 100.0)
    waves = [AtrialWave.of(heart, ON.model_copy(update={"turn_y_deg": angle}))
             for angle in (0.0, 35.0)]  # fmt: skip
    middle = waves[0].wall.muscle.points.mean(axis=0)
    before, after = (wave.wall.muscle.points - middle for wave in waves)
    turn = np.linalg.lstsq(before, after, rcond=None)[0].T
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    places = [middle + (PLACES - middle) @ turn, PLACES]
    own = [wave.potential(pseudo_lead_field_grad(wave.places, at, 0.2), time)
           for wave, at in zip(waves, places)]  # fmt: skip
    np.testing.assert_allclose(own[0], own[1], atol=1e-6)
    assert np.abs(own[0]).max() > 0.01


def test_a_patient_s_turn_is_drawn_within_its_spread():
    wide = ON.model_copy(update={"turn_x_deg": -12.0, "turn_x_spread_deg": 37.0})
    drawn = [wide.of_patient(f"p{k:04d}") for k in range(50)]
    angles = np.array([one.turns_deg[0] for one in drawn])
    assert -49 <= angles.min() < -40 < 15 < angles.max() <= 25
    assert {one.turns_deg[1:] for one in drawn} == {(0.0, 0.0)}
    assert {one.turn_x_spread_deg for one in drawn} == {0.0}
