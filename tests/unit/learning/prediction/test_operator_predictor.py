"""An operator as a predictor of patients: frames, signs and units, whatever it has learned."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers.closed_forms import ball_lead_field_grad
from helpers.fem import boundary_faces, box_mesh, electrodes_at, random_rotation
from helpers.heart import heart_patient
from helpers.mesh import spheres_body
from helpers.operator import SMALL, trained_like

from einthoven.base.config import Config
from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.metrics.predicted_error import ECG_SD, ErrorModel
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples
from einthoven.data.patient.stages import Activation, Fibers
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.new_patient import BodyEcgs, moved_heart
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.pretrained import PackedOperator
from einthoven.learning.prediction.solved_check import spread_electrodes
from einthoven.learning.prediction.torchscript import export_operator
from einthoven.learning.surrogate.members import angular_deviation_deg
from einthoven.learning.surrogate.operator import operator as operator_module
from einthoven.learning.surrogate.operator.inputs import HeartPoints, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution
from einthoven.physics.ecg.p_wave import AtrialWave
from einthoven.physics.ecg.simulate import SimulationSettings

SIGMA = LeadFieldSettings()
PLACE = np.array([8.0, -22.0, 24.0])
"""Cells of the heart: a cube in the myocardium."""
RADIUS = 120.0


@cache
def patient():
    """A cube of muscle in a ball, with a heart's surfaces about it; the heart frame is turned."""
    points, faces, tags = spheres_body()
    rng = np.random.default_rng(5)
    skin = points[np.unique(faces[tags == Surface.SKIN])]
    sites = skin[rng.choice(len(skin), 12, replace=False)]
    names = np.array([*STANDARD_ELECTRODES, "A000", "A001", "A002"])
    none = np.empty((0, 3))
    body = Anatomy(
        patient="p0001", split="test", points=points, faces=faces, face_tags=tags,
        site_names=names, site_points=sites, ground_point=skin[0],
        heart_rotation=random_rotation(rng), heart_origin=np.array([10.0, -20.0, 5.0]),
        latent_pca=np.zeros(23), torso_box=np.array([skin.min(axis=0), skin.max(axis=0)]),
        landmark_names=none[:, 0].astype("U1"), landmark_points=none,
        volumes_ml={"lv": 14.0, "rv": 9.0, "myocardium": 245.0},
    )  # fmt: skip
    nodes, cells = box_mesh(2)
    facets = boundary_faces(cells)
    tags = np.resize([Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE], len(facets))
    nodes = nodes + PLACE + 0.5 * np.sin(nodes)  # cells of several volumes
    mesh = TetMesh(
        patient="p0001", points=nodes, cells=cells.astype(np.int32), facet_tags=tags.astype("i1"),
        cell_tags=np.full(len(cells), Tissue.MYOCARDIUM, np.int8), facets=facets.astype(np.int32),
        n_heart_nodes=len(nodes), n_heart_cells=len(cells),
    )  # fmt: skip
    frames = np.stack([random_rotation(rng) for _ in cells]).astype(np.float32)
    fibers = Fibers(patient="p0001", f0=frames[:, 0], s0=frames[:, 1], n0=frames[:, 2])
    beat = Activation(
        patient="p0001",
        scenario="sinus",
        source_nodes=np.array([0], np.int32),
        source_times=np.zeros(1),
        activation_time=nodes[:, 0] - PLACE[0],
    )
    return Patient.of(body, mesh, fibers, beat)


@cache
def inputs():
    heart = HeartPoints.of_cells(patient())
    return OperatorInputs.of(patient().anatomy, heart, electrodes().points, SIGMA)


def electrodes():
    return patient().anatomy.electrodes(0, 12)


@cache
def operator(n=3):
    known = [inputs(), inputs()._replace(local=1.1 * inputs().local)]
    networks = tuple(trained_like(seed) for seed in range(n))
    return OperatorEnsemble(networks, TrainingDistribution.of(known), 1.7, 2.0, 1.7)


@cache
def predicted():
    return OperatorPredictor(operator()).predict(patient(), electrodes(), SIGMA)


def moved(body, turn, shift):
    """An anatomy elsewhere."""

    def go(points):
        return points @ turn.T + shift

    keys = ("points", "site_points", "heart_origin", "ground_point")
    return replace(body, **{key: go(getattr(body, key)) for key in keys},
                   heart_rotation=turn @ body.heart_rotation)  # fmt: skip


def assert_near(found, expected, share=1e-4):
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.abs(expected).max())


