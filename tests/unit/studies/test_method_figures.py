"""Figures of methods by condition: what stands where."""

import numpy as np
import pytest
from helpers.recordings import ellipsoid
from method_figures import method_errors_figure, method_maps_figure

from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.inverse_maps import FRONT, Panel, closed_surface


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)


POINTS, FACES = ellipsoid(1, (40.0, 35.0, 45.0))
HEART = closed_surface(POINTS, FACES)


def texts(figure):
    """All titles, labels and captions of a figure."""
    return [text for axes in figure.axes
            for text in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())]  # fmt: skip


def test_maps_of_methods():
    """Rows are methods, columns conditions, the reference comes first."""
    values = POINTS[:, 2] / 45
    grid = {m: {c: Panel(values * k, f"RE {k}") for k, c in ((0.9, "0.01"), (0.5, "0.1"))}
            for m in ("tikhonov-2", "eand-arn")}  # fmt: skip
    figure = method_maps_figure(HEART, values, grid, Bands.of_potentials(values, "u (1)"), [FRONT])
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == 5
    found = texts(figure)
    assert [found.count(t) for t in ("reference", "0.01", "0.1", "u (1)")] == [1, 1, 1, 1]
    assert found.count("Tikhonov 2") == found.count("EAND-ARN") == 1
    first, high, low = (maps[k].images[0].get_array().astype(float) for k in (0, 1, 2))
    inside = (first < 250).any(axis=2)
    assert np.abs(first - high)[inside].mean() < np.abs(first - low)[inside].mean()


def test_errors_of_methods():
    errors = {"RE (1)": {m: {"0.01": (0.2 + k, 0.01), "0.1": (0.4 + k, 0.1)}
                         for k, m in enumerate(("tikhonov-2", "eand-arn"))}}  # fmt: skip
    figure = method_errors_figure(errors)
    assert texts(figure)[1:] == ["noise SD", "RE (1)"]
    heights = sorted(line.get_ydata().tolist() for line in figure.axes[0].lines
                     if line.get_marker() in "^o")  # fmt: skip
    assert heights == [[0.2, 0.4], [1.2, 1.4]]
