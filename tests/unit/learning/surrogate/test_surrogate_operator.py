"""The operator on the incident field: what holds for any weights, and that it learns."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers.fem import random_rotation
from helpers.operator import (
    N_ELECTRODES,
    N_POINTS,
    SMALL,
    an_operator,
    operator_samples,
    some_inputs,
    trained_like,
)

from einthoven.base.config.models import AnatomySettings, CohortSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.barycentric import cast_ray
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples
from einthoven.learning.surrogate.members import angular_deviation_deg
from einthoven.learning.surrogate.operator.calibration import calibrate_operator
from einthoven.learning.surrogate.operator.inputs import (
    EDGE_MM,
    HeartPoints,
    OperatorInputs,
    edge_of_cells,
)
from einthoven.learning.surrogate.operator.operator import POINTS_PER_BLOCK, OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import (
    IncidentOperator,
    load_operator,
    save_operator,
)
from einthoven.learning.surrogate.operator.train import (
    OperatorSample,
    operator_sample,
    train_operator,
)
from einthoven.learning.surrogate.operator.training_distribution import (
    TrainingDistribution,
)
from einthoven.numerics.training.task import torch_threads
from einthoven.numerics.training.tensors import arrays_sha256


@cache
def anatomy():
    return build_anatomy(draw_patient(0, CohortSettings()), AnatomySettings(sites="around"))


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
    """Superposition of electrodes is exact, as in the physics, whatever the weights."""
    network, one, other = trained_like(), some_inputs(1), some_inputs(1)._replace()
    other = other._replace(incident=some_inputs(2).incident)
    sum_of = one._replace(incident=2.0 * one.incident - 0.5 * other.incident)
    expected = 2.0 * network(one) - 0.5 * network(other)
    torch.testing.assert_close(network(sum_of), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_it_starts_as_the_torso_without_heart():
    given = some_inputs(3)
    torch.testing.assert_close(IncidentOperator(SMALL)(given), given.incident)


@pytest.mark.slow
@torch.inference_mode()
def test_no_frame_and_no_scale_of_conductivities():
    """A patient who stands elsewhere; all conductivities twice as large; f or -f."""
    body, (points, fiber) = anatomy(), in_the_wall()
    electrodes = body.site_points[:N_ELECTRODES]
    heart = HeartPoints(points, fiber, np.ones(N_POINTS), 3.0)
    usual = OperatorInputs.of(body, heart, electrodes, LeadFieldSettings())
    turn, shift = random_rotation(np.random.default_rng(2)), np.array([30.0, -50.0, 400.0])

    def moved(x):
        return x @ turn.T + shift

    elsewhere = replace(body, points=moved(body.points), heart_origin=moved(body.heart_origin),
                        heart_rotation=turn @ body.heart_rotation)  # fmt: skip
    twice = {name: 2 * value for name, value in LeadFieldSettings().conductivities.items()}
    twice = LeadFieldSettings(**twice)
    heart = heart._replace(points=moved(points), fiber=-fiber @ turn.T)
    found = OperatorInputs.of(elsewhere, heart, moved(electrodes), twice)
    torch.testing.assert_close(found.local, usual.local, rtol=0, atol=1e-4)
    scale = usual.incident.abs().max()
    torch.testing.assert_close(found.incident / scale, usual.incident / scale, rtol=0, atol=1e-3)
    network = trained_like()
    here, there = (network(each) / scale for each in (usual, found))
    torch.testing.assert_close(here, there, rtol=0, atol=1e-2)


def test_samples_take_the_conductivities_drawn_for_the_patient():
    """Only points of the myocardium, in the heart frame, times the torso's conductivity."""
    body, (points, fiber) = anatomy(), in_the_wall()
    tissue = np.full(N_POINTS, Tissue.MYOCARDIUM, np.int8)
    tissue[::5] = Tissue.TORSO
    grad = np.random.default_rng(1).normal(size=(N_ELECTRODES, N_POINTS, 3)).astype(np.float32)
    drawn = LeadFieldSettings().conductivities | {"sigma_torso_s_per_m": 0.1}
    field = FieldSamples(
        patient="p0000", field_points=points.astype("f4"), field_fiber=fiber.astype("f4"),
        field_cell=np.arange(N_POINTS, dtype=np.int32), field_tissue=tissue, field_grad=grad,
        field_sdf=np.zeros((N_POINTS, 4), "f4"), conductivities=drawn,
        electrode_points=body.site_points[:N_ELECTRODES],
        electrode_names=body.site_names[:N_ELECTRODES],
    )  # fmt: skip
    sample = operator_sample(Patient.of(body, field), LeadFieldSettings())
    inside = tissue == Tissue.MYOCARDIUM
    expected = 0.1 * grad[:, inside] @ body.heart_rotation
    np.testing.assert_allclose(sample.grad.numpy(), expected, rtol=1e-4, atol=1e-6)
    ratios = np.log([0.6 / 0.1, 0.15 / 0.1, 0.2 / 0.1])
    np.testing.assert_allclose(sample.inputs.local[0, -4:-1], ratios, rtol=1e-5)
    with pytest.raises(BadInput, match="p0000: no field sample"):
        operator_sample(
            Patient.of(body, replace(field, field_tissue=np.full_like(tissue, Tissue.TORSO))),
            LeadFieldSettings(),
        )


