"""Figures of inverse ECG: scales, panels and what is written on them."""

import numpy as np
import pytest
from helpers.recordings import ellipsoid
from matplotlib.colors import to_rgb

from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.inverse_curves import LOOKS, TracePanel, look_of, traces_figure
from einthoven.base.plots.inverse_maps import (
    ElectrodeMarks,
    Panel,
    body_and_heart_figure,
    closed_surface,
)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)


POINTS, FACES = ellipsoid(1, (40.0, 35.0, 45.0))
HEART = closed_surface(POINTS, FACES)


def lightness(colour):
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


@pytest.mark.parametrize("low, high", [(-20.3, 15.1), (0.0, 1.0), (3e-4, 5e-4), (2.0, 2.0)])
def test_a_scale_holds_all_values_and_brightens_throughout(low, high):
    scale = Bands.of_potentials(np.array([low, high]))
    ends = scale.edges[0] - 1e-12, scale.edges[-1] + 1e-12
    assert ends[0] <= low <= high <= ends[1] and 4 <= len(scale.edges) <= 16
    assert (np.diff([lightness(c) for c in scale.colours.colors]) > 0).all()


def test_electrodes_are_drawn_where_they_are_seen():
    at = np.abs(POINTS[:, 1]) > 20
    electrodes = ElectrodeMarks(POINTS[at] * 1.001, POINTS[at, 2])
    panel = Panel(POINTS[:, 2])
    figure = body_and_heart_figure((HEART, HEART), (panel, panel), electrodes, "50 ms")
    dots = [axes.collections[0].get_offsets() for axes in figure.axes if axes.collections
            and len(axes.images)]  # fmt: skip
    front, back = POINTS[at, 1] < 0, POINTS[at, 1] > 0
    assert [len(places) for places in dots] == [front.sum(), back.sum()]
    np.testing.assert_allclose(np.sort(dots[0][:, 1]), np.sort(POINTS[at][front, 2]), atol=0.2)


def test_traces_have_a_zoom_at_the_upstroke():
    time = np.linspace(0, 60, 400)
    true = 1 / (1 + np.exp(-(time - 20) / 0.5))
    panel = TracePanel("noise 0.1", {"stre": true + 0.1, "waves": true}, true,
                       {"waves": np.full(400, 0.1)})  # fmt: skip
    figure = traces_figure(time, [panel], ("time (1)", "potential (1)"))
    axes = figure.axes[0]
    low, high = axes.child_axes[0].get_xlim()
    assert low < 20 < high and high - low < 10
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["reference", "STRE", "wave prior", "wave prior, 90 %"]


def test_every_method_looks_its_own_way():
    looks = [(look.colour, str(look.line), look.marker) for look in LOOKS.values()]
    assert len(set(looks)) == len(looks)
    assert look_of("new").label == "new"
