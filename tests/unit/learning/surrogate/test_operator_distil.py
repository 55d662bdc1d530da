"""Distilled operators: members answer as their teachers, by hidden layers in common."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.operator import SMALL, an_operator, operator_samples, some_inputs

from einthoven.base.core.errors import BadInput
from einthoven.learning.surrogate.operator.distil import distil_operator
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.learning.surrogate.operator.train import train_operator

DISTIL = SMALL.model_copy(update={"epochs": 150, "learning_rate": 0.01})


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Teachers, samples that their mean knows exactly, and the distilled operator's folder."""
    teacher, folder = an_operator(3), tmp_path_factory.mktemp("distilled")
    samples = operator_samples(4)
    with torch.inference_mode():
        truth = [torch.stack([n(s.inputs) for n in teacher.networks]).mean(0) for s in samples]
    samples = [s._replace(grad=grad.clone()) for s, grad in zip(samples, truth)]
    distil_operator(DISTIL, teacher, samples[:3], samples[3:], folder)
    return teacher, samples, folder


def test_members_answer_as_their_teachers_by_one_trunk(taught):
    teacher, samples, folder = taught
    found = OperatorEnsemble.of_folder(folder)
    assert found.hidden_of == (0, 0, 0) and teacher.hidden_of == (0, 1, 2)
    inputs = samples[3].inputs

    def of_each(operator):
        each = [replace(operator, networks=(n,)).predict(inputs)[0] for n in operator.networks]
        return np.stack(each)

    ours, theirs = of_each(found), of_each(teacher)
    start = of_each(replace(teacher, networks=teacher.networks[:1] * 3))
    left = [np.linalg.norm(x - theirs) / np.linalg.norm(theirs) for x in (ours, start)]
    assert left[0] < 0.5 * left[1]
    spread, wanted = (x.predict(inputs)[1].mean() for x in (found, teacher))
    assert spread == pytest.approx(wanted, rel=0.25)


@torch.inference_mode()
def test_layers_in_common_are_evaluated_once_and_change_nothing(taught, monkeypatch):
    teacher, _, folder = taught
    found, inputs = OperatorEnsemble.of_folder(folder), some_inputs(5)
    calls, hidden = [], IncidentOperator.hidden
    monkeypatch.setattr(
        IncidentOperator, "hidden", lambda net, x: calls.append(1) or hidden(net, x)
    )
    mixed = replace(found, networks=(found.networks[0], teacher.networks[1], *found.networks[1:]))
    assert mixed.hidden_of == (0, 1, 0, 0)
    for operator, n_calls in ((found, 1), (teacher, 3), (mixed, 3)):
        calls.clear()
        mean = operator.predict(inputs)[0]
        assert len(calls) == n_calls
        alone = [replace(operator, networks=(n,)).predict(inputs)[0] for n in operator.networks]
        np.testing.assert_allclose(mean, np.mean(alone, axis=0), rtol=0, atol=1e-5)


def test_the_same_seed_gives_the_same_bytes(taught, tmp_path):
    teacher, samples, _ = taught
    short = DISTIL.model_copy(update={"epochs": 2})
    for name in ("one", "again"):
        distil_operator(short, teacher, samples[:3], [], tmp_path / name)
    files = [sorted((tmp_path / name).rglob("*.*")) for name in ("one", "again")]
    assert len(files[0]) == 4
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]


def test_what_cannot_be_distilled(tmp_path):
    samples, wider = operator_samples(1), SMALL.model_copy(update={"width": 24})
    with pytest.raises(BadInput, match="1 networks"):
        distil_operator(SMALL, an_operator(1), samples, [], tmp_path)
    with pytest.raises(BadInput, match="0 patients"):
        distil_operator(SMALL, an_operator(3), [], [], tmp_path)
    with pytest.raises(BadInput, match="differ from the section's"):
        distil_operator(wider, an_operator(3), samples, [], tmp_path)


@pytest.mark.parametrize("distilled", [False, True])
def test_reduced_precision_reaches_the_layers(distilled, tmp_path):
    """bfloat16 has eight bits, so that losses differ in the third digit or later."""
    torch.manual_seed(0)
    samples, losses = operator_samples(2), []
    for precision in (32, "bf16-mixed"):
        config = SMALL.model_copy(update={"epochs": 3, "precision": precision})
        folder = tmp_path / str(precision)
        if distilled:
            distil_operator(config, an_operator(3), samples, [], folder)
        else:
            train_operator(config, samples, [], folder)
        header, *_, row = (folder / "curve.csv").read_text().split()
        losses.append(float(row.split(",")[header.split(",").index("loss")]))
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