def test_it_learns_and_the_same_seed_gives_the_same_bytes(tmp_path):
    torch.manual_seed(0)
    data = operator_samples()
    network, curve = train_operator(SMALL, data[:3], data[3:], tmp_path / "one")
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]
    angles = [row["val_angular_error_deg"] for row in curve if "val_angular_error_deg" in row]
    assert angles[-1] < 0.9 * angles[0]
    train_operator(SMALL, data[:3], data[3:], tmp_path / "again")
    one, again = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "again"))
    assert one == again
    loaded, training_distribution = load_operator(tmp_path / "one/model.safetensors")
    weights = [
        arrays_sha256(*(t.numpy() for t in n.state_dict().values())) for n in (network, loaded)
    ]
    assert weights[0] == weights[1]
    assert training_distribution.check(data[0].inputs).values["points_sd"] == pytest.approx(
        1, abs=0.1
    )
    with pytest.raises(BadInput, match="no training patients"):
        train_operator(SMALL, [], [], tmp_path)


def test_a_training_goes_on_from_a_file(tmp_path):
    """It begins where the file ended, keeps its scales, and refuses another shape."""
    torch.manual_seed(0)
    data = operator_samples()
    first, curve = train_operator(SMALL, data[:2], [], tmp_path / "one")
    start = tmp_path / "one/model.safetensors"
    more, further = train_operator(SMALL, data[2:], [], tmp_path / "two", start=start)
    new, fresh = train_operator(SMALL, data[2:], [], tmp_path / "new")
    assert further[0]["loss"] < fresh[0]["loss"]
    assert torch.equal(first.mean, more.mean) and not torch.equal(new.mean, more.mean)
    wider = SMALL.model_copy(update={"width": SMALL.width + 8})
    with pytest.raises(BadInput, match="width, rank or frequencies"):
        train_operator(wider, data[:2], [], tmp_path / "three", start=start)


@torch.inference_mode()
def test_points_count_by_the_volume_they_stand_for():
    """A heart whose points of one half are cut into three each of a third of the volume."""
    network, coarse = trained_like(), some_inputs(1)
    cut = torch.arange(N_POINTS) < N_POINTS // 2
    parts = torch.repeat_interleave(torch.arange(N_POINTS), torch.where(cut, 3, 1))
    share = coarse.share[parts] / torch.where(cut, 3.0, 1.0)[parts]
    fine = OperatorInputs(coarse.local[parts], coarse.incident[:, parts], share)
    fine_field = network(fine)[:, parts.diff(prepend=parts[:1] - 1) > 0]
    torch.testing.assert_close(fine_field, network(coarse))


def as_told(network, inputs, over):
    """The equation in the head of `network`."""
    at, heart = (network.kernel(each.as_on(network.finest).local) for each in (inputs, over))
    return network.gradient(at, inputs.incident, network.excitations(heart.weights, over))