def test_sign_unit_and_frame_are_those_of_a_ball():
    """An operator that has learned nothing gives the lead field of the torso without heart."""
    unlearned = replace(operator(), networks=(IncidentOperator(SMALL).eval(),))
    found = OperatorPredictor(unlearned).predict(patient(), electrodes(), SIGMA)
    centroids, sigma = patient().heart.centroids, SIGMA.sigma_torso_s_per_m
    expected = [ball_lead_field_grad(centroids, e, RADIUS, sigma) for e in electrodes().points]
    assert_near(found.heart_grad, expected, 0.03)
    assert found.heart_sd_deg is None and found.member_grad is None


def test_it_is_the_networks_mean_on_the_finest_meshes_in_the_patients_frame():
    grads = []
    with torch.inference_mode():
        for network in operator().networks:
            grads.append(network(inputs().as_on(network.finest)).numpy())
    mean = np.mean(grads, axis=0) @ patient().anatomy.heart_rotation.T
    assert_near(predicted().heart_grad, mean / SIGMA.sigma_torso_s_per_m)
    np.testing.assert_allclose(
        predicted().heart_sd_deg, 1.7 * angular_deviation_deg(np.stack(grads)), rtol=1e-3
    )


def test_blocks_of_points_change_nothing(monkeypatch):
    monkeypatch.setattr(operator_module, "POINTS_PER_BLOCK", 7)
    found = OperatorPredictor(operator()).predict(patient(), electrodes(), SIGMA)
    assert_near(found.heart_grad, predicted().heart_grad, 1e-6)


def test_a_patient_who_stands_elsewhere_has_turned_gradients_and_the_same_ecg():
    turn, shift = random_rotation(np.random.default_rng(2)), np.array([30.0, -50.0, 400.0])
    elsewhere = moved_heart(patient(), moved(patient().anatomy, turn, shift))
    found = OperatorPredictor(operator()).predict(
        elsewhere, elsewhere.anatomy.electrodes(0, 12), SIGMA
    )
    assert_near(found.heart_grad, predicted().heart_grad @ turn.T, 2e-3)
    config = Config(repolarisation=RepolarisationSettings(field="homogeneous"),
                    ecg=EcgSettings(duration_ms=100.0, dt_ms=5.0))  # fmt: skip
    model = PackedOperator(None, {"config": {}}, operator())
    ecgs = BodyEcgs.of(model, patient(), [elsewhere.anatomy], config)
    assert ecgs.bodies == ["p0001", "p0001"] and ecgs.ecg.shape[:3] == (2, 1, 12)
    assert_near(ecgs.ecg[1], ecgs.ecg[0], 5e-3)
    other = replace(elsewhere.anatomy, points=1.01 * elsewhere.anatomy.points)
    with pytest.raises(BadInput, match="does not have the heart of p0001"):
        moved_heart(patient(), other)


def test_electrodes_are_independent_and_conductivities_scale():
    """Any order of any electrodes; all tissues twice as conductive halve the lead field."""
    rows = np.array([7, 0, 10])
    some = electrodes_at(electrodes().points[rows], electrodes().names[rows])
    twice = LeadFieldSettings(**{k: 2 * v for k, v in SIGMA.conductivities.items()})
    found = OperatorPredictor(operator()).predict(patient(), some, twice)
    assert_near(2 * found.heart_grad, predicted().heart_grad[rows], 1e-3)


def test_the_stated_ecg_is_that_of_members_whose_spread_is_the_stated_one():
    members = predicted().member_grad
    sd = predicted().heart_sd_deg[:9]
    np.testing.assert_allclose(angular_deviation_deg(members), sd, rtol=2e-3)
    settings = SimulationSettings(
        EcgSettings(duration_ms=100.0, dt_ms=5.0),
        SIGMA,
        RepolarisationSettings(field="homogeneous"),
    )
    beats = list(patient().activations.values())
    found = with_ecg(predicted(), patient(), beats, settings)
    alone = [
        with_ecg(replace(predicted(), heart_grad=np.concatenate([m, m[:3]]), member_grad=None),
                 patient(), beats, settings).ecg
        for m in members
    ]  # fmt: skip
    assert_near(np.mean(alone, axis=0), found.ecg, 1e-3)
    assert_near(found.ecg_sd, np.std(alone, axis=0, ddof=1), 1e-3)
    assert found.ecg_sd.max() > 0


def test_the_error_of_the_ecg_is_stated_by_its_spread(tmp_path):
    settings = SimulationSettings(
        EcgSettings(duration_ms=100.0, dt_ms=5.0),
        SIGMA,
        RepolarisationSettings(field="homogeneous"),
    )
    model = ErrorModel(1.0, np.log(2.0), -0.5, 0.5, {ECG_SD: 9.0}, {}, ECG_SD)
    known = replace(operator(), ecg_error=model)
    found = OperatorPredictor(known).predict(patient(), electrodes(), SIGMA)
    found = with_ecg(found, patient(), list(patient().activations.values()), settings)
    sd, size = (np.linalg.norm(x, axis=-1) for x in (found.ecg_sd, found.ecg))
    assert found.expected_ecg["expected"] == pytest.approx(2 * (sd / size).mean(), rel=1e-6)
    found.save(tmp_path / "prediction.npz")
    assert Prediction.load(tmp_path / "prediction.npz").expected_ecg == found.expected_ecg
    alone = with_ecg(replace(found, member_grad=None), patient(),
                     list(patient().activations.values()), settings)  # fmt: skip
    assert alone.expected_ecg is None


