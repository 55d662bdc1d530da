"""Maps of a patient's heart in the report: rows, scales, stars, and what the colours stand for."""

import numpy as np
import pytest
from helpers.heart import HOMOGENEOUS, activated_patient

from einthoven.app.report.patient_page import (
    activation_figure,
    heart_surface,
    repolarisation_figure,
)
from einthoven.base.config.models import ActivationSettings as ActivationConfig
from einthoven.base.core.errors import BadInput
from einthoven.base.plots import heart_maps
from einthoven.physics.electrophysiology.repolarisation import apd90_field
from einthoven.physics.electrophysiology.scenarios import activate


@pytest.fixture(scope="module")
def patient():
    """The idealised heart in sinus rhythm and paced at its RV's lowest place."""
    ideal = activated_patient()
    beats = [activate(ideal, name, ActivationConfig()) for name in ("sinus", "rv-pacing")]
    return ideal.with_stages(*beats)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(heart_maps, "HEIGHT_PX", 90)


def bars(figure):
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def limits(bar):
    low, high = sorted(bar.get_ylim())
    return low, high


def test_each_scenario_has_a_row_and_a_scale_of_its_own(patient):
    figure = activation_figure(patient)
    titles = [axes.get_ylabel() for axes in figure.axes[::4] if axes not in bars(figure)]
    assert [title.replace("\n", " ") for title in titles] == ["sinus rhythm", "RV apical pacing"]
    nodes = heart_surface(patient).nodes
    for bar, activation in zip(bars(figure), patient.activations.values()):
        shown = activation.activation_time[nodes]
        low, high = limits(bar)
        assert bar.get_ylabel() == "activation time (ms)"
        assert low <= shown.min() < low + 10 and high - 10 <= shown.max() <= high
        first = f"{shown.min():.0f}"  # the earliest breakthrough is seen from some side
        row = figure.axes[4 * bars(figure).index(bar) :][:4]
        assert any(first == text.get_text() for axes in row for text in axes.texts)


def test_durations_are_drawn_where_they_differ(patient):
    tau = patient.activation("sinus").activation_time
    nodes = heart_surface(patient).nodes
    alike = apd90_field(patient, HOMOGENEOUS)
    (bar,) = bars(repolarisation_figure(patient, alike))
    low, high = limits(bar)
    assert bar.get_ylabel() == "repolarisation time (ms)"
    assert low <= (tau + alike)[nodes].min() and (tau + alike)[nodes].max() <= high
    differing = alike + 0.1 * patient.heart.height
    above, below = bars(repolarisation_figure(patient, differing))
    assert below.get_ylabel() == "APD90 (ms)"
    low, high = limits(below)
    assert low <= differing[nodes].min() and differing[nodes].max() <= high
    assert np.ptp(limits(below)) <= np.ptp(differing[nodes]) + 4  # not the scale above
    assert limits(above) != limits(below)
    with pytest.raises(BadInput, match="no scenario 'crt'"):
        repolarisation_figure(patient, alike, "crt")
