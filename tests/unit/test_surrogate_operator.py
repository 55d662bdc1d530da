"""The operator on the incident field: what holds for any weights, and that it learns."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers_fem import random_rotation

from einthoven.anatomy.body import build_anatomy
from einthoven.anatomy.population.cohort import draw_patient
from einthoven.config.learning import OperatorModel
from einthoven.config.models import Anatomy, Cohort, Leadfield
from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue
from einthoven.geometry.barycentric import cast_ray
from einthoven.patient.patient import Patient
from einthoven.patient.samples import FieldSamples
from einthoven.surrogate.operator.inputs import N_LOCAL, OperatorInputs
from einthoven.surrogate.operator.network import IncidentOperator
from einthoven.surrogate.operator.train import (
    OperatorSample,
    load_operator,
    operator_sample,
    train_operator,
)
from einthoven.training.tensors import arrays_sha256

SMALL = OperatorModel(width=16, rank=4, n_frequencies=4, epochs=30, points_per_batch=32,
                      heart_points=32, batch_patients=2, electrodes_per_batch=4)  # fmt: skip
N_POINTS, N_ELECTRODES = 50, 6


def trained_like(seed=0):
    """A network whose last layer is not at its start any more."""
    torch.manual_seed(seed)
    network = IncidentOperator(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def some_inputs(seed, n=N_POINTS):
    given = torch.Generator().manual_seed(seed)
    return OperatorInputs(torch.randn(n, N_LOCAL, generator=given),
                          torch.randn(N_ELECTRODES, n, 3, generator=given))  # fmt: skip


@cache
def anatomy():
    return build_anatomy(draw_patient(0, Cohort()), Anatomy(sites="around"))


@cache
def in_the_wall():
    """Points in the myocardium: between close pairs of endocardial and epicardial vertices."""
    surfaces, rng = anatomy().surfaces, np.random.default_rng(0)
    middle = 0.5 * (anatomy().landmark_points[1] + anatomy().landmark_points[3])
    away = rng.normal(size=(N_POINTS, 3))
    inner, outer = (
        np.array([cast_ray(*surfaces.closed(name), middle, a) for a in away])
        for name in ("lv", "epi")
    )
    return 0.5 * (inner + outer), away / np.linalg.norm(away, axis=1, keepdims=True)


@torch.inference_mode()
def test_linear_in_the_incident_field():
    """As the physics is, whatever the weights: superposition of electrodes is exact."""
    network, one, other = trained_like(), some_inputs(1), some_inputs(1)._replace()
    other = other._replace(incident=some_inputs(2).incident)
    sum_of = one._replace(incident=2.0 * one.incident - 0.5 * other.incident)
    expected = 2.0 * network(one, one) - 0.5 * network(other, other)
    torch.testing.assert_close(network(sum_of, sum_of), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_it_starts_as_the_torso_without_heart():
    given = some_inputs(3)
    torch.testing.assert_close(IncidentOperator(SMALL)(given, given), given.incident)


@pytest.mark.slow
@torch.inference_mode()
def test_no_frame_and_no_scale_of_conductivities():
    """A patient who stands elsewhere; all conductivities twice as large; f or -f."""
    body, (points, fiber) = anatomy(), in_the_wall()
    electrodes = body.site_points[:N_ELECTRODES]
    usual = OperatorInputs.of(body, points, fiber, electrodes, Leadfield())
    turn, shift = random_rotation(np.random.default_rng(2)), np.array([30.0, -50.0, 400.0])

    def moved(x):
        return x @ turn.T + shift

    elsewhere = replace(body, points=moved(body.points), heart_origin=moved(body.heart_origin),
                        heart_rotation=turn @ body.heart_rotation)  # fmt: skip
    twice = {name: 2 * value for name, value in Leadfield().conductivities.items()}
    twice = Leadfield(**twice)
    found = OperatorInputs.of(elsewhere, moved(points), -fiber @ turn.T, moved(electrodes), twice)
    torch.testing.assert_close(found.local, usual.local, rtol=0, atol=1e-4)
    scale = usual.incident.abs().max()
    torch.testing.assert_close(found.incident / scale, usual.incident / scale, rtol=0, atol=1e-3)
    network = trained_like()
    here, there = (network(each, each) / scale for each in (usual, found))
    torch.testing.assert_close(here, there, rtol=0, atol=1e-2)


def test_samples_take_the_conductivities_drawn_for_the_patient():
    """Only points of the myocardium, in the heart frame, times the torso's conductivity."""
    body, (points, fiber) = anatomy(), in_the_wall()
    tissue = np.full(N_POINTS, Tissue.MYOCARDIUM, np.int8)
    tissue[::5] = Tissue.TORSO
    grad = np.random.default_rng(1).normal(size=(N_ELECTRODES, N_POINTS, 3)).astype(np.float32)
    drawn = Leadfield().conductivities | {"sigma_torso_s_per_m": 0.1}
    field = FieldSamples(
        patient="p0000", field_points=points.astype("f4"), field_fiber=fiber.astype("f4"),
        field_cell=np.arange(N_POINTS, dtype=np.int32), field_tissue=tissue, field_grad=grad,
        field_sdf=np.zeros((N_POINTS, 4), "f4"), conductivities=drawn,
        electrode_points=body.site_points[:N_ELECTRODES],
        electrode_names=body.site_names[:N_ELECTRODES],
    )  # fmt: skip
    sample = operator_sample(Patient.of(body, field), Leadfield())
    inside = tissue == Tissue.MYOCARDIUM
    expected = 0.1 * grad[:, inside] @ body.heart_rotation
    np.testing.assert_allclose(sample.grad.numpy(), expected, rtol=1e-4, atol=1e-6)
    ratios = np.log([0.6 / 0.1, 0.15 / 0.1, 0.2 / 0.1])
    np.testing.assert_allclose(sample.inputs.local[0, -3:], ratios, rtol=1e-5)
    with pytest.raises(BadInput, match="p0000: no field sample"):
        operator_sample(
            Patient.of(body, replace(field, field_tissue=np.full_like(tissue, Tissue.TORSO))),
            Leadfield(),
        )


def samples(n=4):
    """Hearts that turn and stretch the field by place, and feel its mean."""
    found = []
    for seed in range(n):
        inputs = some_inputs(seed, 200)
        inputs = inputs._replace(incident=inputs.incident + torch.randn(N_ELECTRODES, 1, 3))
        mean = inputs.incident.mean(dim=1, keepdim=True)
        found.append(
            OperatorSample(inputs, inputs.incident * (1.5 + inputs.local[:, :1].tanh()) + mean)
        )
    return found


def test_it_learns_and_the_same_seed_gives_the_same_bytes(tmp_path):
    torch.manual_seed(0)
    data = samples()
    network, curve = train_operator(SMALL, data[:3], data[3:], tmp_path / "one")
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]
    angles = [row["val_angular_error_deg"] for row in curve if "val_angular_error_deg" in row]
    assert angles[-1] < 0.9 * angles[0]
    train_operator(SMALL, data[:3], data[3:], tmp_path / "again")
    one, again = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "again"))
    assert one == again
    loaded = load_operator(tmp_path / "one/model.safetensors")
    weights = [
        arrays_sha256(*(t.numpy() for t in n.state_dict().values())) for n in (network, loaded)
    ]
    assert weights[0] == weights[1]
    with pytest.raises(BadInput, match="no training patients"):
        train_operator(SMALL, [], [], tmp_path)
