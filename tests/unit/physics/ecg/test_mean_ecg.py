"""The mean ECG of a cohort: band, means by sex, and limits where the waves are."""

import numpy as np
import pytest
from helpers.ecg import synthetic_beat, time_axis

from einthoven.app.report.audit import cohort_ecg
from einthoven.base.core.names import LEADS
from einthoven.base.plots.ecg_paper import LAYOUT
from einthoven.base.plots.mean_ecg import CohortEcg, WaveLimits, mean_ecg_figure
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.features import EcgSample, feature_table

TIME = np.arange(-20.0, 400.0, 2.0)


def cohort(sexes=(None,) * 25, **more):
    rng = np.random.default_rng(3)
    traces = 0.3 * rng.normal(size=(len(sexes), 12, len(TIME)))
    traces[0, :, -10:] = np.nan  # a record that ends sooner
    return CohortEcg(TIME, traces, sexes, **more)


def panel(figure, lead):
    return figure.axes[np.ravel(LAYOUT).tolist().index(lead)]


def test_the_band_holds_96_percent_and_the_line_is_the_mean():
    ours = cohort()
    figure = mean_ecg_figure(ours)
    for lead in LEADS:
        axes, k = panel(figure, lead), LEADS.index(lead)
        assert axes.texts[0].get_text() == lead
        known, values = TIME[:-10], ours.traces[:, k, :-10]
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), known)
        np.testing.assert_allclose(axes.lines[0].get_ydata(), values.mean(axis=0))
        edge = axes.collections[-1].get_paths()[0].vertices
        low, high = np.percentile(values, (2, 98), axis=0)
        for level in np.concatenate([low, high]):
            assert np.abs(edge[:, 1] - level).min() < 1e-12
        assert axes.get_ylim()[0] <= low.min() and high.max() <= axes.get_ylim()[1]
    assert panel(figure, "III").get_xlabel() == "from the QRS onset (ms)"
    assert panel(figure, "I").get_ylabel() == "mV"


def test_women_are_dashed_where_both_sexes_are_there():
    ours = cohort(("male", "female", None, "male"))
    men, women = panel(mean_ecg_figure(ours), "V2").lines
    assert men.get_linestyle() == "-" and women.get_linestyle() == "--"
    np.testing.assert_allclose(women.get_ydata(), ours.traces[1, 7, :-10])
    np.testing.assert_allclose(men.get_ydata(), ours.traces[[0, 3], 7, :-10].mean(axis=0))
    assert len(panel(mean_ecg_figure(cohort(("male", None))), "V2").lines) == 1


def test_limits_stand_where_they_are_told_and_are_never_cut_off():
    some = (WaveLimits("V5", 40.0, 0.0, 4.2, None, "clinical"),
            WaveLimits("V5", 300.0, None, None, 0.44, "percentile", "male"))  # fmt: skip
    figure = mean_ecg_figure(cohort(limits=some))
    axes = panel(figure, "V5")
    _, bracket, *ends, centre = axes.lines
    np.testing.assert_array_equal(bracket.get_xydata(), [[40.0, 0.0], [40.0, 4.2]])
    assert [line.get_ydata()[0] for line in ends] == [0.0, 4.2]
    assert centre.get_ydata()[0] == 0.44 and abs(centre.get_xdata()[0] - 300.0) < 10
    assert axes.get_ylim()[1] >= 4.2
    assert len(panel(figure, "V4").lines) == 1
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert shown == {"mean", "2 to 98 % of 25 patients", "limits of textbooks",
                     "median or mean of healthy men"}  # fmt: skip


def test_published_limits_are_at_the_peaks_of_the_cohort():
    time = time_axis()
    beats = {"sinus": AveragedBeat(synthetic_beat(time), time, None, 1)}
    rows, _ = feature_table([EcgSample("a", beats, "female"), EcgSample("b", beats, "male")])
    found = {(its.lead, its.sex, its.high): its for its in cohort_ecg(rows).limits}
    r = found["V5", None, 2.5]  # the same for both sexes
    trace = rows[0].trace[LEADS.index("V5")]
    at_peak = np.interp(r.time, cohort_ecg(rows).time, trace)
    assert at_peak == pytest.approx(rows[0].values["r_mv_v5"], abs=0.03) and r.kind == "clinical"
    for sex, centre in (("female", 0.317), ("male", 0.444)):
        t = found["V5", sex, None]
        assert (t.centre, t.time) == (centre, rows[0].values["t_peak_ms_v5"])
