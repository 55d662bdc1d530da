"""Bull's-eyes and traces: what stands where."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Wedge

from einthoven.base.core.errors import BadInput
from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.imaging_maps import (
    UNCERTAIN,
    Bullseye,
    VoltageTrace,
    bullseye_figure,
    segment_places,
    voltages_figure,
)
from einthoven.data.patient.segments import AHA_SEGMENTS

TIME = np.arange(500.0)
AREA = np.pi * (4.0**2 + 3.5**2)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)


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


def test_traces_are_side_by_side():
    figure = voltages_figure([trace(k) for k in (1, 17, 67)], "a case")
    assert [axes.get_title() for axes in figure.axes] == ["point 1", "point 17", "point 67"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["90 % interval", "simulated", "from the ECG"]
