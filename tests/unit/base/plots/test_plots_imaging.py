"""Bull's-eyes, traces, error boxes and the paper's figures: what stands where."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.recordings import ellipsoid
from matplotlib.colors import to_rgb
from matplotlib.patches import Wedge

from einthoven.base.core.errors import BadInput
from einthoven.base.plots.bullseye import UNCERTAIN, Bullseye, bullseye_figure, segment_places
from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.imaging_paper import (
    ImagedCase,
    activation_paper_figure,
    voltage_paper_figure,
)
from einthoven.base.plots.imaging_traces import VoltageTrace, error_boxes_figure, voltages_figure
from einthoven.base.plots.inverse_maps import closed_surface
from einthoven.data.patient.segments import AHA_SEGMENTS

TIME = np.arange(500.0)
AREA = np.pi * (4.0**2 + 3.5**2)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_views.HEIGHT_PX", 80)


def lightness(colour):
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def test_places_are_those_of_the_standard():
    """Cerqueira 2002: anterior above, inferior below, septal left, lateral right, base outside."""
    for place, name in zip(segment_places(), AHA_SEGMENTS):
        x, y = place.middle
        level, _, wall = name.partition(" ")
        assert place.outer == {"basal": 4, "mid": 3, "apical": 2, "apex": 1}[level]
        assert ("anter" in wall) <= (y > 0.4) and ("infer" in wall) <= (y < -0.4)
        assert ("sept" in wall) <= (x < -0.4) and ("lateral" in wall) <= (x > 0.4)


def test_places_cover_both_discs_once():
    places = segment_places()
    areas = [(p.outer**2 - p.inner**2) * np.deg2rad(p.end - p.start) / 2 for p in places]
    assert len(places) == 30 and sum(areas) == pytest.approx(AREA)
    for place in places:
        x, y = place.middle[0] - place.centre, place.middle[1]
        covering = [
            q for q in places
            if q.centre == place.centre and q.inner <= np.hypot(x, y) < q.outer
            and (np.rad2deg(np.arctan2(y, x)) - q.start) % 360 < q.end - q.start
        ]  # fmt: skip
        assert covering == [place]


def test_a_bullseye_writes_every_value_in_a_colour_of_its_band():
    values = np.linspace(0, 95, 30)
    values[[4, 20]] = np.nan
    bands = Bands.of("activation time (ms)", values[np.isfinite(values)])
    widths = replace(bands, label="width (ms)", cmap=UNCERTAIN)
    figure = bullseye_figure([Bullseye("times", values, bands), Bullseye("w", values, widths)])
    first = figure.axes[0]
    wedges = [patch for patch in first.patches if isinstance(patch, Wedge)]
    assert len(wedges) == 30 and sum(bool(w.get_hatch()) for w in wedges) == 2
    shown = [lightness(w.get_facecolor()[:3]) for w in wedges if not w.get_hatch()]
    assert (np.diff(shown) <= 1e-9).all()  # later is darker, in grey, too
    texts = {text.get_text() for text in first.texts}
    assert {"95", "R13", "septal", "17"} <= texts
    for text in first.texts:
        if text.get_weight() == "bold" and text.get_text().isdigit():
            under = next(w for w in wedges if w.get_path().contains_point(
                text.get_position(), w.get_patch_transform()))  # fmt: skip
            contrast = lightness(text.get_color()) - lightness(under.get_facecolor()[:3])
            assert abs(contrast) > 0.4
    assert {axes.get_ylabel() for axes in figure.axes} >= {"activation time (ms)", "width (ms)"}
    with pytest.raises(BadInput, match="values"):
        bullseye_figure([Bullseye("", values[:17], bands)])


def trace(k):
    voltage = np.where(TIME < 30 + k, -85.0, 20.0)
    return VoltageTrace(f"point {k}", TIME, voltage, voltage + 1, (voltage - 5, voltage + 5))


def test_traces_and_boxes():
    figure = voltages_figure([trace(k) for k in (1, 17, 67)], "a case")
    assert [axes.get_title() for axes in figure.axes] == ["point 1", "point 17", "point 67"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["90 % interval", "simulated", "from the ECG"]
    errors = {f"p{k}": np.arange(101.0) - 50 + k for k in range(15)}
    axes = error_boxes_figure(errors).axes[0]
    boxes = [patch.get_path().vertices[:, 1] for patch in axes.patches]
    assert [(b.min(), b.max()) for b in boxes] == [(k - 25, k + 25) for k in range(15)]
    assert "101 cases" in axes.get_xlabel() and "(ms)" in axes.get_ylabel()


def test_figures_of_the_paper():
    points, faces = ellipsoid(1, (40.0, 35.0, 45.0))
    times = points[:, 2] - points[:, 2].min()
    ecg = np.sin(TIME / 30) * np.arange(1, 13)[:, None] / 12
    case = ImagedCase(ecg, TIME, closed_surface(points, faces), times, times + 12.0)
    assert np.ptp(np.diff(case.bands.edges)) < 1e-9 and case.bands.edges[1] == 10.0
    assert case.bands.edges[-1] >= times.max() + 12
    errors = {f"AHA{k:02d}": np.arange(9.0) for k in range(1, 16)}
    three = activation_paper_figure(case, errors, "network I")
    assert sum(bool(axes.images) for axes in three.axes) == 4
    lead = next(a for a in three.axes if any(t.get_text() == "V4" for t in a.texts))
    np.testing.assert_array_equal(lead.lines[0].get_ydata(), ecg[9])
    four = voltage_paper_figure(case, [trace(k) for k in (1, 17, 67)], errors, "network II")
    titles = [axes.get_title() for axes in four.axes]
    assert titles[:4] == ["(a) point 1", "(b) point 17", "(c) point 67",
                          "(d) errors of times read from $V_m$"]  # fmt: skip