@torch.inference_mode()
def test_the_mean_of_networks_as_on_their_finest_mesh_and_its_deviation():
    """Evaluation in blocks, and over other points than those requested."""
    operator = an_operator(3, factor=2.0)
    for network, finest in zip(operator.networks, (-0.6, -0.5, -0.7)):
        network.finest.fill_(finest)
    heart, field = some_inputs(1, POINTS_PER_BLOCK + 10), some_inputs(2)
    for inputs, over in ((heart, None), (field, heart)):
        found, sd = operator.predict(inputs, over)
        each = torch.stack([as_told(n, inputs, over or inputs) for n in operator.networks])
        mean = each.mean(dim=0)
        torch.testing.assert_close(torch.tensor(found), mean, rtol=0, atol=1e-5 * mean.abs().max())
        deviation = angular_deviation_deg(each.numpy())
        np.testing.assert_allclose(sd, 2 * deviation, rtol=1e-3)
        plain = replace(operator, factor=1.0).predict(inputs, over)[1]
        np.testing.assert_allclose(sd, np.minimum(2 * plain, 2 * 90), rtol=1e-5)
    assert an_operator(1).predict(field)[1] is None
    with pytest.raises(BadInput, match="5 electrodes at the points, 6 over the heart"):
        operator.predict(field.at(torch.arange(9), torch.arange(5)), heart)
    with pytest.raises(BadInput, match="not finite"):
        operator.predict(field._replace(local=field.local * torch.nan))


def test_a_prediction_does_not_depend_on_the_number_of_threads():
    operator, inputs = an_operator(3), some_inputs(1, 2 * POINTS_PER_BLOCK + 10)
    found = []
    for threads in (1, 2, 3):
        with torch_threads(threads):
            found.append(operator.predict(inputs))
            assert torch.get_num_threads() == threads
    for mean, sd in found[1:]:
        assert np.array_equal(mean, found[0][0]) and np.array_equal(sd, found[0][1])


@torch.inference_mode()
def test_calibration_is_of_the_ensemble_and_read_back(tmp_path):
    """Half of the errors lie within the stated median, by the factor."""
    operator, inputs = an_operator(4), some_inputs(1)
    asked = [(n, inputs.as_on(n.finest)) for n in (trained_like(9), trained_like(10))]
    truths = [OperatorSample(inputs, network(seen)) for network, seen in asked]
    found = calibrate_operator(operator, truths)
    assert found["n_members"] == 4 and found["n_patients"] == 2
    assert found["coverage_50"] == pytest.approx(0.5, abs=0.01)
    assert found["ecg_factor"] == pytest.approx(1, abs=0.5)  # truths are draws as the members are
    with pytest.raises(BadInput, match="one network"):
        calibrate_operator(an_operator(1), truths)
    with pytest.raises(BadInput, match="no validation"):
        calibrate_operator(operator, [])
    for member, folder in enumerate((tmp_path, tmp_path / "member1")):
        network = operator.networks[member]
        save_operator(
            folder / "model.safetensors", network, operator.training_distribution, SMALL, ""
        )
    write_json(tmp_path / "uncertainty.json", found | {"n_members": 2})
    loaded = OperatorEnsemble.of_folder(tmp_path)
    assert (len(loaded.networks), loaded.factor) == (2, found["factor"])
    assert loaded.usual_sd_deg == found["sd_deg"]
    write_json(tmp_path / "uncertainty.json", found)
    with pytest.raises(BadInput, match="calibrated with 4 networks, here are 2"):
        OperatorEnsemble.of_folder(tmp_path)


def test_hearts_of_the_training_distribution_are_below_the_limit_and_others_beyond():
    operator, other = an_operator(1), some_inputs(40)
    assert operator.check(other).in_distribution
    shifted = other._replace(local=other.local + 4.0)
    assert set(operator.check(shifted).values) == {"points_sd", "heart_sd"}
    assert not operator.check(shifted).in_distribution
    alone = TrainingDistribution.of([some_inputs(seed) for seed in range(4)])
    assert not alone.check(some_inputs(3)).in_distribution  # too few for a limit


def test_the_edge_of_a_mesh_of_regular_tetrahedra():
    assert edge_of_cells(EDGE_MM**3 / (6 * 2**0.5)) == pytest.approx(EDGE_MM)