def test_the_p_wave_of_a_prediction_is_by_the_torso_and_has_no_spread(monkeypatch):
    """The small box of a heart has no atria: theirs are those of an idealised heart beside it."""
    wave = AtrialWave.of(heart_patient().heart, AtriaSettings(enabled=True))
    wall = wave.wall.muscle
    shifted = replace(wall, points=0.3 * wall.points + patient().heart.centroids.mean(axis=0))
    wave = replace(wave, wall=replace(wave.wall, muscle=shifted))
    monkeypatch.setattr("einthoven.physics.ecg.simulate.AtrialWave.of", lambda *_: wave)
    settings = SimulationSettings(
        EcgSettings(duration_ms=100.0), SIGMA, RepolarisationSettings(field="homogeneous"),
        AtriaSettings(enabled=True),
    )  # fmt: skip
    beats = list(patient().activations.values())
    found = with_ecg(predicted(), patient(), beats, settings)
    before = found.time < -1.0
    sigma = SIGMA.sigma_torso_s_per_m
    exact = np.stack([ball_lead_field_grad(wave.places, e, RADIUS, sigma)
                      for e in electrodes().points])  # fmt: skip
    assert_near(found.potential[0][:, before], wave.potential(exact, found.time)[:, before], 0.05)
    assert np.abs(found.ecg[0][:, before]).max() > 1e-4
    assert found.ecg_sd[0][:, before].max() < 1e-6 < found.ecg_sd[0][:, ~before].max()


def test_field_samples_outside_of_the_heart_are_those_of_the_torso():
    points = np.concatenate([patient().heart.centroids[:6], [[60.0, 40, 0], [-70, 0, 30]]])
    n = len(points)
    tissue = np.array([Tissue.MYOCARDIUM] * 6 + [Tissue.TORSO] * 2, np.int8)
    fiber = np.concatenate([patient().fibers.f0[:6], np.zeros((2, 3))]).astype("f4")
    field = FieldSamples(
        patient="p0001", field_points=points.astype("f4"), field_fiber=fiber, field_tissue=tissue,
        field_cell=np.arange(n, dtype=np.int32), field_sdf=np.zeros((n, 4), "f4"),
        field_grad=np.zeros((12, n, 3), "f4"), electrode_names=electrodes().names,
        electrode_points=electrodes().points,
    )  # fmt: skip
    predictor = OperatorPredictor(operator(1))
    found = predictor.predict(patient().with_stages(field), electrodes(), SIGMA, field=True)
    sigma = SIGMA.sigma_torso_s_per_m
    ball = [ball_lead_field_grad(points[6:], e, RADIUS, sigma) for e in electrodes().points]
    assert_near(found.field_grad[:, 6:], ball, 0.03)
    assert np.isfinite(found.field_grad).all() and np.abs(found.field_grad[:, :6]).min() > 0
    with pytest.raises(BadInput, match="the field samples are of other electrodes"):
        predictor.predict(patient().with_stages(field), patient().anatomy.electrodes(0, 3), SIGMA,
                          field=True)  # fmt: skip


def test_a_torchscript_file_gives_the_same_gradients(tmp_path):
    export_operator(tmp_path / "model.pt", operator().networks, {"model": "operator"})
    module = torch.jit.load(str(tmp_path / "model.pt"))
    for few in (slice(0, 48), slice(0, 5)):  # other numbers of points and electrodes
        here = inputs().at(torch.arange(48)[few])
        here = here._replace(incident=here.incident[: len(here.local)])
        expected, _ = operator().predict(here)
        assert_near(module(*here).numpy(), expected, 1e-5)


def test_checked_electrodes_are_the_nine_first_and_then_far_apart():
    names = electrodes().names[spread_electrodes(electrodes(), 10)]
    assert set(names[:9]) == set(STANDARD_ELECTRODES) and names[9].startswith("A")
    few = spread_electrodes(electrodes(), 2)
    nine = electrodes().points[:9]
    gaps = np.linalg.norm(nine[:, None] - nine, axis=2)
    assert gaps[few[0], few[1]] == gaps[few[0]].max()
    assert sorted(spread_electrodes(electrodes(), 12)) == list(range(12))
    with pytest.raises(BadInput, match="13 electrodes, but 12 are predicted"):
        spread_electrodes(electrodes(), 13)
