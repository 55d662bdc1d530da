"""Figures show what they are given; the report is one file that loads nothing."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from einthoven.app.report.page import PageSection, Picture, Table, png_bytes, write_page
from einthoven.app.report.results import encoder_section
from einthoven.app.report.run import shown_method
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.base.plots.ecg_paper import LAYOUT, ecg_figure, ecg_print_figure
from einthoven.base.plots.errors import (
    cdf_figure,
    comparison_figure,
    electrode_error_figure,
    error_scale,
    torso_map_figure,
)
from einthoven.base.plots.substrate import substrate_figure
from einthoven.body.anatomy.electrodes import grid_electrodes
from einthoven.body.anatomy.shape.torso import torso_surface

TIME = np.arange(-20.0, 200.0)


def beat(amplitude: float) -> np.ndarray:
    shape = np.exp(-(((TIME - 40) / 10) ** 2))
    return np.stack([amplitude * (k + 1) * shape for k in range(len(LEADS))])


def test_each_lead_stands_in_its_panel():
    figure = ecg_figure(TIME, {"fem": beat(0.1), "pseudo": beat(0.2)})
    panels = [axes for axes in figure.axes if axes.lines]
    names = [name for row in LAYOUT for name in row]
    assert len(panels) == 12
    for axes, name in zip(panels, names):
        assert axes.texts[0].get_text() == name
        fem, pseudo = axes.lines
        np.testing.assert_allclose(fem.get_ydata(), beat(0.1)[LEADS.index(name)])
        np.testing.assert_allclose(pseudo.get_ydata(), beat(0.2)[LEADS.index(name)])
        low, high = axes.get_ylim()
        assert low <= fem.get_ydata().min() and pseudo.get_ydata().max() <= high


def test_methods_differ_in_line_style_not_only_in_colour():
    figure = ecg_figure(TIME, {"fem": beat(0.1), "pseudo": beat(0.2), "pca-mlp": beat(0.3)})
    lines = next(axes for axes in figure.axes if axes.lines).lines
    assert len({repr(line.get_linestyle()) + repr(line._dash_pattern) for line in lines}) == 3


def test_a_print_is_to_scale():
    """25 mm/s and 10 mm/mV in the axes, which are in mm, and on paper."""
    time, peak = np.arange(-20.0, 500.0), 40.0
    ecg = np.outer(0.1 * np.arange(1, 13), np.exp(-(((time - peak) / 10) ** 2)))
    figure = ecg_print_figure(time, ecg, "p0000", rr_ms=800.0)
    axes = figure.axes[0]
    size_mm = 25.4 * figure.get_size_inches()
    np.testing.assert_allclose(size_mm, [axes.get_xlim()[1], axes.get_ylim()[1]])
    pulses = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 6]
    traces = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) > 6]
    assert len(pulses) == 4 and len(traces) == 13
    for pulse in pulses:  # 1 mV for 200 ms
        np.testing.assert_allclose(np.ptp(pulse, axis=0), [10.0, 10.0])
        np.testing.assert_allclose(pulse[3] - pulse[2], [5.0, 0.0])
    names = [text.get_text() for text in axes.texts][:13]
    assert names == [*np.ravel(LAYOUT), "II"]
    baselines = np.append(np.repeat([pulse[0, 1] for pulse in pulses[:3]], 4), pulses[3][0, 1])
    for name, trace, baseline in zip(names, traces, baselines):
        millivolts = 0.1 * (LEADS.index(name) + 1)
        assert trace[:, 1].max() - baseline == pytest.approx(10 * millivolts, rel=1e-3)
        assert baseline % 5 == 0
    strip = traces[-1]
    peaks = strip[np.isclose(strip[:, 1], strip[:, 1].max()), 0]
    np.testing.assert_allclose(np.diff(peaks), 0.8 * 25)
    assert np.ptp(strip[:, 0]) == pytest.approx(250)
    ecg[6, -1] = 0.5  # V1 is cut off in the middle of a wave
    cut = ecg_print_figure(time, ecg, rr_ms=800.0).axes[0]
    blank = [np.isnan(line.get_ydata()).any() for line in cut.lines if len(line.get_xdata()) > 6]
    assert [name for name, gap in zip(names, blank) if gap] == ["V1"]
    with pytest.raises(BadInput, match="rr_ms = 100 is outside 200 to 3000; ms"):
        ecg_print_figure(time, np.zeros((12, len(time))), rr_ms=100.0)


def test_a_print_has_the_beats_own_rate_and_adds_what_overlaps():
    """A P wave 200 ms before the QRS falls on the end of a T wave at 450 ms, 600 ms apart."""
    time = np.arange(-260.0, 600.0)
    p_wave = 0.1 * np.exp(-(((time + 200) / 30) ** 2))
    t_wave = 0.3 * np.exp(-(((time - 420) / 30) ** 2))
    axes = ecg_print_figure(time, np.tile(p_wave + t_wave, (12, 1)), rr_ms=600.0).axes[0]
    assert any(text.get_text().endswith("100/min") for text in axes.texts)
    strip = axes.lines[-1].get_xydata()
    height = strip[:, 1] - np.median(axes.lines[-2].get_ydata()[:1])
    at = 300.0 + 600.0 * 5 + 410.0  # between the T wave and the P wave of the next beat
    expected = np.interp(410.0, time, t_wave) + np.interp(-190.0, time, p_wave)
    k = np.argmin(np.abs(strip[:, 0] - strip[0, 0] - at / 1000 * 25))
    assert height[k] / 10 == pytest.approx(expected, rel=1e-2)
    steps = np.diff(strip[np.isclose(strip[:, 1], strip[:, 1].max(), atol=1e-6), 0])
    np.testing.assert_allclose(steps, 0.6 * 25, atol=1e-9)


def test_error_figures_have_units_and_every_method():
    levels = np.linspace(0, 40, 50)
    share = np.clip(levels / 20, 0, 1)[None].repeat(3, axis=0)
    panel = {"heart": {"pseudo": (levels, share), "pca-mlp": (levels, share)}}
    figure = cdf_figure(panel, {"heart": "angular error (degrees)"}, {"heart": 40.0})
    assert figure.axes[0].get_xlabel() == "angular error (degrees)"
    assert len([x for x in figure.axes[0].lines if x.get_linestyle() != "None"]) >= 2
    errors = {"pseudo": np.arange(6.0).reshape(2, 3)}
    figure = electrode_error_figure(errors, ["V1", "V2", "RA"], ["p0", "p1"])
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert labels == ["V1", "V2", "RA"]  # sorted by the mean error
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), errors["pseudo"])
    errors["pca-mlp"] = np.array([[6.0, 4.0, 0.0], [np.nan] * 3])  # a patient is missing
    figure = electrode_error_figure(errors, ["V1", "V2", "RA"], ["p0", "p1"])
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["RA", "V2", "V1"]
    bars = comparison_figure({"pseudo": (15.0, 1.0), "pca-mlp": (5.0, 0.5)}, "error (degrees)")
    widths = [patch.get_width() for patch in bars.axes[0].patches]
    assert widths == pytest.approx([15.0, 5.0])


def test_the_worst_method_leaves_the_others_their_colours():
    norm = error_scale([np.array([12.0, 20.0, np.nan]), np.array([1.0, 2.0])])
    low, high, worst = (float(norm(x)) for x in (1.0, 2.0, 20.0))
    assert (low, worst) == (0.0, 1.0)
    assert high - low > 0.2  # on a linear scale from zero it would be 0.05
    assert float(error_scale([np.zeros(3)])(0.0)) == 0.0  # no error at all can be drawn, too


def test_titles_of_methods_are_not_cut_off():
    figure = electrode_error_figure({"deepsdf-refraction": np.ones((1, 3))}, ["V1"] * 3, ["p0"])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        title = axes._left_title.get_window_extent(canvas.get_renderer())
        assert title.x1 <= figure.bbox.x1 and title.y1 <= figure.bbox.y1


def test_finite_elements_are_seen_below_what_agrees_with_them():
    figure = ecg_figure(TIME, {"fem": beat(0.1), "operator": beat(0.1)})
    fem, operator = next(axes for axes in figure.axes if axes.lines).lines
    assert fem.get_linewidth() > 2 * operator.get_linewidth()
    assert fem.get_zorder() < operator.get_zorder()
    assert operator.is_dashed()


def test_a_number_and_its_deviation_stay_on_one_line(tmp_path):
    section = PageSection("Results", "", [Table(["method", "angle"], [["a", "1.5 ± 0.2"]])])
    write_page(tmp_path / "page.html", "Title", "lead", [section])
    assert "1.5\u00a0±\u00a00.2" in (tmp_path / "page.html").read_text()


def test_surfaces_of_codes_have_their_names():
    values = {f"chamfer_{kind}_epi_mm": {"mean": 0.1, "std": 0.01, "n_patients": 4}
              for kind in ("interior", "surface")}  # fmt: skip
    run = SimpleNamespace(metrics={"encoders": {"deepsdf": values | {"missing_patients": {}}}})
    (table,) = encoder_section(run).content
    assert table.rows == [["deepsdf", "epicardium", "0.1 ± 0.01", "0.1 ± 0.01", "4"]]


def test_a_torso_map_shows_each_electrode_once_from_the_side_where_it_is():
    body = torso_surface([], "coarse")
    for sites, n_views in (("front", 1), ("around", 2)):
        points = grid_electrodes(body, sites)[:40]
        value = np.arange(40.0)
        figure = torso_map_figure(body.points, body.faces, points, {"pseudo": value}, "error (°)")
        panels = [axes for axes in figure.axes if axes.get_ylabel() == "z, to the head (mm)"]
        assert len(panels) == n_views
        shown = [np.asarray(axes.collections[-1].get_array()) for axes in panels]
        np.testing.assert_array_equal(np.sort(np.concatenate(shown)), value)
        low, high = panels[0].get_xlim()
        assert low < high  # the patient's left is at the right
    low, high = panels[1].get_xlim()
    assert low > high  # and at the left from behind
    behind = points[shown[1].astype(int)]
    assert behind[:, 1].min() > np.median(points[:, 1])


def test_report_is_self_contained_escaped_and_reproducible(tmp_path):
    figure = comparison_figure({"pseudo": (15.0, 1.0)}, "error (degrees)")
    section = PageSection(
        "Results", "a < b", [Table(["m", "x"], [["<i>", "1"]]), Picture(figure, "c")]
    )
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, "Title", "lead", [section], ["p0003 is missing"])
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(s.startswith(("data:image/png;base64,", "#")) for s in sources)
    assert "&lt;i&gt;" in page and "a &lt; b" in page and "p0003 is missing" in page
    assert png_bytes(figure)[:4] == b"\x89PNG"


def test_pictures_show_a_fixed_method_whatever_the_test_errors():
    def metrics(**errors):
        return {"methods": {m: {"angular_error_deg": {"mean": e}} for m, e in errors.items()}}

    worse = metrics(**{"pca-mlp": 1.0, "deepsdf-refraction": 9.0, "pseudo": 0.1})
    assert shown_method(worse) == "deepsdf-refraction"
    assert shown_method(metrics(**{"pca-mlp": 1.0, "pseudo": 0.1})) == "pca-mlp"


@pytest.mark.parametrize("changed, words", [
    ({"tissue": np.array([3])}, "it is 0 healthy, 1 border zone or 2 core"),
    ({"tissue": np.array([0, 2])}, "tissue"),
    ({"ecgs": {}}, "one or two are drawn"),
    ({"ecgs": {"healthy": np.zeros((8, len(TIME)))}}, "ECG healthy"),
])  # fmt: skip
def test_hearts_with_a_scar_that_do_not_fit_are_not_drawn(changed, words):
    tetrahedron = {"points": np.eye(4)[:, :3], "cells": np.array([[0, 1, 2, 3]])}
    usual = {"tissue": np.array([2]), "time": TIME, "ecgs": {"healthy": np.zeros((12, len(TIME)))}}
    with pytest.raises(BadInput, match=words):
        substrate_figure(**(tetrahedron | usual | changed))
